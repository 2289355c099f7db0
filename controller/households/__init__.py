"""A household's flags: one person sets them, two clear them."""
