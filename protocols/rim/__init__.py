"""The one impure room of `protocols`: the connection to a broker, and how a program ends.

Both halves need the same here, and neither may import the other. Nothing pure imports this room.
"""
