"""The hardware-in-the-loop bench. It arrives with its own release."""
