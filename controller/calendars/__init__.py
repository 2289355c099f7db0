"""When meters may cut at all: the cut calendar, set by two people."""
