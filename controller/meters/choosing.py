"""What a query may name of a meter and of who is behind it, and the columns that stand for each."""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, ColumnElement, cast, func, literal, null, select
from sqlmodel import col

from controller.database.columns import TextColumn
from controller.database.tables import HouseholdGroupRow, HouseholdRow, LinkRow, MeterRow
from controller.meters.registry import LinkState
from controller.query.fields import EURO, INSTANT, SPAN, TEXT, YES_NO, choice
from controller.query.rules import (
    AllOf,
    AnyOf,
    Condition,
    Field,
    Fields,
    FieldTest,
    Operator,
    Value,
    fields_in,
)
from controller.query.selecting import Columns, is_equal, where
from protocols.errors import InputError, quoted
from protocols.reasons import ClockStatus, Energy, FlagName, Language, Supply, SupplyReason

# The groups that a household is in by what the DSO's file says of it: `area/Namur`. All others are free.
GROUP_KINDS: Final = ("area", "dso", "category", "energy")


def _group(text: str, where: str) -> str:
    kind, slash, _ = text.partition("/")
    if slash and kind not in GROUP_KINDS:
        allowed = ", ".join(f"{each}/NAME" for each in GROUP_KINDS)
        raise InputError(f"{where}: {quoted(text)}; allowed: {allowed}, or the name of a free group")
    return text


# `heard` is how long ago. `next_possible` is the meter's own forecast, and `lease_ends` the end of its lease.
# `expected`: the DSO's file names the meter, and it has never spoken. `energy`, `firmware`, `profile`: as the
# meter says; before it has spoken, as the file says.
METER_FIELDS: Final[Fields] = {
    "id": TEXT,
    "link": TEXT,
    "online": YES_NO,
    "expected": YES_NO,
    "energy": choice(Energy),
    "firmware": TEXT,
    "profile": TEXT,
    "supply": choice(Supply),
    "reason": choice(SupplyReason),
    "clock": choice(ClockStatus),
    "heard": SPAN,
    "balance": EURO,
    "emergency": EURO,
    "next_possible": INSTANT,
    "lease_ends": INSTANT,
    "code": TEXT,
    "ean": TEXT,
    "area": TEXT,
    "dso": TEXT,
    "category": TEXT,
    "language": choice(Language),
    "flag": choice(FlagName),
    "group": Field(read=_group, patterns=True),
}


def meters_where(condition: Condition, now_ms: int) -> ColumnElement[bool]:
    """The condition on rows of `MeterRow` joined with their `LinkRow`, and outside with `HouseholdRow`."""
    return where(
        condition,
        {
            **_HOUSEHOLD,
            "id": col(MeterRow.id),
            "link": col(MeterRow.link),
            "online": col(LinkRow.state) == LinkState.ONLINE.value,
            "expected": literal(False, Boolean()),
            "energy": func.coalesce(MeterRow.energy, HouseholdRow.energy),
            "firmware": func.coalesce(MeterRow.firmware, HouseholdRow.firmware),
            "profile": func.coalesce(MeterRow.profile, HouseholdRow.profile),
            "supply": col(MeterRow.supply),
            "reason": col(MeterRow.supply_reason),
            "clock": col(MeterRow.clock),
            "heard": now_ms - col(MeterRow.last_seen_ms),
            "balance": col(MeterRow.balance_ueur),
            "emergency": col(MeterRow.emergency_ueur),
            "next_possible": col(MeterRow.next_possible_ms),
            # 0: it has no lease.
            "lease_ends": func.nullif(col(MeterRow.lease_ends_ms), 0),
            "code": col(MeterRow.code),
        },
    )


def asks_households_alone(condition: Condition) -> bool:
    """Whether a query can be answered by rows of `HouseholdRow`, whether their meters have spoken or not.

    So it is where it names nothing else, and no meter without a household can match. Pure.
    """
    return fields_in(condition) <= _HOUSEHOLD.keys() and _needs_household(condition)


def names_households(condition: Condition) -> bool:
    """Whether a query names anything for which the row of the household must be read too. Pure."""
    return bool(fields_in(condition) & (_HOUSEHOLD.keys() | _OF_EITHER))


def _needs_household(condition: Condition) -> bool:
    """Whether it is false of every meter without a household, by what it says of fields of households."""
    match condition:
        case AllOf(parts):
            return any(map(_needs_household, parts))
        case AnyOf(parts):
            return all(map(_needs_household, parts))
        case FieldTest(operator=Operator.EQUAL | Operator.IN, values=values):
            return None not in values
        case FieldTest():
            # Who has no household is in no area, and so not in this one either.
            return False


def households_where(condition: Condition) -> ColumnElement[bool]:
    """The condition on rows of `HouseholdRow` alone; only where `asks_households_alone`."""
    return where(condition, _HOUSEHOLD)


def expected_where(condition: Condition) -> ColumnElement[bool]:
    """The same condition on rows of `HouseholdRow` whose meter has never spoken."""
    return where(condition, _EXPECTED)


def in_group(value: Value | None) -> ColumnElement[bool]:
    """Whether a `HouseholdRow` is in this group; None: in no free one."""
    name = HouseholdGroupRow.name
    free = select(literal(1)).where(col(HouseholdGroupRow.ean) == HouseholdRow.ean)
    if value is None:
        return ~free.exists()
    kind, slash, rest = str(value).partition("/")
    if slash:
        return is_equal(col(_BY_KIND[kind]), rest)
    return free.where(is_equal(col(name), value)).exists()


def _has_flag(value: Value | None) -> ColumnElement[bool]:
    if value is None:
        return col(HouseholdRow.flags).is_(None)
    # Flags are words with a blank between; a blank at each end makes all of them alike.
    words = literal(" ", TextColumn()) + func.coalesce(HouseholdRow.flags, "") + literal(" ", TextColumn())
    return words.contains(f" {value} ", autoescape=True)


_BY_KIND: Final[dict[str, Any]] = {
    "area": HouseholdRow.area,
    "dso": HouseholdRow.dso,
    "category": HouseholdRow.category,
    "energy": HouseholdRow.energy,
}
_HOUSEHOLD: Final[Columns] = {
    "ean": col(HouseholdRow.ean),
    "area": col(HouseholdRow.area),
    "dso": col(HouseholdRow.dso),
    "category": col(HouseholdRow.category),
    "language": col(HouseholdRow.language),
    "flag": _has_flag,
    "group": in_group,
}
# What the meter says; before it has spoken, what the file says.
_OF_EITHER: Final = frozenset({"energy", "firmware", "profile"})
_NO_TEXT: Final = cast(null(), TextColumn())
_NO_NUMBER: Final = cast(null(), BigInteger())
_EXPECTED: Final[Columns] = {
    **_HOUSEHOLD,
    "id": col(HouseholdRow.meter),
    "link": col(HouseholdRow.link),
    "online": cast(null(), Boolean()),
    "expected": literal(True, Boolean()),
    "energy": col(HouseholdRow.energy),
    "firmware": col(HouseholdRow.firmware),
    "profile": col(HouseholdRow.profile),
    **dict.fromkeys(("supply", "reason", "clock", "code"), _NO_TEXT),
    **dict.fromkeys(("heard", "balance", "emergency", "next_possible", "lease_ends"), _NO_NUMBER),
}
