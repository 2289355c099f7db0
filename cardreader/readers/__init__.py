"""Readers: what a card is put into. Here files are opened and, later, PC/SC."""
