"""The card itself, who speaks to it, its readers, and (later) the kiosk in front of them."""
