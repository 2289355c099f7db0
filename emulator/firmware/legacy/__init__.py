"""The card meter of July 2020: a calendar clock that obeys, a programmed cut, and its faults."""
