"""What a store may hold after a faulty meter or a careless hand: no list ends for it in a traceback."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controller.database.tables import Table
from protocols.limits import REV_MAX
from tests.controller.faces.cli.invocation import call

SHOWING = (
    *("meters list", "meters list --json", "meters show m00001", "meters show m00001 --json"),
    *("meters why m00001", "meters why m00001 --json", "orders list", "orders list --json"),
    *("orders show o000001 --json", "audit list", "audit list --json"),
    *("lease status", "lease status --json", "moratorium status heat", "moratorium status heat --json"),
)
INSTANTS = [
    (table.name, column.name)
    for table in Table.metadata.sorted_tables
    for column in table.columns
    if column.name.endswith("_ms") and table.name != "outbox"
]


def damage(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "relance.db")) as store:
        store.execute("PRAGMA foreign_keys=OFF")
        for statement in statements:
            store.execute(statement)
        store.commit()


@pytest.mark.parametrize("far_ms", [REV_MAX, -REV_MAX, 2**63 - 1])
def test_one_far_instant_in_any_row_breaks_no_list(home: Path, far_ms: int) -> None:
    call(home, "moratorium", "declare", "heat", "--until", "2099-01-01T00:00Z")
    # S608: the names are our own.
    damage(home, *(f"UPDATE {table} SET {column} = {far_ms}" for table, column in INSTANTS))  # noqa: S608
    for typed in SHOWING:
        ended = call(home, *typed.split())
        assert ended.status in {0, 1}, (typed, ended)
        assert "Traceback" not in ended.err
    shown = call(home, "meters", "list", "--json").found["meters"][0]
    assert (shown["earliest_ms"], shown["earliest"]) == (far_ms, None)
    assert f"unknown ({far_ms} ms)" in call(home, "meters", "show", "m00001").out


@pytest.mark.parametrize(
    ("statement", "typed", "line"),
    [
        ("UPDATE meter SET witnesses = '[{'", "meters list", "meter m00001: column witnesses"),
        ("UPDATE meter SET witnesses = '[1]'", "meters why m00001", "meter m00001: column witnesses"),
        ("UPDATE signed_order SET scope = 'all'", "orders list", "signed_order o000001: column scope"),
        (
            "UPDATE delivery SET state = 'lost'",
            "meters why m00001",
            "delivery o000001 to m00001: column ",
        ),
        ("UPDATE audit SET body = x'7b'", "audit list", "audit "),
        ("UPDATE meter SET claimed = '{'", "meters list", "meter m00001: column claimed"),
    ],
)
def test_a_damaged_column_is_named_with_its_row(home: Path, statement: str, typed: str, line: str) -> None:
    call(home, "moratorium", "declare", "heat", "--until", "2099-01-01T00:00Z")
    damage(home, statement)
    ended = call(home, *typed.split())
    assert ended.status == 2
    assert ended.one_line().startswith(f"database: {line}")
    assert " is damaged: " in ended.err


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET number = 900 WHERE number = (SELECT max(number) FROM audit)",
        "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)",
    ],
)
def test_nothing_is_appended_to_an_audit_whose_end_is_damaged(home: Path, statement: str) -> None:
    call(home, "moratorium", "declare", "heat", "--until", "2099-01-01T00:00Z")
    damage(home, statement)
    for typed in ("release m00001", "topup m00001 --eur 5 --id p1", "orders withdraw o000001"):
        ended = call(home, *typed.split())
        assert ended.status in {1, 2}
        assert "Traceback" not in ended.err
    line = call(home, "release", "m00001").one_line()
    assert ": it is damaged, and nothing is done" in line
    assert "put back the last backup with which `relance audit verify`" in line
    assert len(call(home, "orders", "list", "--json").found["orders"]) == 1
