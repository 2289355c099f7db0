"""Scenario files: TOML text to a `Scenario`, or every problem of the file at once (design §9).

The only entry point is `read_scenario`. It depends only on its arguments: the file's text, the shipped
profiles and the names of the known faults. A wrong file gives one line per problem, each with the file,
the line, the key, the value found and what is allowed:

    night.toml: line 41: events[3].source: "gps"; allowed: headend, timeserver, card, technician

Tables count from 0, in the order of the file. What is allowed and probably not meant becomes a warning of the
scenario. `forms.fields` reads values, `form_meters`, `form_events` and
`form_expects` read the tables, `profile_form` the overrides.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Final

from emulator.forms.fields import Fields
from emulator.forms.problems import Problems
from emulator.forms.toml_text import parse_toml, places_in
from emulator.population.profile_form import ProfileData, with_overrides
from emulator.scenario.form_events import read_events
from emulator.scenario.form_expects import read_expects
from emulator.scenario.form_meters import read_population
from emulator.scenario.form_span import ScenarioSpan, read_span
from emulator.scenario.model import Scenario
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN

# TOML integers are signed 64-bit numbers (TOML 1.0, "Integer").
SEED_MAX: Final = 2**63 - 1


def read_scenario(
    text: str | bytes, file: str, profiles: Mapping[str, ProfileData], fault_names: Collection[str]
) -> Scenario:
    """The scenario in a file's text; `file` is its name in messages.

    Raises InputError, whose text has one line per problem, each beginning with `file`.
    """
    tables = parse_toml(text, file)
    # Searched for at the first problem alone: most files are right.
    places = cache(lambda: places_in(text))
    problems = Problems(file, lambda where: places().line(where))
    top = Fields(problems, "", tables)
    name, span, seed, home = _read_head(top)
    population = read_population(top, with_overrides(top, profiles), fault_names)
    events = read_events(top, population, span, with_home=bool(home))
    expects = read_expects(top, population, span)
    top.finish()
    problems.raise_if_any()
    return Scenario(
        file=file,
        name=name,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        seed=seed,
        meters=tuple(population.by_id.values()),
        events=events,
        expects=expects,
        warnings=tuple(problems.warnings),
        home=home,
    )


def _read_head(top: Fields) -> tuple[str, ScenarioSpan, int, str]:
    """`[scenario]`: its name, span, seed and home."""
    given = top.table("scenario")
    if given is None:
        if not top.has("scenario"):
            top.refuse("scenario", "missing", "a table, [scenario]")
        return "", ScenarioSpan(INSTANT_MS_MIN, INSTANT_MS_MAX), 0, ""
    name = given.text("name")
    span = read_span(given)
    seed = given.integer("seed", 0, SEED_MAX, 0)
    home = given.text("home", "")
    given.finish()
    return name, span, seed, home
