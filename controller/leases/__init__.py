"""Leases, the daily permission to cut: which lease each meter gets, and when it is renewed."""
