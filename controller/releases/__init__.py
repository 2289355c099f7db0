"""Releases: one person restores the supply of one, several or all meters; and how long that took."""
