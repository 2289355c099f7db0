"""The service books what clerks request, once, and above what the meter holds."""

import dataclasses
from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import col, select

from controller.database.engine import reading, writing
from controller.database.tables import MeterRow, OrderRow, OutboxRow, PaymentRequestRow, PaymentRow
from controller.exchange.purses import PursesHeard
from controller.office.issuers_store import put_issuers_in_force
from controller.office.issuing import CONTROLLER
from controller.orders.acts import sign
from controller.payments.acts import FoundMoneyError, top_up, topped_up
from controller.payments.booking import book, is_due
from controller.payments.requests import KNOWS_NO_ISSUERS, RequestState
from controller.payments.store import verify_ledger
from protocols.documents.envelope import seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuers, has_issued, write_issuers
from protocols.documents.kind_rule import Role
from protocols.documents.orders import ORDER_TYPE
from protocols.documents.roles import RoleKeys, meets, open_signed
from protocols.errors import InputError, RefusedError
from tests.controller.payments.till import (
    EUR,
    HARMERS,
    NOW_MS,
    act,
    found_home,
    heard,
    issuer,
    issuing,
    statements,
    take,
)
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS


@pytest.fixture
def home(engine: Engine) -> Engine:
    found_home(engine)
    return engine


def test_a_request_is_booked_once_the_meter_was_heard_and_signed_with_the_issuers_key(home: Engine) -> None:
    purses = PursesHeard()
    assert take(home, "p1", 20 * EUR).state is RequestState.REQUESTED
    with writing(home) as session:
        assert not is_due(session, purses, issuing(), ROOT)
        assert book(session, purses, issuing(), ROOT, NOW_MS).requested == 0
    heard(purses, 1, {1: 0})
    with writing(home) as session:
        assert is_due(session, purses, issuing(), ROOT)
        done = book(session, purses, issuing(), ROOT, NOW_MS)
        assert (done.requested, done.looked_at) == (1, frozenset({"m1"}))
        (row,) = session.exec(select(OrderRow)).all()
        assert has_issued(row.envelope, issuer(1))
        assert (row.state, row.created_by) == ("active", "service")
        assert topped_up(session, ROOT, "p1").payment is not None
    with writing(home) as session:
        assert book(session, purses, issuing(), ROOT, NOW_MS).requested == 0
        assert statements(session) == [(1, 20 * EUR)]
        assert verify_ledger(session) == []


def test_what_the_meter_holds_and_the_ledger_does_not_is_found_before_the_next_statement(
    home: Engine,
) -> None:
    """As after a restored store: 50 EUR were credited that nobody here knows of."""
    purses = PursesHeard()
    take(home, "p1", 20 * EUR)
    heard(purses, 1, {1: 50 * EUR})
    with writing(home) as session:
        done = book(session, purses, issuing(), ROOT, NOW_MS)
        assert (done.found, done.requested) == (1, 1)
        assert statements(session) == [(1, 70 * EUR)]
        rows = session.exec(select(PaymentRow).order_by(col(PaymentRow.number))).all()
        assert [(row.amount_ueur, row.found, row.order_id is None) for row in rows] == [
            (50 * EUR, 1, True),
            (20 * EUR, 0, False),
        ]
        assert verify_ledger(session) == []
    with writing(home) as session:
        heard(purses, 2, {1: 70 * EUR})
        assert book(session, purses, issuing(), ROOT, NOW_MS).found == 0


@pytest.mark.parametrize(
    ("found_ueur", "again", "credited"),
    [
        (0, {"p1": 20, "p2": 30}, [20, 50]),
        (20 * EUR, {"p1": 20, "p2": 30}, [50]),
        (30 * EUR, {"p1": 20, "p2": 30}, [50]),
        (50 * EUR, {"p1": 20, "p2": 30}, []),
        (20 * EUR, {"p1": 20, "p2": 20}, [40]),
        (90 * EUR, {"p1": 20, "p2": 30}, []),
    ],
)
def test_a_ledger_of_what_is_entered_again_after_a_restore(
    home: Engine, found_ueur: int, again: Mapping[str, int], credited: Sequence[int]
) -> None:
    """What was found answers payments, one after the other; only the rest is credited."""
    purses = PursesHeard()
    heard(purses, 1, {1: found_ueur})
    with writing(home) as session:
        book(session, purses, issuing(), ROOT, NOW_MS)
    for payment, eur in again.items():
        take(home, payment, eur * EUR, again=True)
    with writing(home) as session:
        assert book(session, purses, issuing(), ROOT, NOW_MS).requested == len(again)
        assert statements(session) == [(1, eur * EUR) for eur in credited]
        assert verify_ledger(session) == []
    for payment, eur in again.items():
        told = take(home, payment, eur * EUR)
        assert (told.is_new, told.state in {RequestState.BOOKED, RequestState.FOUND}) == (False, True)


def test_where_money_was_found_a_person_says_whether_a_payment_is_part_of_it(home: Engine) -> None:
    purses = PursesHeard()
    heard(purses, 1, {1: 50 * EUR})
    with writing(home) as session:
        book(session, purses, issuing(), ROOT, NOW_MS)
    with pytest.raises(FoundMoneyError, match=r"m1: was found to hold 50\.00 EUR .* say --again .* --new"):
        take(home, "p1", 20 * EUR)
    assert take(home, "p2", 51 * EUR).is_new, "it cannot be all of what was found"
    assert take(home, "p1", 20 * EUR, again=False).is_new
    with writing(home) as session:
        book(session, purses, issuing(), ROOT, NOW_MS)
        assert statements(session) == [(1, 70 * EUR), (1, 121 * EUR)]


def test_a_meter_without_issuers_has_what_is_entered_again_once_too(engine: Engine) -> None:
    found_home(engine, issuers=False)
    purses = PursesHeard()
    heard(purses, 1, {0: 20 * EUR})
    with writing(engine) as session:
        book(session, purses, None, ROOT, NOW_MS)
    assert take(engine, "p1", 15 * EUR, again=True).state is RequestState.FOUND
    assert take(engine, "p2", 15 * EUR, again=True).state is RequestState.BOOKED
    assert take(engine, "p3", 15 * EUR, again=True).state is RequestState.BOOKED
    with reading(engine) as session:
        assert statements(session) == [(0, 30 * EUR), (0, 45 * EUR)]


@pytest.mark.parametrize(
    ("credited_ueur", "moved"),
    [(0, [(2, 20 * EUR), (2, 50 * EUR)]), (20 * EUR, [(2, 30 * EUR)]), (50 * EUR, []), (900 * EUR, [])],
)
def test_a_new_epoch_sends_anew_what_the_old_one_never_credited(
    home: Engine, credited_ueur: int, moved: Sequence[tuple[int, int]]
) -> None:
    purses = PursesHeard()
    take(home, "p1", 20 * EUR)
    take(home, "p2", 30 * EUR)
    heard(purses, 1, {1: 0})
    with writing(home) as session:
        assert book(session, purses, issuing(), ROOT, NOW_MS).requested == 2
    heard(purses, 2, {1: credited_ueur, 2: 0})
    for _ in range(2):
        purses.look_again()
        with writing(home) as session:
            book(session, purses, issuing(2), ROOT, NOW_MS)
            assert [each for each in statements(session) if each[0] == 2] == moved
            assert verify_ledger(session) == []
    heard(purses, 3, {2: sum(total for _, total in moved[-1:]), 3: 0})
    with writing(home) as session:
        assert book(session, purses, issuing(3), ROOT, NOW_MS).moved == 0, "an epoch is closed once"


@pytest.mark.parametrize(
    ("credited_ueur", "moved"),
    [(None, []), (0, [20 * EUR, 50 * EUR]), (20 * EUR, [30 * EUR]), (50 * EUR, []), (51 * EUR, [])],
)
def test_two_closings_without_a_word_between_them_strand_no_payment(
    home: Engine, credited_ueur: int | None, moved: Sequence[int]
) -> None:
    """The meter names epochs 2 and 3, and the sum of all that it has ever credited."""
    purses = PursesHeard()
    take(home, "p1", 20 * EUR)
    take(home, "p2", 30 * EUR)
    heard(purses, 1, {1: 0})
    with writing(home) as session:
        book(session, purses, issuing(), ROOT, NOW_MS)
    heard(purses, 2, {2: 0, 3: 0}, credited_ueur=credited_ueur)
    for _ in range(2):
        with writing(home) as session:
            book(session, purses, issuing(3), ROOT, NOW_MS)
            assert [ueur for epoch, ueur in statements(session) if epoch == 3] == moved
            assert verify_ledger(session) == []


@pytest.mark.parametrize("credited_ueur", [20 * EUR, 40 * EUR])
def test_a_sum_of_several_closed_epochs_moves_nothing(home: Engine, credited_ueur: int) -> None:
    """Of two payments, each in an epoch that the meter names no more, nobody knows which one came."""
    purses = PursesHeard()
    take(home, "p1", 20 * EUR)
    heard(purses, 1, {1: 0})
    with writing(home) as session:
        book(session, purses, issuing(1), ROOT, NOW_MS)
    take(home, "p2", 20 * EUR)
    heard(purses, 2, {1: 20 * EUR, 2: 0})
    with writing(home) as session:
        assert book(session, purses, issuing(2), ROOT, NOW_MS).moved == 0
    heard(purses, 3, {3: 0, 4: 0}, credited_ueur=credited_ueur)
    with writing(home) as session:
        assert book(session, purses, issuing(4), ROOT, NOW_MS).moved == 0
        assert verify_ledger(session) == []


def test_holdings_say_no_sum_and_keep_the_one_of_a_report() -> None:
    purses = PursesHeard()
    heard(purses, 1, {1: 5}, credited_ueur=7)
    heard(purses, 2, {1: 5})
    purse = purses.of("m1")
    assert purse is not None
    assert purse.untold_ueur == 2
    heard(purses, 3, {1: 6})
    purse = purses.of("m1")
    assert purse is not None
    assert purse.untold_ueur is None


def test_who_may_take_no_payment_books_nothing(home: Engine) -> None:
    purses = PursesHeard()
    take(home, "p1", 20 * EUR)
    with writing(home) as session:
        row = session.get_one(PaymentRequestRow, "p1")
        row.amount_ueur = 90 * EUR
        session.add(row)
    heard(purses, 1, {1: 0})
    with writing(home) as session:
        assert book(session, purses, issuing(), ROOT, NOW_MS).requested == 0
        assert session.get_one(PaymentRequestRow, "p1").state == RequestState.REFUSED
        with pytest.raises(RefusedError, match="the service refused it"):
            top_up(act(session), "p1", "m1", 90 * EUR)


def test_a_request_whose_signer_was_dropped_waits_until_somebody_signs_it_again(home: Engine) -> None:
    """A household has paid, and its meter was away while the clerk's key was replaced."""
    purses = PursesHeard()
    take(home, "p1", 20 * EUR, "anna")
    others = tuple(keyid for keyid in ROOT.roles[Role.PROTECT].keyids if keyid != SIGNERS["anna"].keyid)
    root = replace(ROOT, version=2, roles=ROOT.roles | {Role.PROTECT: RoleKeys(1, others)})
    heard(purses, 1, {1: 0})
    with writing(home) as session:
        assert book(session, purses, issuing(), root, NOW_MS).requested == 0
        assert statements(session) == []
    purses.changed.clear()
    with reading(home) as session:
        assert not is_due(session, purses, issuing(), root), "it is not tried again and again"
    for by in ("anna", "bert"):
        with writing(home) as session:
            told = top_up(dataclasses.replace(act(session, by), root=root), "p1", "m1", 20 * EUR)
        assert (told.is_new, told.state) == (False, RequestState.REQUESTED)
        with writing(home) as session:
            assert book(session, purses, issuing(), root, NOW_MS).requested == (by == "bert")
    with reading(home) as session:
        assert statements(session) == [(1, 20 * EUR)]


def test_what_was_found_is_booked_again_where_the_commit_failed(home: Engine) -> None:
    """50 EUR were found, and the disk was full. The meter says nothing new, and a payment is asked for."""
    purses = PursesHeard()
    take(home, "p1", 20 * EUR)
    heard(purses, 1, {1: 50 * EUR})
    for news in (purses.changed, set[str]()):
        purses.changed = news
        with reading(home) as session:  # all of it is rolled back
            assert book(session, purses, issuing(), ROOT, NOW_MS).found == 1
    with writing(home) as session:
        done = book(session, purses, issuing(), ROOT, NOW_MS)
        assert (done.found, done.requested, statements(session)) == (1, 1, [(1, 70 * EUR)])


def test_two_people_sign_a_statement_over_the_allowance_and_it_goes_out_again(home: Engine) -> None:
    purses = PursesHeard()
    take(home, "p1", 900 * EUR)
    heard(purses, 1, {1: 0})
    with writing(home) as session:
        book(session, purses, issuing(), ROOT, NOW_MS)
        (row,) = session.exec(select(OrderRow)).all()
        for message in session.exec(select(OutboxRow)):
            session.delete(message)
    sent = []
    for by in ("dora", "eric"):
        with writing(home) as session:
            sign(act(session, by), row.id)
            sent.append(len(session.exec(select(OutboxRow)).all()))
    assert sent == [0, 1]
    with reading(home) as session:
        signed = session.get_one(OrderRow, row.id)
        assert has_issued(signed.envelope, issuer(1))
        assert meets(open_signed(signed.envelope, ROOT, ORDER_TYPE), ROOT, Role.HARM)
        assert signed.digest == row.digest
    with writing(home) as session, pytest.raises(InputError, match="no new signature"):
        sign(act(session, "eric"), row.id)


def test_one_id_is_one_payment(home: Engine) -> None:
    take(home, "p1", 20 * EUR)
    assert not take(home, "p1", 20 * EUR).is_new
    with pytest.raises(InputError, match=r"requested already, 20\.00 EUR for m1"):
        take(home, "p1", 21 * EUR)


def test_a_meter_that_knows_no_issuers_and_a_home_without_them_get_a_clerks_statement(engine: Engine) -> None:
    found_home(engine, issuers=False)
    assert take(engine, "p1", 20 * EUR).status is not None
    with writing(engine) as session:
        put_issuers_in_force(
            session,
            seal(
                write_issuers(Issuers(version=1, issuers=(issuer(1),))),
                ISSUERS_TYPE,
                [*HARMERS],
            ),
        )
        row = session.get_one(MeterRow, "m1")
        row.issuers_version = KNOWS_NO_ISSUERS
        session.add(row)
    assert take(engine, "p2", 5 * EUR).status is not None
    with reading(engine) as session:
        assert statements(session) == [(0, 20 * EUR), (0, 25 * EUR)]


def test_a_newer_word_counts_and_an_older_one_does_not() -> None:
    purses = PursesHeard()
    heard(purses, 5, {1: 5})
    heard(purses, 4, {1: 4})
    purse = purses.of("m1")
    assert purse is not None
    assert purse.epochs_ueur(CONTROLLER) == {1: 5}
    assert purses.changed == {"m1"}
