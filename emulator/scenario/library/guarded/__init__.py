"""The same nights and faults as guarded meters live them, and one file per rule of clock and gate."""
