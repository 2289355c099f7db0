"""Nights as the card meter of 2020 lives them, and one file per fault."""
