"""Moratoriums: times without cuts, and how many meters know of them."""
