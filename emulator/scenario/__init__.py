"""Scenario files: their form, their player, what they expect, and the library of nights."""
