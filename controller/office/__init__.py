"""A controller's home and its people: settings, keys, the root, the founding, the audit."""
