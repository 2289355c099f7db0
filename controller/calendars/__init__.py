"""The cut calendar: when meters may cut at all. Two people set it."""
