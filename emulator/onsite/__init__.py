"""One meter at work at its place: its firmware, its household, and the faces that others read."""
