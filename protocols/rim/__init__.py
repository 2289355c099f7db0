"""The one impure room of `protocols`: the broker connection, the machine's clock, how a program ends.

Emulator and controller both need these. Nothing pure imports this room.
"""
