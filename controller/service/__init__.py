"""The service that runs: it publishes the outbox, takes in messages, answers with the time, and runs jobs."""
