"""Privacy: who looked at a household, for how long personal data is kept, and how it goes."""
