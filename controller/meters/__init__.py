"""Meters and links as they register themselves, and their witnesses of time."""
