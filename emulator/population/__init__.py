"""The meters of a fleet: the shipped profiles, and each household's plan, made from a seed."""
