"""What people and programs read of a run: pages, JUnit, comparisons; all of it from its record alone."""
