"""Readers: what a card is put into. A file, or a reader by PC/SC; `opening.open_card` gives either."""
