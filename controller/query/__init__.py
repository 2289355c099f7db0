"""One language in which a person says which meters or orders are meant: `supply==off;balance<0`."""
