"""What the controller decides: facts and a time in, decisions out. Pure."""
