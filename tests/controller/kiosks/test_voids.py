"""What a kiosk has given back is no money in the ledger, whatever comes late, doubled or in another order."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from controller.database.tables import AuditRow
from controller.kiosks.paying_back import RefundClaim, pay_back
from controller.kiosks.rules import DifferenceKind
from controller.kiosks.store import booked_for, booked_ueur
from controller.kiosks.views import reconcile
from controller.payments.store import ledger_of, payments_of, verify_ledger
from protocols.documents.till_receipts import TillDeed
from protocols.errors import RefusedError
from protocols.link.carriage import Arrival
from protocols.link.topics import Channel
from protocols.units import UEUR_PER_EUR
from tests.controller.kiosks.office import KIOSK, NOW_MS, add_kiosk, item, statement, take
from tests.controller.kiosks.test_refunds import act_of, receipt

E = UEUR_PER_EUR


@pytest.fixture
def books(engine: Engine) -> Iterator[Session]:
    add_kiosk(engine)
    with Session(engine) as session:
        yield session


def voided(payment: str, eur: int, *, number: int = 1, at_ms: int = NOW_MS) -> bytes:
    return receipt(TillDeed.VOIDED, payment, eur, number=number, at_ms=at_ms)


def stated(place: int, number: int, total: int) -> Arrival:
    return item(statement("m1", number, total), place)


def received(place: int, body: bytes) -> Arrival:
    return item(body, place, Channel.KIOSK_RECEIPTS)


def held(session: Session) -> tuple[int, int, int]:
    """What the ledger holds for the meter, of the kiosk, and of the kiosk for the meter, in euro."""
    found = ledger_of(session, "m1")[0], booked_ueur(session, KIOSK), booked_for(session, KIOSK, "m1")
    return tuple(each // E for each in found)  # type: ignore[return-value] # three of them


def test_a_payment_that_was_voided_is_not_on_its_way_and_not_paid_back(books: Session) -> None:
    take(books, stated(1, 1, 20))
    assert [each.kind for each in reconcile(books)] == [DifferenceKind.NOT_CREDITED]
    take(books, stated(2, 2, 0))
    assert held(books) == (20, 20, 20)
    take(books, received(3, voided("p1", 20)))
    assert held(books) == (0, 0, 0)
    assert reconcile(books) == []
    assert [(each.amount_ueur // E, each.voided_ueur // E) for each in payments_of(books)] == [(20, 20)]
    take(books, stated(2, 2, 0), received(3, voided("p1", 20)))
    audited = [row.body for row in books.exec(select(AuditRow)) if b"void_payment" in row.body]
    assert len(audited) == 1
    take(books, received(4, receipt(TillDeed.REFUND, "p2")))
    with pytest.raises(RefusedError, match=r"the ledger holds 0\.00 EUR"):
        pay_back(act_of(books), KIOSK, "p2", None, RefundClaim.UNSAID)


# What a kiosk states (number:total) and what its receipts say was voided (-euro, -euro* of a payment that no
# statement had carried), and what the ledger holds then.
LEDGER = """
 1:20 2:0           | 20
 1:20 -20           | 20
 1:20 2:0 -20       |  0
 1:20 2:0 -20 -20   |  0
 1:20 2:0 -20*      | 20
 1:20 2:30 3:10 -20 | 10
 1:20 2:0 -20 3:10  | 10
 1:20 2:0 -20 3:20  | 20
 1:20 2:0 -20 3:35  | 35
 1:20 2:30 -10 3:20 | 20
 1:20 2:50 2:35 -30 | 50
 1:20 2:50 3:40     | 50
"""


@pytest.mark.parametrize("line", LEDGER.strip().splitlines())
def test_statement_and_receipt_together_say_what_was_given_back(books: Session, line: str) -> None:
    deeds, wanted = line.split("|")
    for place, text in enumerate(deeds.split(), 1):
        if text.startswith("-"):
            number = 0 if text.endswith("*") else 1
            word = received(place, voided("p1", int(text.strip("-*")), number=number, at_ms=NOW_MS + place))
        else:
            word = stated(place, *map(int, text.split(":")))
        take(books, word)
    assert held(books) == (int(wanted),) * 3
    assert verify_ledger(books) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from([0, 5, 20, 60]), min_size=1, max_size=6), st.data())
def test_whatever_is_voided_the_ledger_holds_what_the_kiosk_keeps(
    books: Session, deeds: list[int], data: st.DataObject
) -> None:
    words, kept, number = list[Arrival](), dict[str, int](), 0
    for place, eur in enumerate(deeds):
        if eur:
            kept[f"p{place}"] = eur
        elif kept:
            name = data.draw(st.sampled_from(sorted(kept)))
            words.append(received(100 + place, voided(name, kept.pop(name))))
        else:
            continue
        number += 1
        words.append(stated(place + 1, number, sum(kept.values())))
    words += data.draw(st.lists(st.sampled_from(words), max_size=3)) if words else []
    for word in data.draw(st.permutations(words)):
        take(books, word)
    assert held(books) == (sum(kept.values()),) * 3
    assert verify_ledger(books) == []
    books.rollback()
