"""Measures speed as ratios, each inside one run: `python -m benchmarks`, or `make bench`."""
