"""What a kiosk is and does: its home, its store, its payments and shifts."""
