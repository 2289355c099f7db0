"""Speed as ratios, each measured inside one run: `python -m benchmarks`, or `make bench`."""
