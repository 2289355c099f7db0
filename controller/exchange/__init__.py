"""The exchange with links: takes in their messages, and answers a sync with what the meters lack."""
