"""A cut, or its absence, explained from what the meter itself recorded."""
