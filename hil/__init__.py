"""The hardware-in-the-loop bench: the same stories for emulated meters and for real ones (docs/hil.md)."""
