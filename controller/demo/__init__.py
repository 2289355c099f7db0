"""The night of 2 July 2020, replayed with real parts: card meters of then, guarded meters beside them."""
