"""The card itself: its memory, its keys, its files, and how it answers. Pure: no clock, no chance."""
