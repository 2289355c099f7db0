"""Money that is paid back out of a purse."""
