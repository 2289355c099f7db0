"""Cards from the factory to a household, their replacement and their end."""
