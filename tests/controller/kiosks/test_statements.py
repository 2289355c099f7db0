"""A kiosk's payments are booked exactly once, whatever comes late, doubled, forged or from an old copy."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import Session, select

from controller.database.engine import reading, writing
from controller.database.kiosk_tables import KioskRow, KioskStatementRow
from controller.database.tables import PaymentRow
from controller.exchange.words import IntakeRefusal
from controller.kiosks.intake import hear_kiosk
from controller.kiosks.rules import StatementStanding
from controller.payments.store import payments_of, verify_ledger
from protocols.link.carriage import Arrival
from protocols.link.kiosk_words import KioskStatus
from protocols.link.topics import Channel
from protocols.units import UEUR_PER_EUR
from tests.controller.kiosks.office import (
    EPOCH,
    FLEET,
    KIOSK,
    LIMITS,
    NOW_MS,
    OFFICE,
    THIEF,
    add_kiosk,
    issuers,
    item,
    root_sent,
    said,
    statement,
    take,
)
from tests.controller.kiosks.test_refunds import answered

E = UEUR_PER_EUR


@pytest.fixture
def books(engine: Engine) -> Iterator[Session]:
    add_kiosk(engine)
    with Session(engine) as session:
        yield session


def totals(session: Session) -> dict[str, int]:
    """What the ledger holds of the kiosk's issuer, by meter, in euro."""
    found: dict[str, int] = {}
    for payment in payments_of(session):
        if payment.issuer == OFFICE:
            found[payment.meter] = found.get(payment.meter, 0) + payment.amount_ueur // E
    return found


def standings(session: Session) -> dict[tuple[str, int], str]:
    return {(row.meter, row.total_ueur // E): row.standing for row in session.exec(select(KioskStatementRow))}


PAYMENTS = st.lists(st.tuples(st.sampled_from(["m1", "m2"]), st.integers(5, 60)), min_size=1, max_size=6)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(PAYMENTS, st.data())
def test_whatever_the_order_and_the_repetitions_the_sum_is_what_was_paid(
    books: Session, paid: list[tuple[str, int]], data: st.DataObject
) -> None:
    words: list[Arrival] = []
    wanted: dict[str, int] = {}
    numbers: dict[str, int] = {}
    for place, (meter, eur) in enumerate(paid):
        wanted[meter] = wanted.get(meter, 0) + eur
        numbers[meter] = numbers.get(meter, 0) + 1
        words.append(item(statement(meter, numbers[meter], wanted[meter]), place + 1))
    words += data.draw(st.lists(st.sampled_from(words), max_size=4))
    words += [
        item(statement("m1", 9, 10_000, key=THIEF), 50),
        item(statement("m1", 1, 5, issuer="other"), 51),
    ]
    for batch in data.draw(st.permutations(words)):
        taken = take(books, batch)
        assert len(taken.acks[KIOSK]) == 1
        assert verify_ledger(books) == []
    assert totals(books) == wanted
    assert len(payments_of(books)) == len(set(paid_totals(paid)))
    books.rollback()


def paid_totals(paid: list[tuple[str, int]]) -> list[tuple[str, int]]:
    found, sums = [], dict[str, int]()
    for meter, eur in paid:
        sums[meter] = sums.get(meter, 0) + eur
        found.append((meter, sums[meter]))
    return found


# What the kiosk states (number:total in euro), and how each stands in the end.
LEDGER = """
 1:20                     | 20 booked
 1:20 2:40                | 20 booked, 40 booked
 2:40 1:20                | 20 booked, 40 booked
 2:40                     | 40 booked
 1:251                    | 251 over_limits
 2:500                    | 500 booked
 2:501                    | 501 over_limits
 1:20 2:280               | 20 booked, 280 over_limits
 1:20 2:280 2:30          | 20 booked, 30 booked, 280 over_limits
 99:20000                 | 20000 over_limits
 1:20 1:45                | 20 booked, 45 booked
 3:60 1:45 2:50           | 45 booked, 50 booked, 60 booked
 4:1000 5:1001            | 1000 booked, 1001 over_limits
"""


@pytest.mark.parametrize("line", LEDGER.strip().splitlines())
def test_what_is_believed_is_within_the_limits(books: Session, line: str) -> None:
    came, wanted = (part.strip() for part in line.split("|"))
    for place, text in enumerate(came.split()):
        number, total = map(int, text.split(":"))
        take(books, item(statement("m1", number, total), place + 1))
    told = [f"{total} {standing}" for (_, total), standing in sorted(standings(books).items())]
    assert ", ".join(told) == wanted
    booked = [
        total for (_, total), standing in standings(books).items() if standing == StatementStanding.BOOKED
    ]
    assert totals(books) == ({"m1": max(booked)} if booked else {})
    assert verify_ledger(books) == []


def test_a_store_that_was_put_back_states_its_numbers_again(books: Session) -> None:
    """The kiosk forgot two payments, took another one, and later found what the card shows."""
    for place, (number, total) in enumerate([(1, 20), (2, 40), (3, 60), (2, 30), (3, 70)]):
        take(books, item(statement("m1", number, total), place + 1))
    assert totals(books) == {"m1": 70}
    assert verify_ledger(books) == []
    assert [each.number for each in payments_of(books)] == sorted(
        {each.number for each in payments_of(books)}
    )


def test_a_void_that_states_a_total_of_before_is_the_last_statement(books: Session) -> None:
    """A kiosk that has forgotten that void alone is told, and so is the void after what it takes back."""
    for place, (number, total) in enumerate([(1, 20), (2, 30), (3, 20), (2, 30), (1, 20)]):
        take(books, item(statement("m1", number, total), place + 1))
    rows = books.exec(select(KioskStatementRow)).all()
    assert sorted((row.place, row.number, row.total_ueur // E) for row in rows) == [(2, 2, 30), (3, 3, 20)]
    for numbers, forgotten in ((2, True), (3, False), (0, False)):
        said_of = KioskStatus(
            kiosk=KIOSK,
            online=True,
            sequence=1,
            issuers=2,
            issued_ueur=30 * E,
            issued_count=2,
            issued_numbers=numbers,
        )
        told = answered(books, said_of)
        assert [each.place for one in told for each in one.statements] == ([2, 3] if forgotten else [])


def test_statements_are_told_in_sequence_with_what_lies_between_and_the_last(books: Session) -> None:
    for number in range(1, 14):
        take(books, item(statement("m1", number, number * 10), number))
    behind = KioskStatus(kiosk=KIOSK, online=True, sequence=1, root=1, issuers=2)
    told = [each for each in answered(books, behind) if each.statements]
    assert [(each.statements_after, each.statements[0].place, each.statements_last) for each in told] == [
        (0, 1, 13),
        (10, 11, 13),
    ]


def test_an_office_that_was_put_back_gives_places_above_those_that_a_kiosk_was_told(books: Session) -> None:
    take(books, item(statement("m1", 1, 20), 1))
    status = KioskStatus(kiosk=KIOSK, online=True, sequence=1, count=1, statements=5)
    take(books, said(status, Channel.KIOSK_STATUS), item(statement("m1", 2, 30), 2))
    take(books, item(statement("m1", 3, 40), 3))
    assert sorted(row.place for row in books.exec(select(KioskStatementRow))) == [1, 6, 7]


def test_a_days_limit_ends_with_the_day(books: Session) -> None:
    most = LIMITS.meter_day_ueur // E * 4
    take(books, item(statement("m1", 10, most), 1))
    take(books, item(statement("m1", 11, most + 5), 2))
    assert totals(books) == {"m1": most}
    take(books, item(statement("m1", 12, most + 10), 3), now_ms=NOW_MS + 24 * 3_600_000)
    assert totals(books) == {"m1": most + 10}


def test_money_for_a_meter_that_never_spoke_waits_for_its_first_word(engine: Engine) -> None:
    add_kiosk(engine, meters=())
    with writing(engine) as session:
        take(session, item(statement("m1", 1, 20)))
        assert standings(session) == {("m1", 20): StatementStanding.UNKNOWN_METER}
        assert totals(session) == {}


@pytest.mark.parametrize(
    ("epoch", "closed"), [(EPOCH - 1, False), (EPOCH + 1, False), (EPOCH, True), (0, True)]
)
def test_another_epoch_is_kept_apart(books: Session, epoch: int, closed: bool) -> None:
    word = item(statement("m1", 1, 20, epoch=epoch))
    taken = take(books, word, root=root_sent(issuers(closed=closed)))
    assert standings(books) == {("m1", 20): StatementStanding.STALE_EPOCH}
    assert (totals(books), len(taken.acks[KIOSK])) == ({}, 1)


def test_nobody_speaks_for_a_kiosk_without_its_key(books: Session) -> None:
    body = statement("m1", 1, 20)
    for forged in (item(body, fleet_key=bytes(32)), replace_kiosk(item(body, kiosk="k2"))):
        assert hear_kiosk(forged, FLEET) in (IntakeRefusal.NOT_AUTHENTIC, IntakeRefusal.MALFORMED)
    assert isinstance(hear_kiosk(item(body), FLEET), object)
    assert take(books, item(body, kiosk="k2")).refused == {IntakeRefusal.NOT_ADMITTED: 1}
    assert totals(books) == {}


def replace_kiosk(arrival: Arrival) -> Arrival:
    """The word of another kiosk, on the topic of ours."""
    return arrival._replace(place=replace(arrival.place, kiosk=KIOSK))


def test_nothing_of_a_revoked_kiosk_is_believed_or_acknowledged(engine: Engine) -> None:
    add_kiosk(engine)
    status = KioskStatus(kiosk=KIOSK, online=True, sequence=5, count=1)
    with writing(engine) as session:
        session.get_one(KioskRow, KIOSK).revoked_ms = NOW_MS
        taken = take(session, item(statement("m1", 1, 20)), said(status, Channel.KIOSK_STATUS))
        assert taken.refused == {IntakeRefusal.NOT_ADMITTED: 2}
        assert taken.acks == {}
    with reading(engine) as session:
        assert session.exec(select(PaymentRow)).all() == []
        assert session.get_one(KioskRow, KIOSK).sequence == 0


# Births and last wills of connections (sequence.count, - for a will), and whether the kiosk is online then.
STATUSES = """
 1.1           | on
 1.1 1-        | off
 2.1 2- 2.2    | off
 1- 1.1        | off
 1.1 1.3 1.2   | on
 1.2 2.1 1-    | on
 2.1 1.9       | on
 2.1 2- 2.5    | off
"""


@pytest.mark.parametrize("line", STATUSES.strip().splitlines())
def test_the_latest_connection_says_whether_a_kiosk_is_online(books: Session, line: str) -> None:
    came, wanted = (part.strip() for part in line.split("|"))
    for text in came.split():
        sequence, _, count = text.rstrip("-").partition(".")
        word = KioskStatus(kiosk=KIOSK, online=bool(count), sequence=int(sequence), count=int(count or 0))
        take(books, said(word, Channel.KIOSK_STATUS))
    assert books.get_one(KioskRow, KIOSK).online == (wanted == "on")
