"""The card itself, who speaks to it, and (later) its readers and the kiosk in front of them."""
