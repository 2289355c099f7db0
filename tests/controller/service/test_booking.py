"""The service books what is due; what a failed commit has not booked, the next pass books."""

import asyncio
from sqlite3 import OperationalError

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, event

from controller.database.engine import reading
from controller.service.booking import Booking
from protocols.documents.kind_rule import Role
from protocols.documents.roles import RoleKeys
from tests.controller.payments.till import EUR, ISSUER_SIGNER, found_home, heard, statements, take
from tests.controller.service_bench import SteppedClock
from tests.emulator.firmware.guarded.workbench import ROOT


def test_a_commit_that_fails_loses_no_money(engine: Engine) -> None:
    found_home(engine)
    booking = Booking(engine, ROOT, SteppedClock(), asyncio.Lock(), lambda _issuer: ISSUER_SIGNER)
    booking.take_issuers()
    take(engine, "p1", 20 * EUR)
    heard(booking.purses, 1, {1: 50 * EUR})

    def full(_connection: Connection) -> None:
        raise OperationalError("database or disk is full")

    event.listen(engine, "commit", full)
    with pytest.raises(OperationalError):
        asyncio.run(booking.book_due())
    event.remove(engine, "commit", full)
    asyncio.run(booking.book_due())
    with reading(engine) as session:
        assert statements(session) == [(1, 70 * EUR)]
    assert not booking.is_due()


def test_news_of_issuers_during_a_pass_is_not_lost(engine: Engine) -> None:
    found_home(engine)
    booking = Booking(engine, ROOT, SteppedClock(), asyncio.Lock(), lambda _issuer: ISSUER_SIGNER)
    booking.take_issuers()
    heard(booking.purses, 1, {1: 0})

    def meanwhile(_connection: Connection) -> None:
        booking.take_issuers()

    event.listen(engine, "commit", meanwhile)
    asyncio.run(booking.book_due())
    event.remove(engine, "commit", meanwhile)
    assert booking.purses.changed == {"m1"}


def test_payments_that_nobody_has_signed_who_counts_are_named_once(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    found_home(engine)
    booking = Booking(engine, ROOT, SteppedClock(), asyncio.Lock())
    take(engine, "p1", 20 * EUR)
    asyncio.run(booking.book_due())
    assert caplog.messages == []
    harm = ROOT.roles[Role.HARM].keyids[:1]
    booking.root = replace(ROOT, version=2, roles=ROOT.roles | {Role.PROTECT: RoleKeys(1, harm)})
    for _ in range(2):
        asyncio.run(booking.book_due())
    assert [line[:53] for line in caplog.messages] == [
        "payments: nobody has signed p1 who counts in root 2: "
    ]
