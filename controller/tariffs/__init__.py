"""Tariffs: what energy and days cost, by which register, and from when."""
