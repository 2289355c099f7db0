"""Receipts and tickets of a kiosk: facts become sentences, then text of 42 columns, HTML or PDF."""
