"""Agents: one person's key, open for a shift, in a process of its own that signs for them."""
