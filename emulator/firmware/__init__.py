"""Firmware of emulated meters. Pure: events and ticks in, effects out; no I/O, no clock, no randomness."""
