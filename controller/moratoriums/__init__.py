"""No cut for a while, and how far that has come."""
