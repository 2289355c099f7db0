"""The broker's second line of defence: who may connect to it, and what each may say and hear."""
