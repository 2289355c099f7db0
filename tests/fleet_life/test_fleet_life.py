"""A fleet of 5,000 lives by the command line alone, on each database, and its counts are a ledger.

`make test` plays a fifth of it on PostgreSQL, whose driver is slower; `RELANCE_FLEET_LIFE=whole` all of it.
"""

import os
from pathlib import Path

import pytest

from protocols.instants import ms_from_iso
from protocols.rim import clocks
from tests.controller.postgresql_server import PostgresqlServer
from tests.controller.reactivation.mail_server import MailBox
from tests.controller.reactivation.test_june_2020 import MachineOf2020
from tests.fleet_life.story import Fleet, Ledger, live

HOUSEHOLDS = 5_000
A_FIFTH = 1_000
ON_POSTGRESQL = HOUSEHOLDS if os.environ.get("RELANCE_FLEET_LIFE") == "whole" else A_FIFTH


# By the numbers of `files`: of each hundred 3 move, 2 are replaced, 1 is removed, and 2 cannot be written to.
LEDGER = {
    "imported": 5_000,
    "imported again": 0,
    "commissioned": 5_000,
    "commissioned again": 0,
    "flags ordered": 100,
    "contacts": 5_000,
    "reactivation opened for": 5_000,
    "first wave planned": 4_900,
    "cannot be written to": 100,
    "first wave sent": 4_900,
    "sent twice": 0,
    "first wave: mails": 200,
    "first wave: sms": 2_350,
    "first wave: letters": 2_350,
    "commission": 0,
    "move-out": 150,
    "replace": 100,
    "remove": 50,
    "refused": 5,
    "carried over, EUR cents": 30_550,
    # The end of a flag at each of the fifty that move and have one; each is signed by a second person.
    "drafts of moves": 50,
    "commission again": 0,
    "move-out again": 0,
    "replace again": 0,
    "remove again": 0,
    "refused again": 5,
    "second wave: planned": 2_500,
    "second wave: done": 50,
    "second wave: left": 150,
    "second wave: unreachable": 2_300,
    "second wave sent": 2_500,
    "both waves: mails": 400,
    "both waves: sms": 4_650,
    "both waves: letters": 2_350,
    # A connection whose meter was removed is still expected to have one.
    "meters in the fleet": 5_000,
    "of them replacements": 100,
    "in Liège": 1_250,
    "whose household is known": 4_850,
    "flagged medical in the file": 50,
    "left the fleet": 150,
    "reactivation: nothing": 4_800,
    "reactivation: done": 50,
    "reactivation: proved": 50,
    "reactivation: left": 150,
    "reached: acted": 50,
    "reached: met": 0,
    "reached: written": 4_700,
    "reached: unknown": 0,
    "reached: nobody": 100,
}

# What does not grow with the fleet: rows that are refused, and what the displays of a fifth show.
OF_A_FIFTH = {"refused": 5, "refused again": 5, "carried over, EUR cents": 6470}


def ledger(households: int) -> Ledger:
    if households == HOUSEHOLDS:
        return LEDGER
    return {name: count * households // HOUSEHOLDS for name, count in LEDGER.items()} | OF_A_FIFTH


def test_a_fleet_of_5000_lives_on_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lived(tmp_path, None, HOUSEHOLDS, monkeypatch) == LEDGER


def test_a_fleet_lives_on_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_server: PostgresqlServer
) -> None:
    database = postgresql_server.create("fleet_life")
    try:
        assert lived(tmp_path, database, ON_POSTGRESQL, monkeypatch) == ledger(ON_POSTGRESQL)
    finally:
        postgresql_server.drop("fleet_life")


def lived(folder: Path, database: str | None, households: int, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    machine = MachineOf2020(ms_from_iso("2020-06-02T08:00+02:00"))
    monkeypatch.setattr(clocks, "time", machine)
    # What is written need not survive a loss of power, as in the PostgreSQL of the tests.
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    with MailBox() as mailbox:
        return live(
            Fleet(folder / "home", database, households, mailbox, machine, lambda _line: None), folder
        )
