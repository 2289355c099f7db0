"""What surrounds a meter: true time against its crystal, mains, loads, weather of the link. Pure."""
