"""The screen of the kiosk: pages for clerk and household, served to this machine alone."""
