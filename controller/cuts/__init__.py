"""Planned cuts of named meters: ordered by two people, cancelled by one."""
