"""Reads TOML files and reports all problems of a file at once: what, where, and what is allowed."""
