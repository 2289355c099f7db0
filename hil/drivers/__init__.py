"""Drivers: what a bench's devices do, behind the interfaces of `hil.capabilities`."""
