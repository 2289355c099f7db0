"""Shipped profiles: a TOML file per kind of meter. Sources: domain.md §7.1 and the sections named in each."""
