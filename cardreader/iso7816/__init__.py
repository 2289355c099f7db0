"""How one speaks to any chip card: commands, answers, status words, TLV (ISO 7816-4)."""
