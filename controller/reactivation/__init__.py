"""Reactivations: before meters go back to prepayment, every household is told, until it has been reached."""
