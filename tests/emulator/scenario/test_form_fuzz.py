"""Whatever stands in a file: it is read, or refused with lines that begin with its name. Nothing else."""

import copy
import json
import string
import tomllib
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from emulator.scenario.model import Scenario
from protocols.errors import InputError
from protocols.identifiers import is_id
from tests.emulator.scenario.scenario_texts import FILE, HEAD, METERS, event, expectation, read
from tests.emulator.scenario.test_form import DO_TABLE

WHOLE = (
    HEAD
    + METERS
    + '[tariff]\neur_per_kwh = "0.30"\n[profile.smets2-like]\nfriendly = "daily 22:00-06:00"\n'
    + "".join(event(arguments) for arguments, _ in DO_TABLE)
    + expectation(
        'supply = "on"\nbalance_eur = "1.00"\nclock = "lost"\ncode = "8"\ncuts = 1\nreason = "none"'
    )
)

# Odd values first: what a reader that trusts its input trips over.
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["", "*", "m1", "old1", "{n}", "12.34", "-0", "1e9", "NaN", "headend", "x" * 300, "é\n"]),
    st.sampled_from([0, 1, -1, 72, 2**31, 2**63 - 1, -(2**63), 10**4000]),
    st.booleans(),
    st.floats(),
    st.text(max_size=12),
    st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=23, minutes=59))])),
    st.sampled_from([date(2020, 7, 2), time(23, 1), datetime.max.replace(tzinfo=UTC)]),
)
KEYS = st.sampled_from(
    [
        "id",
        "at",
        "do",
        "meters",
        "count",
        "time",
        "until",
        "offset_s",
        "eur",
        "names",
        "faults",
        "a b",
        "",
        "é",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def as_toml(value: object) -> str:
    """A value in TOML, tables inline."""
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return (
                "{" + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
            )
        case list():
            return "[" + ", ".join(as_toml(item) for item in value) + "]"
        case str():
            return json.dumps(value).replace("\x7f", "\\u007F")
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)


def places(tree: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value of a tree."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(tree, dict):
        items = list(tree.items())
    elif isinstance(tree, list):
        items = list(enumerate(tree))
    return [found for key, item in items for found in [(*path, key), *places(item, (*path, key))]]


TREE = tomllib.loads(WHOLE)
PLACES = places(TREE)


def reads_or_refuses(text: str | bytes) -> Scenario | None:
    """The scenario, or None where each line of the refusal begins with the file and is printable."""
    try:
        return read(text)
    except InputError as error:
        for line in str(error).split("\n"):
            assert line.startswith(f"{FILE}: ")
            assert line.isprintable()
            assert len(line) < 4_000
        return None


def test_the_file_that_is_mutated_below_is_right() -> None:
    assert reads_or_refuses(WHOLE) is not None
    assert len(PLACES) > 100


@given(
    st.lists(
        st.tuples(st.sampled_from(PLACES), VALUES, st.sampled_from(["put", "delete", "add"])),
        min_size=1,
        max_size=3,
    )
)
def test_a_mutated_file_is_read_or_refused_in_lines(
    mutations: list[tuple[tuple[str | int, ...], object, str]],
) -> None:
    tree = copy.deepcopy(TREE)
    for path, value, how in mutations:
        inner: Any = tree
        for key in path[:-1]:
            inner = inner[key] if has(inner, key) else {}
        if isinstance(inner, dict) and how == "add":
            inner["extra"] = value
        elif has(inner, path[-1]) and how == "delete":
            del inner[path[-1]]
        elif has(inner, path[-1]):
            inner[path[-1]] = value
    text = "\n".join(f"{json.dumps(key)} = {as_toml(value)}" for key, value in tree.items())
    scenario = reads_or_refuses(text)
    if scenario is not None:
        check_what_every_scenario_keeps(scenario)


def has(container: object, key: str | int) -> bool:
    """Whether a table or array holds a key or index."""
    if isinstance(container, dict):
        return key in container
    return isinstance(container, list) and isinstance(key, int) and key < len(container)


def check_what_every_scenario_keeps(scenario: Scenario) -> None:
    """What the player may rely on, however the file came about."""
    ids = [meter.id for meter in scenario.meters]
    assert ids
    assert len(ids) == len(set(ids))
    assert scenario.start_ms < scenario.end_ms
    for specs in (scenario.events, scenario.expects):
        assert [spec.at_ms for spec in specs] == sorted(spec.at_ms for spec in specs)
        for spec in specs:
            assert scenario.start_ms <= spec.at_ms <= scenario.end_ms
            assert set(spec.meters) <= set(ids)
            assert len(set(spec.meters)) == len(spec.meters)
    for meter in scenario.meters:
        assert not (meter.faults and meter.firmware == "guarded")
    for expect in scenario.expects:
        assert expect.wanted


@given(st.binary(max_size=200))
@example(b"\xff\xfe[scenario]")
@example(b"\x00")
@example(b"a = [" * 3_000)
@example(b"a = " + b"{a = " * 5_000)
@example(b"a = 1979-05-27T07:32:00-99:00")
@example(b"a = 0x" + b"f" * 20_000)
@example(b"a = 1e99999")
def test_any_bytes_are_read_or_refused_in_lines(data: bytes) -> None:
    assert reads_or_refuses(data) is None


@given(st.data())
def test_a_file_with_some_bytes_changed_is_read_or_refused_in_lines(data: st.DataObject) -> None:
    text = bytearray(WHOLE.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text) - 1))
        length = data.draw(st.integers(0, 20))
        text[start : start + length] = data.draw(st.binary(max_size=6))
    reads_or_refuses(bytes(text))


@given(st.text(max_size=60))
def test_any_text_without_encoding_is_read_or_refused_in_lines(text: str) -> None:
    assert reads_or_refuses(text) is None
    assert reads_or_refuses(f"{HEAD}\n[{text}]") is None


@given(
    value=st.one_of(st.integers(-(10**12), 10**12), st.just(0)),
    decimals=st.integers(0, 6),
)
def test_every_amount_with_up_to_six_decimals_is_read_to_the_micro_euro(value: int, decimals: int) -> None:
    digits = f"{abs(value):0{decimals + 1}}"
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    amount = ("-" if value < 0 else "") + whole + (f".{fraction}" if fraction else "")
    scenario = reads_or_refuses(HEAD + METERS.replace("12.34", amount))
    inside = abs(value) <= 400_000 * 10**decimals
    assert (scenario is not None) == inside
    if scenario is not None:
        assert scenario.meters[0].balance_q * 10**decimals == value * 10_800_000 * 10**6


@given(ahead_us=st.integers(0, 38 * 3_600 * 10**6), offset_min=st.integers(-23 * 60, 23 * 60))
@example(ahead_us=1_000, offset_min=0)
@example(ahead_us=999, offset_min=0)
def test_an_instant_is_the_same_whatever_its_offset_and_none_is_rounded(
    ahead_us: int, offset_min: int
) -> None:
    zone = timezone(timedelta(minutes=offset_min))
    there = datetime(2020, 7, 2, 20, tzinfo=UTC).astimezone(zone) + timedelta(microseconds=ahead_us)
    scenario = reads_or_refuses(f'{HEAD}{METERS}[[events]]\nat = {there.isoformat()}\ndo = "rtc_lost"\n')
    assert (scenario is not None) == (ahead_us % 1_000 == 0)
    if scenario is not None:
        assert (scenario.events[0].at_ms - scenario.start_ms) * 1_000 == ahead_us


@given(st.text(string.ascii_lowercase + "{n}._-", max_size=70), st.integers(1, 300))
def test_a_counted_id_gives_exactly_the_meters_it_spells_or_a_line(pattern: str, count: int) -> None:
    text = METERS.replace("old{n}", pattern).replace("count = 2", f"count = {count}")
    scenario = reads_or_refuses(HEAD + text)
    wanted = {pattern.replace("{n}", str(number)) for number in range(1, count + 1)} | {"m1"}
    right = "{n}" in pattern and all(map(is_id, wanted))
    assert (scenario is not None) == (right and len(wanted) == count + 1)
    if scenario is not None:
        assert {meter.id for meter in scenario.meters} == wanted
