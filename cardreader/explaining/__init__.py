"""What a card says, explained: contents in, a value out, with ids of sentences. Pure."""
