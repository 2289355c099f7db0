"""Many meters on one connection: what each says, what is due next, and what the link publishes. Pure."""
