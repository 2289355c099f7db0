"""The parts of a right scenario file, so that a test can replace one by a wrong part."""

from emulator.population.shipped import shipped_profiles
from emulator.scenario.form import read_scenario
from emulator.scenario.model import Scenario

FILE = "night.toml"
FAULTS = ("leap_skip", "date_only", "std_vs_local")

HEAD = """\
[scenario]
name = "a wrong date the evening before"
start = 2020-07-02T22:00:00+02:00
end = 2020-07-04T12:00:00+02:00
"""
METERS = """
[[meters]]
id = "m1"
firmware = "guarded"
balance_eur = "12.34"

[[meters]]
id = "old{n}"
count = 2
firmware = "legacy-2020"
balance_eur = "-0.50"
"""


def event(arguments: str) -> str:
    """One event at 22:59 with the given lines."""
    return f"\n[[events]]\nat = 2020-07-02T22:59:00+02:00\n{arguments}\n"


def expectation(arguments: str) -> str:
    """One expectation at 07:00 with the given lines."""
    return f"\n[[expect]]\nat = 2020-07-03T07:00:00+02:00\n{arguments}\n"


def read(text: str | bytes) -> Scenario:
    """The scenario in a file with this text."""
    return read_scenario(text, FILE, shipped_profiles(), FAULTS)
