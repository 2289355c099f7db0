"""What runs: the carrier, the outbox, what comes in, the time authority, the wake-ups."""
