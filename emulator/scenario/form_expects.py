"""`[[expect]]` of a scenario file: what must be true of which meters, and when (design §9)."""

from collections.abc import Callable, Mapping
from typing import Final

from emulator.forms.fields import Fields
from emulator.scenario.form_meters import Population, read_addressed
from emulator.scenario.form_span import ScenarioSpan
from emulator.scenario.model import ExpectKey, ExpectSpec
from protocols.limits import BALANCE_EUR_MAX, SCENARIO_EVENTS_MAX
from protocols.reasons import ClockStatus, Energy, Supply, SupplyReason

# A quantum is about 10⁻¹³ €: more decimals mean nothing.
BALANCE_DECIMALS_MAX: Final = 12
# Each event can open a supply at most a few times: a higher count is a mistake.
CUTS_MAX: Final = 1_000_000

_READERS: Final[Mapping[ExpectKey, Callable[[Fields, str], str | int]]] = {
    "supply": lambda given, key: given.one_of(key, tuple(Supply)),
    "balance_eur": lambda given, key: given.amount_text(
        key, BALANCE_DECIMALS_MAX, -BALANCE_EUR_MAX, BALANCE_EUR_MAX
    ),
    "clock": lambda given, key: given.one_of(key, tuple(ClockStatus)),
    "code": lambda given, key: given.text(key),
    "cuts": lambda given, key: given.integer(key, 0, CUTS_MAX),
    "reason": lambda given, key: given.one_of(key, tuple(SupplyReason)),
}


def read_expects(top: Fields, population: Population, span: ScenarioSpan) -> tuple[ExpectSpec, ...]:
    """Every expectation, sorted by `at`; at equal instants in the order of the file."""
    expects: list[ExpectSpec] = []
    for index, given in enumerate(top.tables("expect", SCENARIO_EVENTS_MAX)):
        at_ms = span.read_at(given)
        meters = read_addressed(given, population)
        wanted = tuple((key, reader(given, key)) for key, reader in _READERS.items() if given.has(key))
        if not wanted:
            given.problems.add(given.where, "expects nothing", "at least one of " + ", ".join(_READERS))
        if ("supply", Supply.LIMITED) in wanted and population.whole:
            _check_limited(given, population, meters)
        given.finish()
        if at_ms is not None:
            expects.append(ExpectSpec(at_ms, index, meters, wanted))
    return tuple(sorted(expects, key=lambda expect: expect.at_ms))


def _check_limited(given: Fields, population: Population, meters: tuple[str, ...]) -> None:
    """Refuse `limited` for gas meters, which have no limiter (design §4)."""
    for meter in meters:
        if population.by_id[meter].profile.energy is Energy.GAS:
            allowed = ", ".join(supply for supply in Supply if supply is not Supply.LIMITED)
            given.refuse("supply", f'"limited" of {meter}, a gas meter', f"{allowed} for gas")
            return
