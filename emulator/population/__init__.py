"""Who is in a fleet: the profiles that ship, and a recipe from a seed to each household."""
