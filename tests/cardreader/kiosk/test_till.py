"""Payments and voids at one kiosk: what is booked, what goes to the controller, what is refused."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.files.layout import STATEMENTS
from cardreader.host.transport import InProcess
from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.desk import CardAtDesk, receive_card
from cardreader.kiosk.ledger import open_payments
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash, PaymentPort, PortOutcome, SimulatedTerminal, TerminalMood
from cardreader.kiosk.rules import PaymentState, VoidWay
from cardreader.kiosk.searching import Sought, find
from cardreader.kiosk.shifts import close_shift, open_shift, shift_now, takings_of
from cardreader.kiosk.store import (
    asks_waiting,
    keep_document,
    note_heard,
    outgoing_after,
    reading_kiosk,
    writing_kiosk,
)
from cardreader.kiosk.tables import StatementRow
from cardreader.kiosk.voiding import Undone, find_payment, void
from cardreader.line.standing import standing_in
from protocols.documents import drafting
from protocols.documents.envelope import read_envelope, seal
from protocols.documents.kiosk_limits import KioskLimits
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, Scope, TimeAnswer, write_document
from protocols.documents.till_receipts import TILL_RECEIPT_TYPE, TillDeed, open_till_receipt
from protocols.errors import DocumentError, RefusedError, UnreachableError
from protocols.instants import UtcMs
from protocols.reasons import Language
from tests.cardreader.kiosk.till_bench import CARD, EURO, ISSUERS, NOW, CreditMeter, Killed, Till
from tests.cardreader.one_card import METER, NOW_MS, SERIAL, challenge, session, write_ask

AT = UtcMs(NOW_MS)


class Desk:
    """A kiosk and the one card in front of it."""

    def __init__(self, till: Till) -> None:
        self.till, self.memory = till, WholeMemory(CARD)

    def pay(self, name: str, euro: int, port: PaymentPort | None = None, steps: int | None = None) -> int:
        with self.till.serving(self.memory, steps) as card:
            paid = top_up(self.till.kiosk, card, name, euro * EURO, port or Cash(), NOW)
        return paid.statement.total_ueur // EURO

    def take_back(self, name: str, port: PaymentPort | None = None, *, refund: bool = False) -> Undone:
        with self.till.serving(self.memory) as card:
            return void(self.till.kiosk, name, card, port or Cash(), AT, refund=refund)

    def state(self, name: str) -> str:
        return find_payment(self.till.kiosk, name).state


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    till = Till("k1", tmp_path)
    yield Desk(till)
    till.engine.dispose()


def test_a_store_counts_what_it_has_stated_and_says_so_on_its_line(desk: Desk) -> None:
    """What a commit has confirmed was offered: the controller compares this sum with its ledger."""
    for number, (euro, issued_euro) in enumerate(((20, 20), (5, 25), (30, 55)), 1):
        desk.pay(f"p{number}", euro)
        with reading_kiosk(desk.till.engine) as store:
            standing = standing_in(store)
        assert (standing.issued_ueur, standing.issued_count) == (issued_euro * EURO, number)


def test_what_goes_to_the_controller_is_signed_by_the_kiosk(desk: Desk) -> None:
    desk.pay("p1", 20)
    with reading_kiosk(desk.till.engine) as store:
        rows = [(each.channel, each.payload) for each in outgoing_after(store, 0, 10)]
    envelopes = [read_envelope(payload) for _channel, payload in rows]
    assert [each.payload_type for each in envelopes] == [TILL_RECEIPT_TYPE, ORDER_TYPE, TILL_RECEIPT_TYPE]
    assert [channel for channel, _payload in rows] == ["receipts", "statements", "receipts"]
    issuer = ISSUERS.of("k1")
    assert issuer is not None
    taken, written = (open_till_receipt(rows[at][1], issuer) for at in (0, 2))
    assert (taken.deed, taken.number, taken.total_ueur) == (TillDeed.TAKEN, 0, 0)
    assert (written.deed, written.number, written.total_ueur) == (TillDeed.WRITTEN, 1, 20 * EURO)
    assert (written.payment, written.meter, written.card, written.clerk) == (
        "p1",
        METER,
        SERIAL.hex(),
        "anna",
    )
    other = ISSUERS.of("k2")
    assert other is not None
    with pytest.raises(DocumentError, match="not signed with the key of issuer k2"):
        open_till_receipt(rows[0][1], other)


def test_money_that_could_not_be_written_comes_with_the_next_payment(desk: Desk) -> None:
    with pytest.raises(Killed):
        desk.pay("p1", 20, steps=28)
    assert desk.state("p1") == PaymentState.TAKEN
    with reading_kiosk(desk.till.engine) as store:
        assert [each.id for each in open_payments(store)] == ["p1"]
    assert desk.pay("p2", 30) == 50
    assert (desk.state("p1"), desk.state("p2")) == (PaymentState.COMMITTED, PaymentState.COMMITTED)
    assert desk.pay("p1", 20) == 50


def test_a_statement_is_noted_as_offered_and_confirmed_and_goes_to_the_controller_once(desk: Desk) -> None:
    for _ in range(2):
        desk.pay("p1", 20)
        with reading_kiosk(desk.till.engine) as store:
            (row,) = store.exec(select(StatementRow)).all()
            assert (row.total_ueur, row.offered, row.confirmed) == (20 * EURO, 1, 1)
            assert [each.channel for each in outgoing_after(store, 0, 10)].count("statements") == 1


@pytest.mark.parametrize("mood", [TerminalMood.TIMEOUT, TerminalMood.LATE])
def test_a_terminal_is_asked_once_whatever_it_answers(desk: Desk, mood: TerminalMood) -> None:
    bank: dict[str, int] = {}
    with pytest.raises(UnreachableError, match="repeat the command with --id p1"):
        desk.pay("p1", 20, SimulatedTerminal(bank, mood))
    assert desk.state("p1") == PaymentState.ASKED
    approved = SimulatedTerminal(bank)
    if mood is TerminalMood.LATE:
        assert desk.pay("p1", 20, approved) == 20
    else:
        with pytest.raises(RefusedError, match="it is declined"):
            desk.pay("p1", 20, approved)
    assert bank == ({"p1": 20 * EURO} if mood is TerminalMood.LATE else {})


class _KilledDrawer(Cash):
    """The program ends when the cash has been handed over, before it is noted."""

    def take(self, payment: str, amount_ueur: int) -> PortOutcome:
        del payment, amount_ueur
        raise Killed


def test_cash_whose_taking_was_never_noted_is_given_back_and_stands_in_the_books(desk: Desk) -> None:
    with suppress(Killed):
        desk.pay("p1", 40, _KilledDrawer())
    assert desk.state("p1") == PaymentState.ASKED
    done = desk.take_back("p1")
    assert (done.payment.state, done.way, done.is_new) == (PaymentState.VOIDED, VoidWay.FREE, True)
    with reading_kiosk(desk.till.engine) as store:
        said = [each.payload for each in outgoing_after(store, 0, 10) if each.channel == "receipts"]
        shift = shift_now(store)
        assert shift is not None
        assert shift.number is not None
        takings = takings_of(store, shift.number)
    issuer = ISSUERS.of("k1")
    assert issuer is not None
    assert [open_till_receipt(each, issuer).deed for each in said] == [TillDeed.TAKEN, TillDeed.VOIDED]
    assert (takings.cash_in_ueur, takings.cash_out_ueur) == (40 * EURO, 40 * EURO)


def test_without_a_shift_no_payment_leaves_the_card(desk: Desk) -> None:
    desk.pay("p1", 30)
    with writing_kiosk(desk.till.engine) as store:
        close_shift(store, 30 * EURO, AT)
    before = _statement_on(desk.memory)
    with pytest.raises(RefusedError, match="no shift is open"):
        desk.take_back("p1")
    assert _statement_on(desk.memory) == before
    assert desk.state("p1") == PaymentState.COMMITTED


def _statement_on(memory: WholeMemory) -> bytes:
    return session(InProcess(SmartCard(memory))).read(STATEMENTS[0])


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (KioskLimits(kiosk="k1", version=1, meter_day_ueur=50 * EURO), "K4"),
        (KioskLimits(kiosk="k1", version=1, offline_count=2), "K6"),
    ],
)
def test_what_a_terminal_was_asked_for_uses_the_limits(desk: Desk, limits: KioskLimits, code: str) -> None:
    """It may be approved all the same: so many silences must not add up to more than a kiosk may take."""
    desk.till.kiosk = replace(desk.till.kiosk, limits=limits)
    with writing_kiosk(desk.till.engine) as store:
        note_heard(store, NOW)
    bank: dict[str, int] = {}
    for name in ("p1", "p2"):
        with pytest.raises(UnreachableError):
            desk.pay(name, 20, SimulatedTerminal(bank, TerminalMood.LATE))
    with pytest.raises(RefusedError, match=code):
        desk.pay("p3", 20, SimulatedTerminal(bank, TerminalMood.LATE))
    assert desk.pay("p1", 20, SimulatedTerminal(bank)) == 20
    assert desk.pay("p2", 20, SimulatedTerminal(bank)) == 40
    with pytest.raises(RefusedError, match=code):
        desk.pay("p3", 20)
    assert desk.take_back("p1", SimulatedTerminal(bank)).payment.state == PaymentState.VOIDED
    if code == "K4":
        assert desk.pay("p3", 20) == 40


def test_what_nobody_knows_is_cancelled_at_the_terminal(desk: Desk) -> None:
    bank: dict[str, int] = {}
    with pytest.raises(UnreachableError):
        desk.pay("p1", 20, SimulatedTerminal(bank, TerminalMood.LATE))
    with pytest.raises(UnreachableError, match="it stays open"):
        desk.take_back("p1", SimulatedTerminal(bank, TerminalMood.TIMEOUT))
    # Whoever began to cancel it ends it: it must not be paid meanwhile.
    assert desk.state("p1") == PaymentState.CANCELLING
    with pytest.raises(RefusedError, match="it is being cancelled"):
        desk.pay("p1", 20, SimulatedTerminal(bank))
    assert desk.take_back("p1", SimulatedTerminal(bank)).payment.state == PaymentState.DECLINED
    assert bank == {"p1": -1}


def test_a_void_ends_with_the_first_visit_of_the_meter(desk: Desk) -> None:
    meter = CreditMeter()
    desk.pay("p1", 20)
    assert desk.take_back("p1").way is VoidWay.CARD
    assert not desk.take_back("p1").is_new
    desk.pay("p2", 30)
    # Pulled out before the meter could say it: the card looks as it did.
    meter.visit(desk.memory, pull_before_it_says=True)
    desk.pay("p3", 5)
    with pytest.raises(RefusedError, match="the meter may have it already"):
        desk.take_back("p2")
    assert desk.take_back("p2", refund=True).way is VoidWay.REFUND
    meter.visit(desk.memory)
    assert meter.credited_ueur == 35 * EURO
    with pytest.raises(RefusedError, match="take a new id"):
        desk.pay("p2", 30)


def test_the_id_of_another_payment_is_refused(desk: Desk) -> None:
    desk.pay("p1", 20)
    with pytest.raises(RefusedError, match=r"p1 is another payment, of 20\.00 €"):
        desk.pay("p1", 21)
    with pytest.raises(RefusedError, match="paid by cash"):
        desk.take_back("p1", SimulatedTerminal({}))


def test_a_store_that_is_an_old_copy_goes_on_from_the_card(tmp_path: Path, desk: Desk) -> None:
    desk.pay("p1", 20)
    (tmp_path / "old").mkdir()
    old = Till("k1", tmp_path / "old")
    desk.till.engine.dispose()
    desk.till = old
    assert desk.pay("p2", 30) == 50
    old.engine.dispose()


def test_a_card_whose_meter_says_more_than_is_known_takes_nothing(tmp_path: Path, desk: Desk) -> None:
    desk.pay("p1", 20)
    CreditMeter().visit(desk.memory)
    (tmp_path / "old").mkdir()
    old = Till("k1", tmp_path / "old")
    desk.till.engine.dispose()
    desk.till = old
    # The statement is gone from the card: only the meter's word is there, which no kiosk can check.
    wiper = session(InProcess(SmartCard(desk.memory)))
    wiper.write(STATEMENTS[0], b"")
    wiper.commit()
    with pytest.raises(RefusedError, match="code K1"):
        desk.pay("p2", 30)
    with reading_kiosk(old.engine) as store:
        assert find(store, Sought(payment="p2"), 1).payments == ()
    old.engine.dispose()


def test_without_a_shift_no_money_is_taken_and_the_drawer_adds_up(desk: Desk) -> None:
    desk.pay("p1", 20)
    desk.pay("p2", 50, SimulatedTerminal({}))
    desk.pay("p3", 30)
    desk.take_back("p3")
    with writing_kiosk(desk.till.engine) as store:
        with pytest.raises(RefusedError, match="anna's shift 1 is open"):
            open_shift(store, "bert", Language.DUTCH, 0, AT)
        _shift, takings, cash = close_shift(store, 19 * EURO, AT)
    assert takings == (3, 50 * EURO, 30 * EURO, 50 * EURO, 0, 0)
    assert (cash.booked_ueur, cash.difference_ueur) == (20 * EURO, -EURO)
    with pytest.raises(RefusedError, match="no shift is open"):
        desk.pay("p4", 20)
    with pytest.raises(RefusedError, match="no shift is open"), writing_kiosk(desk.till.engine) as store:
        close_shift(store, 0, AT)


def test_a_household_is_found_by_what_it_knows(desk: Desk) -> None:
    desk.pay("p1", 20)
    with reading_kiosk(desk.till.engine) as store:
        for sought in (
            Sought(meter=METER),
            Sought(card=SERIAL.hex()),
            Sought(reference="5414000000042"),
        ):
            found = find(store, sought, 10)
            assert [each.serial for each in found.cards] == [SERIAL.hex()], sought
            assert [each.id for each in found.payments] == ["p1"], sought
        by_payment = find(store, Sought(payment="p1"), 10)
        assert ([*by_payment.cards], [each.id for each in by_payment.payments]) == ([], ["p1"])
        assert find(store, Sought(meter="m7"), 10) == ((), ())
        assert asks_waiting(store) == []


def test_what_waits_for_a_meter_comes_along_but_no_time_of_a_clock_that_is_doubted(desk: Desk) -> None:
    sheet = drafting.Sheet("o1", 1, NOW_MS, "test")
    hold = drafting.declare_moratorium(sheet, "h1", NOW_MS, NOW_MS + 10**9, Scope(meters=(METER,)))
    waiting = seal(write_document(hold), ORDER_TYPE, [practice_signer("1", "anna")])
    answer = TimeAnswer(meter=METER, nonce=32 * "0", time_ms=NOW_MS, spread_ms=1_000)
    time = seal(write_document(answer), TIME_TYPE, [practice_signer("1", "headend")])
    with writing_kiosk(desk.till.engine) as store:
        keep_document(store, METER, "hold/h1", waiting, AT)
        keep_document(store, METER, "time/headend", time, AT)
        keep_document(store, METER, f"letter/{SERIAL.hex()}", b"a key letter", AT)
    write_ask(desk.memory, 32 * "0")
    for tells_time in (False, True):
        desk.till.kiosk = replace(desk.till.kiosk, tells_time=tells_time)
        with desk.till.serving(desk.memory) as card:
            paid = top_up(desk.till.kiosk, card, f"p{tells_time}", 20 * EURO, Cash(), NOW)
        assert paid.written.left_out == ()
        with desk.till.serving(desk.memory) as card:
            held = set(card.found.documents.values())
        assert waiting in held
        assert (time in held) == tells_time


def test_killed_at_any_step_no_card_has_what_the_ledger_says_it_has_not(desk: Desk) -> None:
    steps, finished = 60, False
    while not finished:
        name = f"p{steps}"
        desk.memory = WholeMemory(CARD)
        try:
            desk.pay(name, 5, steps=steps)
            finished = True
        except Killed:
            on_card = session(InProcess(SmartCard(desk.memory))).read(STATEMENTS[0])
            assert not on_card or desk.state(name) != PaymentState.TAKEN, steps
        steps += 1


def test_what_a_card_holds_was_noted_before_wherever_the_kiosk_is_killed(desk: Desk) -> None:
    on_card = set[bool]()
    for steps in range(26, 36):
        name, desk.memory = f"p{steps}", WholeMemory(CARD)
        with suppress(Killed):
            desk.pay(name, 5, steps=steps)
        held = session(InProcess(SmartCard(desk.memory))).read(STATEMENTS[0])
        on_card.add(bool(held))
        assert not held or desk.state(name) in (PaymentState.WRITTEN, PaymentState.COMMITTED)
    assert on_card == {False, True}


class _Counting(InProcess):
    commands = 0

    def transmit(self, command: bytes) -> bytes:
        self.commands += 1
        return super().transmit(command)


def test_a_card_that_this_kiosk_has_read_or_written_is_not_read_again(desk: Desk) -> None:
    def receive() -> tuple[CardAtDesk, int]:
        channel = _Counting(SmartCard(desk.memory))
        return receive_card(desk.till.kiosk, channel, challenge(), UtcMs(NOW_MS)), channel.commands

    _first, first_commands = receive()
    card, commands = receive()
    # Selection, two commands of the authentication, and the fingerprint.
    assert first_commands > commands == 4
    top_up(desk.till.kiosk, card, "p1", 20 * EURO, Cash(), NOW)
    again, commands = receive()
    assert commands == 4
    assert again.found.visits[0].station == desk.till.kiosk.station
    CreditMeter().visit(desk.memory)
    after, commands = receive()
    assert commands > 4
    assert after.found.state.state is not None
