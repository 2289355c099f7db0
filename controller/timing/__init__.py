"""What the service knows of true time, and what a command may take from it."""
