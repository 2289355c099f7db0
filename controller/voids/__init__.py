"""Voids: two people take away what a stolen key has signed, and say what of it still protects."""
