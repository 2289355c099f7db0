"""The reader's side: how a kiosk, a meter or an office speaks to a card, whatever carries the commands."""
