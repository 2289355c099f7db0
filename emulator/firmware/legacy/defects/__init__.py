"""The faults a card meter of 2020 can have, each a small class that bends the firmware at named points."""
