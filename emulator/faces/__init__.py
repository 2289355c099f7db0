"""What other people's programs can read of a meter, and what they can say to it."""
