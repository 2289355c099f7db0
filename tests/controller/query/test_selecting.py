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
from controller.database.tables import HouseholdGroupRow, HouseholdRow, LinkRow, MeterRow
from controller.meters.behind import count_silent
from controller.meters.choosing import METER_FIELDS
from controller.meters.registry import LinkState
from controller.meters.views import MeterFilter, count_meters, list_meters, meter_names
from controller.query.rules import AllOf, AnyOf, Condition, FieldTest, Operator, read_query
from protocols.errors import InputError
from tests.controller.households.households import ean

NOW_MS = 1_600_000_000_000
HOUR_MS = 3_600_000
CENT_UEUR = 10_000


class Known(NamedTuple):
    """What is known of a meter that has spoken."""

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


class Behind(NamedTuple):
    """Who is behind a meter, as the DSO's file says."""

    area: str | None = None
    dso: str | None = None
    energy: str | None = None
    firmware: str | None = None
    groups: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    link: str | None = None


# The last two have never spoken; of m3 and m4 no file says anything.
HOUSEHOLDS: Mapping[str, Behind] = {
    "m1": Behind("Namur", "ORES", "gas", "old", ("a", "winter"), ("medical",)),
    "M2": Behind("Liège", None, None, None, (), ("dispute", "protected")),
    "m5": Behind("Namur", "RESA", "electricity", "guarded 1.2", ("winter",), (), "k1"),
    "m6": Behind("Étalle", None, None, None, ("a-b",)),
}
ONLINE = {"k1": True, "k2": False}


def known_of(name: str) -> dict[str, object]:
    """The same by the names of a query."""
    meter = METERS.get(name, Known("", None, None, None, None))
    behind = HOUSEHOLDS.get(name, Behind())
    return {
        "id": name,
        "online": ONLINE.get(meter.link),
        "expected": name not in METERS,
        "link": meter.link or behind.link,
        "supply": meter.supply,
        "balance": meter.balance_ueur,
        "heard": meter.silent_ms,
        "firmware": meter.firmware or behind.firmware,
        "area": behind.area,
        "dso": behind.dso,
        "energy": behind.energy,
        "flag": behind.flags,
        "group": (
            *behind.groups,
            *(f"{kind}/{value}" for kind in ("area", "dso", "energy") if (value := getattr(behind, kind))),
        ),
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
            equal = any(has(field, seen, value) for value in values)
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


def has(field: str, seen: object, value: object) -> bool:
    """Whether a field has this value, or one of several. A pattern without a slash means free groups."""
    if not isinstance(seen, tuple):
        return is_same(seen, value)
    meant = [each for each in seen if field != "group" or ("/" in each) == ("/" in str(value))]
    return not meant if value is None else any(is_same(each, value) for each in meant)


def is_same(seen: object, value: object) -> bool:
    if isinstance(seen, str) and isinstance(value, str) and "*" in value:
        pattern = ".*".join(re.escape(part) for part in value.split("*"))
        return re.fullmatch(pattern, seen, re.IGNORECASE | re.DOTALL) is not None
    return seen == value and type(seen) is type(value)


PIECES = {
    "id": ["m1", "M2", "m2", "m*", "*", "*2", "m_", "m5"],
    "expected": ["true", "false"],
    "area": ["Namur", "Liège", "l*", "LIÈ*", "Étal*", "*étALLE", "É*", "e*", "Étalle", "unknown"],
    "dso": ["ORES", "unknown"],
    "energy": ["gas", "electricity", "unknown"],
    "flag": ["medical", "dispute", "protected", "unknown"],
    "group": [
        "a",
        "a*",
        "winter",
        "area/Namur",
        "area/*",
        "dso/ores",
        "dso/R*",
        "energy/gas",
        "*",
        "unknown",
    ],
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
    for number, (name, behind) in enumerate(HOUSEHOLDS.items()):
        row = HouseholdRow(ean=ean(number), meter=name)
        row.area, row.dso, row.energy, row.firmware = behind.area, behind.dso, behind.energy, behind.firmware
        row.groups, row.flags = " ".join(behind.groups) or None, " ".join(behind.flags) or None
        row.link = behind.link
        session.add(row)
        for group in behind.groups:
            session.add(HouseholdGroupRow(name=group, ean=row.ean))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUERIES)
def test_the_store_chooses_what_the_second_reading_chooses(stored: Engine, text: str) -> None:
    query = read_query(text, METER_FIELDS, "--where")
    expected = {name for name in {*METERS, *HOUSEHOLDS} if chooses(query, name)}
    with reading(stored) as session:
        assert set(meter_names(session, query, NOW_MS)) == expected & METERS.keys()
        assert count_silent(session, query) == len(expected - METERS.keys())
        wanted = MeterFilter(query=query)
        assert {view.id for view in list_meters(session, wanted, now_ms=NOW_MS)} == expected
        assert count_meters(session, wanted, now_ms=NOW_MS) == len(expected)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("supply==off", {"M2", "m3"}),
        ("supply!=off;expected==false", {"m1", "m4"}),
        ("supply=out=(on,off)", {"m4", "m5", "m6"}),
        ("supply==unknown", {"m4", "m5", "m6"}),
        ("group==winter", {"m1", "m5"}),
        ("group==area/Namur;expected==true", {"m5"}),
        ("group!=winter", {"M2", "m3", "m4", "m6"}),
        ("group==unknown", {"M2", "m3", "m4"}),
        ("group=in=(a-b,energy/gas)", {"m1", "m6"}),
        ("group==dso/*", {"m1", "m5"}),
        ("flag==medical,flag==dispute", {"m1", "M2"}),
        ("flag==unknown;area==Namur", {"m5"}),
        ("energy==gas", {"m1"}),
        ("balance<=0", {"M2", "m3"}),
        ("heard>2h", {"M2"}),
        ("online==true;supply==on", {"m1"}),
        ("id==m*", {"m1", "M2", "m3", "m4", "m5", "m6"}),
        ("id==m2", set()),
        ("area==Étalle", {"m6"}),
        ("area==Étal*", {"m6"}),
        ("area==ét*", {"m6"}),
        ("area==LIÈ*", {"M2"}),
        ("area!=Étal*", {"m1", "M2", "m3", "m4", "m5"}),
        ("group==area/Ét*", {"m6"}),
        ("firmware==*_1.2", {"M2"}),
        ("firmware==*%*", {"m3"}),
        ("firmware==guarded*", {"m1", "M2", "m3", "m5"}),
    ],
)
def test_a_query_chooses(stored: Engine, text: str, chosen: set[str]) -> None:
    with reading(stored) as session:
        query = MeterFilter(query=read_query(text, METER_FIELDS, "--where"))
        assert {view.id for view in list_meters(session, query, now_ms=NOW_MS)} == chosen


@given(query=QUERIES, limit=st.integers(1, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_page_by_page_all_are_listed_once_in_one_order(stored: Engine, query: str, limit: int) -> None:
    wanted = MeterFilter(query=read_query(query, METER_FIELDS, "--where"))
    with reading(stored) as session:
        pages: list[str] = []
        while page := list_meters(
            session, wanted, now_ms=NOW_MS, after=pages[-1] if pages else "", limit=limit
        ):
            left = count_meters(session, wanted, now_ms=NOW_MS, after=pages[-1] if pages else "")
            assert len(page) == min(limit, left)
            pages += [view.id for view in page]
        assert len(pages) == len(set(pages)) == count_meters(session, wanted, now_ms=NOW_MS)
        assert set(pages) == {view.id for view in list_meters(session, wanted, now_ms=NOW_MS)}


def test_a_group_of_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r'group: "zone/Namur"; allowed: area/NAME, dso/NAME, .* free group'):
        read_query("group==zone/Namur", METER_FIELDS, "--where")
