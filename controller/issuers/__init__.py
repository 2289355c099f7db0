"""Issuers: whose key signs statements of payments, and how much at a time. Two people say so."""
