"""Kiosks: what the controller gives them, takes from them, and believes of them."""
