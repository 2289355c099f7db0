"""Debts on meters, and how payments bring them back."""
