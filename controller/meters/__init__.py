"""Meters and links as they make themselves known, and who told them the time."""
