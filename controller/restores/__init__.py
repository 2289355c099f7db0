"""A store that was restored from a backup: how it learns of it, and what it has lost."""
