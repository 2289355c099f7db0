"""Tables fit, and cut nothing off; programs get each instant twice."""

import json
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.faces.cli.showing import instants, moment, table_lines
from protocols.instants import ms_from_iso
from tests.controller.faces.cli.fleet import store_of
from tests.controller.faces.cli.invocation import call, call_outside

BRUSSELS = ZoneInfo("Europe/Brussels")
WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=6).map(" ".join)
LISTS = ("meters list", "orders list --leases", "audit list", "lease status", "moratorium status")


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5), st.integers(1, 60))
def test_no_word_is_ever_cut_and_only_named_columns_wrap(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    heads = ("name", "text", "date")
    lines = table_lines(heads, rows, width, wraps=("text",))
    shown = sorted(" ".join(lines).split())
    assert shown == sorted(" ".join([*heads, *(cell for row in rows for cell in row)]).split())
    # What may not wrap stands whole in one line.
    for name, _, date in rows:
        assert any(line.startswith(name) for line in lines)
        assert any(line.endswith(date) for line in lines)
    if all(len(cell) <= 8 for row in rows for cell in row):
        assert max(map(len, lines)) <= max(width, 2 * 8 + 12 + 4)


def test_a_table_without_a_width_has_one_line_a_row() -> None:
    rows = [("a", "x " * 200), ("b", "y")]
    assert len(table_lines(("n", "t"), rows, None, wraps=("t",))) == 3


def test_the_column_that_is_named_first_wraps_first() -> None:
    row = ("release/" + "7" * 64, "1 queued, 2 sent, 3 stored")
    assert table_lines(("o", "d"), [row], 90, wraps=("d", "o"))[1] == f"{row[0]}  1 queued, 2"
    narrow = table_lines(("o", "d"), [row], 40, wraps=("d", "o"))
    assert max(map(len, narrow)) <= 40
    assert "".join(line.split("  ")[0] for line in narrow[1:]) == row[0]


def test_a_time_that_clocks_show_twice_says_which() -> None:
    assert moment(ms_from_iso("2026-10-25T02:30:00+02:00"), BRUSSELS) == "Sun 2026-10-25 02:30 CEST"
    assert moment(ms_from_iso("2026-10-25T02:30:00+01:00"), BRUSSELS) == "Sun 2026-10-25 02:30 CET"
    assert moment(ms_from_iso("2026-11-30T08:00:00+01:00"), BRUSSELS) == "Mon 2026-11-30 08:00"
    assert moment(0, BRUSSELS, wide=True) == "1970-01-01T00:00:00Z"
    assert moment(None, BRUSSELS, wide=True) == "unknown"


@pytest.fixture
def busy(home: Path) -> Path:
    """A home with a moratorium, a release and a cut."""
    span = ("--from", "2099-06-02T08:00+02:00", "--until", "2099-06-02T11:00+02:00")
    for argv in (
        ("moratorium", "declare", "winter", "--until", "2099-03-15T00:00+01:00"),
        ("release", "m00001"),
        ("cut", "order", "m00001", "m00002", "--name", "debts", *span),
    ):
        assert call(home, *argv).status == 0
    with store_of(home) as session:
        session.connection().exec_driver_sql("UPDATE meter SET lease_rev = 3, lease_ends_ms = 4102444800000")
    return home


@pytest.mark.parametrize("typed", LISTS)
def test_every_list_fits_80_columns_without_boxes(busy: Path, typed: str) -> None:
    ended = call_outside(busy, *typed.split(), settings={"COLUMNS": "80"})
    assert ended.status == 0, ended
    assert max(map(len, ended.out.splitlines())) <= 80
    assert re.search("[─-╿…]", ended.out) is None
    if typed in {"meters list", "lease status"}:
        assert [line[:6] for line in ended.out.splitlines()[:4]] == ["meter ", "m00001", "m00002", "m00003"]


def test_the_same_list_takes_one_line_a_row_in_a_pipe(busy: Path) -> None:
    ended = call_outside(busy, "audit", "list", settings={"COLUMNS": ""})
    count = len(call(busy, "audit", "list", "--json").found["acts"])
    assert len(ended.out.splitlines()) == 1 + count


def test_an_unknown_instant_is_null_for_programs() -> None:
    assert instants(until=None) == {"until_ms": None, "until": None}


def test_programs_get_an_instant_twice() -> None:
    assert json.dumps(instants(until=0)) == '{"until_ms": 0, "until": "1970-01-01T00:00:00Z"}'
