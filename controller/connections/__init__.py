"""What happens at a connection and takes several nouns together: a meter is replaced or removed, a move."""
