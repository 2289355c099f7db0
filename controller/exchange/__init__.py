"""What meets the links: what comes in, what a sync asks for, what is answered."""
