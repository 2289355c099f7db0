"""Many meters on one connection: what each reports, what is due next, and what the link publishes. Pure."""
