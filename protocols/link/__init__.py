"""What travels between meters and controller: topics, messages, and how each is carried."""
