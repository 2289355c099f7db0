"""Supply back for one, some or all, by one person; and how long it took."""
