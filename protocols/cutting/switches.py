"""The compiler of register switches: rules in legal local time become UTC instants (design §4.3).

A meter knows no time zone, weekday or holiday: it is given the instants at which a register comes into use.
Where local time is not one line the hours of a rule come out smaller, never larger, as those of a cut
calendar do, and a holiday takes out its whole local day: what is left falls to the register of the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from protocols.cutting.cut_calendar import compile_windows, complement
from protocols.cutting.rules import Rule
from protocols.documents.bodies import RegisterPrice, Switch
from protocols.documents.drafting import FLEET, Sheet, object_of, tariff
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, Scope
from protocols.errors import InputError
from protocols.instants import iso_from_ms
from protocols.limits import REGISTERS_MAX, SWITCHES_MAX
from protocols.spans import Window


@dataclass(frozen=True, slots=True)
class RegisterPlan:
    """A register and its prices. `rule`: its hours in local time; None: the rest of the time."""

    price: RegisterPrice
    rule: Rule | None


def compile_switches(
    plans: Sequence[RegisterPlan], zone: str, holidays: str, from_ms: int, until_ms: int
) -> tuple[Switch, ...]:
    """When which of the registers comes into use within `[from_ms, until_ms)`; at the end none is.

    Raises InputError for two registers in one hour, for two that take the rest, for more switches than a
    document holds, and as `compile_windows`.
    """
    windows: list[tuple[Window, int]] = []
    for place, plan in enumerate(plans, 1):
        if plan.rule is not None:
            found = compile_windows(plan.rule, zone, holidays, from_ms, until_ms)
            windows += [(window, place) for window in found]
    rest = [place for place, plan in enumerate(plans, 1) if plan.rule is None]
    if len(rest) > 1:
        raise InputError(f"{_names(plans, rest)}: both take the rest; allowed: one register without a rule")
    windows.sort()
    for (sooner, place), (later, other) in pairwise(windows):
        if later.start_ms < sooner.end_ms:
            both = _names(plans, (place, other))
            raise InputError(
                f"{both}: both at {iso_from_ms(later.start_ms)}; allowed: one register at a time"
            )
    gaps = complement((window for window, _ in windows), from_ms, until_ms)
    windows += [(gap, rest[0] if rest else 0) for gap in gaps]
    return _switches(sorted(windows), until_ms)


def plan_tariff(
    sheet: Sheet,
    name: str,
    prices_ueur: tuple[int, int],
    plans: Sequence[RegisterPlan],
    clock: tuple[str, str],
    span_ms: tuple[int, int],
    scope: Scope = FLEET,
) -> Order:
    """A tariff with registers, switched over `span_ms`; two people.

    `prices_ueur`: per kWh and a day, where no register is in use. `clock`: zone and holidays of the rules.
    Raises InputError as `compile_switches`, and for more registers than a tariff has.
    """
    if len(plans) > REGISTERS_MAX:
        named = object_of(Kind.TARIFF, name)
        raise InputError(f"{named}: {len(plans)} registers; allowed: at most {REGISTERS_MAX}")
    switches = compile_switches(plans, *clock, *span_ms)
    return tariff(sheet, name, *prices_ueur, scope, tuple(plan.price for plan in plans), switches)


def _switches(windows: Sequence[tuple[Window, int]], until_ms: int) -> tuple[Switch, ...]:
    found: list[Switch] = []
    for window, place in [*windows, (Window(until_ms, until_ms), 0)]:
        if place != (found[-1].register if found else 0):
            found.append(Switch(window.start_ms, place))
    if len(found) > SWITCHES_MAX:
        raise InputError(
            f"{len(found)} switches until {iso_from_ms(until_ms)}; allowed: at most {SWITCHES_MAX}"
        )
    return tuple(found)


def _names(plans: Sequence[RegisterPlan], places: Sequence[int]) -> str:
    return " and ".join(plans[place - 1].price.obis for place in places)
