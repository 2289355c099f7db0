"""A query in the store: a second reading in Python chooses the same meters, on each database."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session

from controller.database.engine import reading, writing
from controller.database.tables import LinkRow, MeterRow
from controller.meters.choosing import METER_FIELDS
from controller.meters.registry import LinkState
from controller.meters.views import MeterFilter, count_meters, list_meters, meter_names
from controller.query.rules import AllOf, AnyOf, Condition, FieldTest, Operator, read_query

NOW_MS = 1_600_000_000_000
HOUR_MS = 3_600_000
CENT_UEUR = 10_000


class Known(NamedTuple):
    """What is known of a meter."""

    link: str
    supply: str | None
    balance_ueur: int | None
    silent_ms: int | None
    firmware: str | None


METERS: Mapping[str, Known] = {
    "m1": Known("k1", "on", 500 * CENT_UEUR, HOUR_MS, "guarded 1.2"),
    "M2": Known("k1", "off", -1, 3 * HOUR_MS, "guarded_1.2"),
    "m3": Known("k2", "off", 0, 0, "Guarded%1.2"),
    "m4": Known("k2", None, None, None, None),
}
ONLINE = {"k1": True, "k2": False}


def known_of(name: str) -> dict[str, object]:
    """The same by the names of a query."""
    meter = METERS[name]
    return {
        "id": name,
        "online": ONLINE[meter.link],
        "link": meter.link,
        "supply": meter.supply,
        "balance": meter.balance_ueur,
        "heard": meter.silent_ms,
        "firmware": meter.firmware,
    }


def chooses(condition: Condition, name: str) -> bool:
    """The second reading: no SQL, and the text of a pattern as a regular expression."""
    match condition:
        case AnyOf(parts):
            return any(chooses(part, name) for part in parts)
        case AllOf(parts):
            return all(chooses(part, name) for part in parts)
        case FieldTest(field, operator, values):
            seen = known_of(name)[field]
            equal = any(is_same(seen, value) for value in values)
            if operator in {Operator.EQUAL, Operator.IN}:
                return equal
            if operator in {Operator.UNEQUAL, Operator.OUT}:
                return not equal
            if seen is None:
                return False
            assert isinstance(seen, int)
            (value,) = values
            assert isinstance(value, int)
            return {
                Operator.LESS: seen < value,
                Operator.AT_MOST: seen <= value,
                Operator.GREATER: seen > value,
                Operator.AT_LEAST: seen >= value,
            }[operator]


def is_same(seen: object, value: object) -> bool:
    if isinstance(seen, str) and isinstance(value, str) and "*" in value:
        pattern = ".*".join(re.escape(part) for part in value.split("*"))
        return re.fullmatch(pattern, seen, re.IGNORECASE | re.DOTALL) is not None
    return seen == value and type(seen) is type(value)


PIECES = {
    "id": ["m1", "M2", "m2", "m*", "*", "*2", "m_"],
    "link": ["k1", "k*", "k"],
    "online": ["true", "false"],
    "supply": ["on", "off", "unknown"],
    "balance": ["0", "-0.000001", "5", "unknown"],
    "heard": ["0s", "60min", "3h", "1d", "unknown"],
    "firmware": ["'guarded 1.2'", "guarded_1.2", "guarded?1*", "*_1.2", "*%*", "g*d*2", "unknown"],
}
ORDERED = [each.value for each in Operator if each not in {Operator.IN, Operator.OUT}]


@st.composite
def texts(draw: st.DrawFn) -> str:
    field = draw(st.sampled_from(sorted(PIECES)))
    value = draw(st.sampled_from(PIECES[field]))
    orders = METER_FIELDS[field].ordered and value != "unknown"
    operator = draw(st.sampled_from(ORDERED if orders else ["==", "!=", "=in=", "=out="]))
    if operator in {"=in=", "=out="}:
        value = f"({value},{draw(st.sampled_from(PIECES[field]))})"
    return f"{field}{operator}{value}"


QUERIES = st.recursive(
    texts(),
    lambda inner: st.builds("({0}){2}({1})".format, inner, inner, st.sampled_from([";", ","])),
    max_leaves=5,
)


@pytest.fixture
def stored(engine: Engine) -> Engine:
    with writing(engine) as session:
        keep(session)
    return engine


def keep(session: Session) -> None:
    for name, online in ONLINE.items():
        state = LinkState.ONLINE if online else LinkState.OFFLINE
        session.add(LinkRow(id=name, state=state, sequence=1, meters=2, seen_ms=NOW_MS))
    session.flush()
    for name, meter in METERS.items():
        session.add(
            MeterRow(
                id=name,
                link=meter.link,
                supply=meter.supply,
                firmware=meter.firmware,
                balance_ueur=meter.balance_ueur,
                last_seen_ms=None if meter.silent_ms is None else NOW_MS - meter.silent_ms,
                first_seen_ms=NOW_MS,
            )
        )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUERIES)
def test_the_store_chooses_what_the_second_reading_chooses(stored: Engine, text: str) -> None:
    query = read_query(text, METER_FIELDS, "--where")
    expected = {name for name in METERS if chooses(query, name)}
    with reading(stored) as session:
        assert set(meter_names(session, query, NOW_MS)) == expected
        wanted = MeterFilter(query=query)
        assert {view.id for view in list_meters(session, wanted, now_ms=NOW_MS)} == expected
        assert count_meters(session, wanted, now_ms=NOW_MS) == len(expected)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("supply==off", {"M2", "m3"}),
        ("supply!=off", {"m1", "m4"}),
        ("supply=out=(on,off)", {"m4"}),
        ("supply==unknown", {"m4"}),
        ("balance<=0", {"M2", "m3"}),
        ("heard>2h", {"M2"}),
        ("online==true;supply==on", {"m1"}),
        ("id==m*", {"m1", "M2", "m3", "m4"}),
        ("id==m2", set()),
        ("firmware==*_1.2", {"M2"}),
        ("firmware==*%*", {"m3"}),
        ("firmware==guarded*", {"m1", "M2", "m3"}),
    ],
)
def test_a_query_chooses(stored: Engine, text: str, chosen: set[str]) -> None:
    with reading(stored) as session:
        assert set(meter_names(session, read_query(text, METER_FIELDS, "--where"), NOW_MS)) == chosen
