"""What a card carries: read whole, and loaded with the documents that its meter lacks."""
