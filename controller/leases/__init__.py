"""Permission to cut, renewed from day to day: which lease each meter gets, and when."""
