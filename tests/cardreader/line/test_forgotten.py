"""A kiosk whose store was put back hears what its own key has signed, and believes the last statement."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as struct_replace
from sqlmodel import select

from cardreader.card.store import WholeMemory
from cardreader.kiosk.ledger import TillPurse, account_of, found_in
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash
from cardreader.kiosk.rules import PaymentClaim, VoidWay
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import ForgottenStatementRow, StatementRow
from cardreader.kiosk.voiding import void
from cardreader.line.forgotten import Stated, TillKnown, found_by_statements, take_statements
from protocols.documents import drafting
from protocols.documents.envelope import Signer, WireEnvelope, seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.errors import RefusedError
from protocols.instants import UtcMs
from protocols.link.kiosk_words import KioskOrders, StatementTold
from tests.cardreader.kiosk.till_bench import CARD, EURO, NOW, SIGNERS, CreditMeter, Till
from tests.cardreader.one_card import METER, NOW_MS

AT = UtcMs(NOW_MS)
PURSE = TillPurse(METER, "k1", 1)


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till("k1", tmp_path)
    yield made
    made.engine.dispose()


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[Till]:
    """The same kiosk, with a store from before all."""
    (tmp_path / "later").mkdir()
    made = Till("k1", tmp_path / "later")
    yield made
    made.engine.dispose()


def told(
    total: int, place: int = 1, number: int = 1, *, key: Signer = SIGNERS["k1"], epoch: int = 1
) -> StatementTold:
    """A statement as the office sends it down: of so many euro in all."""
    sheet = drafting.Sheet(f"s{number}", number, NOW_MS, "payment")
    order = drafting.payment_statement(sheet, METER, "k1", number, total * EURO, epoch=epoch)
    envelope = seal(write_document(order), ORDER_TYPE, [key])
    return StatementTold(place, msgspec.json.decode(envelope, type=WireEnvelope))


def hear(till: Till, *statements: StatementTold, after: int = 0, last: int = 0) -> tuple[int, int]:
    """What the store knows of the purse after it: all that counts, and what of it was found, in euro."""
    orders = KioskOrders(kiosk="k1", statements=statements, statements_after=after, statements_last=last)
    with writing_kiosk(till.engine) as session:
        assert take_statements(session, till.kiosk.home, orders, AT) == bool(statements)
    with reading_kiosk(till.engine) as session:
        return account_of(session, PURSE).counting_ueur // EURO, found_in(session, PURSE) // EURO


def pay(
    till: Till, memory: WholeMemory, name: str, euro: int, claim: PaymentClaim = PaymentClaim.NEW
) -> None:
    with till.serving(memory) as card:
        top_up(till.kiosk, card, name, euro * EURO, Cash(), NOW, claim)


def take_back(till: Till, memory: WholeMemory, name: str) -> VoidWay:
    with till.serving(memory) as card:
        return void(till.kiosk, name, card, Cash(), AT, refund=False).way


def signed_by(till: Till) -> list[StatementTold]:
    """All that a kiosk has signed, as the office tells it."""
    with reading_kiosk(till.engine) as session:
        rows = session.exec(select(StatementRow).order_by(StatementRow.number)).all()  # type: ignore[arg-type]
        envelopes = [msgspec.json.decode(row.envelope, type=WireEnvelope) for row in rows]
    return [StatementTold(place, each) for place, each in enumerate(envelopes, 1)]


def test_a_kiosk_that_has_forgotten_all_serves_a_card_that_its_meter_is_ahead_of(
    till: Till, restored: Till
) -> None:
    """Without the office that is K1: the card says more than the kiosk knows, and no statement proves it."""
    meter, memory = CreditMeter(), WholeMemory(CARD)
    pay(till, memory, "p1", 20)
    meter.visit(memory)
    blank = WholeMemory(CARD)  # another card of the meter, with no statement on it
    meter.visit(blank)
    with pytest.raises(RefusedError, match="code K1"):
        pay(restored, blank, "p2", 30)
    assert hear(restored, told(20)) == (20, 20)
    pay(restored, blank, "p2", 30)
    meter.visit(blank)
    assert meter.credited_ueur == 50 * EURO
    pay(restored, blank, "p1", 20, PaymentClaim.AGAIN)
    meter.visit(blank)
    assert meter.credited_ueur == 50 * EURO


def test_a_payment_and_its_void_that_were_forgotten_are_credited_to_nobody(
    till: Till, restored: Till
) -> None:
    meter, memory = CreditMeter(), WholeMemory(CARD)
    pay(till, memory, "p1", 20)
    assert take_back(till, memory, "p1") is VoidWay.CARD
    assert hear(restored, *signed_by(till)) == (0, 0)
    pay(restored, memory, "p2", 10)
    meter.visit(memory)
    assert meter.credited_ueur == 10 * EURO


def test_a_void_that_was_forgotten_takes_back_what_the_store_still_counts(till: Till, tmp_path: Path) -> None:
    """The store was put back to between payment and void: its money is given back once, and not credited."""
    meter, memory = CreditMeter(), WholeMemory(CARD)
    pay(till, memory, "p1", 20)
    (tmp_path / "later").mkdir()
    with (
        contextlib.closing(sqlite3.connect(till.folder / "k1.db")) as store,
        contextlib.closing(sqlite3.connect(tmp_path / "later" / "k1.db")) as copy,
    ):
        store.backup(copy)
    assert take_back(till, memory, "p1") is VoidWay.CARD
    restored = Till("k1", tmp_path / "later")
    assert hear(restored, *signed_by(till)) == (0, -20)
    with pytest.raises(RefusedError, match="the meter may have it already"):
        take_back(restored, memory, "p1")
    pay(restored, memory, "p2", 10)
    meter.visit(memory)
    assert meter.credited_ueur == 10 * EURO
    restored.engine.dispose()


def test_a_statement_that_is_told_is_believed_once_and_by_the_kiosks_own_key_alone(till: Till) -> None:
    assert hear(till, told(90, 1, key=SIGNERS["k2"])) == (0, 0)
    assert hear(till, told(20, 2), told(20, 2), told(20, 3)) == (20, 20)
    assert hear(till, told(35, 4, 2), told(30, 5, 2)) == (35, 35)
    # One of a closed epoch is known, and adds nothing to this one.
    assert hear(till, told(70, 6, 9, epoch=0)) == (35, 35)
    with reading_kiosk(till.engine) as session:
        rows = session.exec(select(StatementRow)).all()
        assert {(row.epoch, row.number, row.total_ueur // EURO, row.offered) for row in rows} == {
            (1, 1, 20, 1),
            (1, 2, 35, 1),
            (0, 9, 70, 1),
        }
        assert session.exec(select(ForgottenStatementRow)).all() == []


def test_what_this_store_signed_itself_is_no_money_that_was_found(till: Till) -> None:
    memory = WholeMemory(CARD)
    pay(till, memory, "p1", 20)
    pay(till, memory, "p2", 10)
    assert hear(till, told(20), told(30, 2, 2)) == (30, 0)


def test_what_was_forgotten_counts_once_the_last_of_it_was_told(till: Till) -> None:
    assert hear(till, told(20), told(50, 2, 2), last=4) == (0, 0)
    assert hear(till, told(45, 3, 3), after=2, last=4) == (0, 0)
    assert hear(till, told(15, 4, 4), after=3, last=4) == (15, 15)


def test_after_a_gap_nothing_is_taken_until_what_is_missing_is_told(till: Till) -> None:
    assert hear(till, told(0, 2, 2), after=1, last=2) == (0, 0)
    assert hear(till, told(20), last=2) == (0, 0)
    assert hear(till, told(0, 2, 2), after=1, last=2) == (0, 0)
    with reading_kiosk(till.engine) as session:
        assert {row.number for row in session.exec(select(StatementRow))} == {1, 2}


def test_the_issuers_document_says_the_epoch_and_no_form(till: Till) -> None:
    """A line that was killed between the two files of a home left a form of another epoch for good."""
    home = till.kiosk.home
    till.kiosk = replace(till.kiosk, home=replace(home, form=struct_replace(home.form, epoch=9)))
    assert hear(till, told(20), told(70, 2, 2, epoch=9)) == (20, 20)


# What the store knows (counting, found, taken | last number, highest total, total before), what it had
# forgotten (number:total), and how much more was paid, in euro.
LEDGER = """
  0   0  0 | 0  0  0 | 1:20           |  20
  0   0  0 | 0  0  0 | 1:20 2:0       |   0
  0   0  0 | 0  0  0 | 1:50 2:20 3:35 |  35
 20   0  0 | 1 20 20 | 2:0            | -20
 20   0  0 | 1 20 20 | 2:0 3:15       |  -5
  0   0  0 | 2 20  0 | 3:15           |  15
 30   0 10 | 1 20 20 | 2:45           |  15
 30   0 10 | 1 20 20 | 2:0            | -20
 30   0 10 | 1 20 20 | 2:25           |   0
 20  20  0 | 0  0  0 | 1:20           |   0
 30  30  0 | 0  0  0 | 1:20           |   0
 20  20  0 | 0  0  0 | 1:20 2:30      |  10
 35   0  0 | 2 35 20 | 2:30           |   0
 35   0  0 | 2 35 20 | 2:50           |  15
 35   0  0 | 2 35 20 | 2:50 3:20      |   0
 30   0  0 | 2 30 20 | 2:0 3:5        | -15
"""


@pytest.mark.parametrize("line", LEDGER.strip().splitlines())
def test_what_the_forgotten_statements_prove(line: str) -> None:
    counts, own, forgotten, found = (part.split() for part in line.split("|"))
    counting, found_before, taken = map(int, counts)
    number, signed, before = map(int, own)
    known = TillKnown(counting, found_before, taken, number, signed, before)
    statements = [Stated(*map(int, each.split(":"))) for each in forgotten]
    assert found_by_statements(known, statements) == int(found[0])


@dataclass
class _Branch:
    """What a kiosk does with one purse: payments by amount, and what it signs after each deed."""

    payments: list[int] = field(default_factory=list)
    signed: list[Stated] = field(default_factory=list)

    @property
    def kept(self) -> int:
        return sum(self.payments)

    def do(self, deeds: list[int], keeping: int = 0) -> None:
        """Pay where a deed is above 0; else take the last payment back, but for the first `keeping` ones."""
        for deed in deeds:
            if deed > 0:
                self.payments.append(deed)
            elif len(self.payments) > keeping:
                self.payments.pop()
            else:
                continue
            number = self.signed[-1].number + 1 if self.signed else 1
            self.signed.append(Stated(number, self.kept))


DEEDS = st.lists(st.sampled_from([0, 0, 5, 20, 35, 250]), max_size=6)


@given(before=DEEDS, forgotten=DEEDS, since=DEEDS)
def test_whatever_was_forgotten_the_sum_is_what_was_paid_and_never_above_it(
    before: list[int], forgotten: list[int], since: list[int]
) -> None:
    """The store is put back to after `before`, has forgotten deeds, and does others before it is told."""
    copy = _Branch()
    copy.do(before)
    gone, own = (_Branch([*copy.payments], [*copy.signed]) for _ in range(2))
    gone.do(forgotten)
    own.do(since, keeping=len(copy.payments))
    lost = [each for each in gone.signed if each not in own.signed]
    earlier = [each for each in own.signed if not lost or each.number < min(lost).number]
    known = TillKnown(
        counting_ueur=own.kept,
        number=max((each.number for each in own.signed), default=0),
        signed_ueur=max((each.total_ueur for each in own.signed), default=0),
        before_ueur=earlier[-1].total_ueur if earlier else 0,
    )
    counted = own.kept + found_by_statements(known, lost)
    same = sum(each in own.signed for each in gone.signed[len(copy.signed) :])
    paid = gone.kept + own.kept - copy.kept
    if not since or len(own.signed) == len(copy.signed):
        assert counted == gone.kept
    elif not same:
        assert counted <= paid
