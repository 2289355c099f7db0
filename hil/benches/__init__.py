"""Benches as data: what is wired to the meter on the table, read from TOML (docs/hil.md)."""
