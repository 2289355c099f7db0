"""Households: who is behind each meter, by the DSO's file; and their flags, set by one, cleared by two."""
