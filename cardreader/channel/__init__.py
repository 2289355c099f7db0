"""The secure channel between a host and a card, and the keys for it. Host and card use the same code."""
