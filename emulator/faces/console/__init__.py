"""The serial console of a bench: lines in, lines out."""
