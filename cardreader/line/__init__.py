"""A kiosk's line to the controller: it stores and forwards, and forgets nothing before it is acknowledged."""
