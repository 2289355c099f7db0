"""Payments, statements and the ledger."""
