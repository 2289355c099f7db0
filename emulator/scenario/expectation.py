"""Compares what a scenario expects of a meter with its state (design §9, `expect`). Pure."""

from dataclasses import dataclass
from decimal import Decimal

from emulator.scenario.model import ExpectKey
from protocols.reasons import ClockStatus, ScreenCode, Supply, SupplyReason
from protocols.units import eur_from_quanta

# Changes to `off` that are no cut: safety causes need no permission (design §4.2, rule 1).
SAFETY_REASONS = frozenset({SupplyReason.SAFETY, SupplyReason.LEAK})


@dataclass(frozen=True, slots=True)
class Facts:
    """One meter at one instant. `cuts` counts its changes to `off` so far, except those for safety."""

    supply: Supply
    balance_q: int
    clock: ClockStatus
    code: ScreenCode
    cuts: int
    reason: SupplyReason


@dataclass(frozen=True, slots=True)
class Comparison:
    """One expectation and the value found, both as `--json` shows them."""

    ok: bool
    key: ExpectKey
    expected: str | int
    found: str | int


def is_cut(after: Supply, reason: SupplyReason) -> bool:
    """Whether a change of supply counts as a cut."""
    return after is Supply.OFF and reason not in SAFETY_REASONS


def compare(key: ExpectKey, expected: str | int, facts: Facts) -> Comparison:
    """Compare one expected value. A balance is rounded half to even to the decimals the file gives."""
    if key == "balance_eur":
        wanted = Decimal(str(expected))
        exponent = wanted.as_tuple().exponent
        assert isinstance(exponent, int), expected
        found_eur = eur_from_quanta(facts.balance_q, max(0, -exponent))
        # Compared as numbers, because "-0.00" equals "0.00".
        return Comparison(Decimal(found_eur) == wanted, key, expected, found_eur)
    found = _found(key, facts)
    return Comparison(found == expected, key, expected, found)


def _found(key: ExpectKey, facts: Facts) -> str | int:
    match key:
        case "supply":
            return facts.supply.value
        case "clock":
            return facts.clock.value
        case "code":
            return facts.code.value
        case "cuts":
            return facts.cuts
        case "reason":
            return facts.reason.value
        case "balance_eur":
            return eur_from_quanta(facts.balance_q)
