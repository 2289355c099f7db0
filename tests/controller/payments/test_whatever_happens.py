"""Payments, restored stores and new epochs in any sequence: every cent is there, once."""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Engine
from sqlmodel import Session, select

from controller.database.engine import open_store, reading, writing
from controller.database.tables import OrderRow, PaymentRequestRow, PaymentRow
from controller.exchange.purses import PursesHeard
from controller.payments.acts import FoundMoneyError
from controller.payments.booking import book
from controller.payments.store import verify_ledger
from controller.restores.acts import account_for, mark_of
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import read_envelope
from protocols.documents.orders import Order, body_of, read_order
from tests.controller.payments.till import EUR, NOW_MS, found_home, heard, issuing, take
from tests.emulator.firmware.guarded.workbench import ROOT


@dataclass
class Meter:
    """A meter that credits statements by epoch and total (design §4.3)."""

    epoch: int = 1
    totals: dict[int, int] = field(default_factory=lambda: {1: 0})

    def take(self, order: Order) -> None:
        body = body_of(order, PaymentBody)
        if body.epoch == self.epoch:
            self.totals[body.epoch] = max(self.totals[body.epoch], body.total_ueur)

    @property
    def credited_ueur(self) -> int:
        return sum(self.totals.values())


def back_up(path: Path) -> None:
    """A copy of the store beside it, as people make one."""
    with sqlite3.connect(path.with_name("relance.db")) as source, sqlite3.connect(path) as target:
        source.backup(target)


class MoneyMachine(RuleBasedStateMachine):
    """Payments, restored stores and new epochs in any sequence: at the end every cent is there, once.

    After a restore clerks enter again, from their receipts, what the store has forgotten, when they like.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.copy = Path(self.folder.name, "copy.db")
        self.engine = self.open()
        found_home(self.engine)
        self.meter = Meter()
        self.paid: dict[str, int] = {}
        self.forgotten: list[str] = []
        self.flying: list[bytes] = []
        self.purses = PursesHeard()
        self.words = 0
        self.epoch = 1

    def open(self) -> Engine:
        return open_store(f"sqlite:///{self.folder.name}/relance.db", create=True)

    @rule(ueur=st.integers(1, 50 * EUR))
    def pay(self, ueur: int) -> None:
        name = f"p{len(self.paid)}"
        self.paid[name] = ueur
        # Where money was found the clerk is asked, and says the truth.
        try:
            take(self.engine, name, ueur)
        except FoundMoneyError:
            take(self.engine, name, ueur, again=False)

    @precondition(lambda self: self.forgotten)
    @rule(data=st.data())
    def enter_again(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.forgotten))
        self.forgotten.remove(name)
        assert take(self.engine, name, self.paid[name], again=True).is_new
        assert not take(self.engine, name, self.paid[name]).is_new

    @precondition(lambda self: self.paid and not self.copy.exists())
    @rule()
    def back_up(self) -> None:
        back_up(self.copy)

    @precondition(lambda self: self.copy.exists())
    @rule(keep=st.booleans())
    def restore(self, keep: bool) -> None:
        """The copy takes the store's place; its mark, and what was sent, are outside of it."""
        with reading(self.engine) as session:
            mark = mark_of(session, 1)
            self.flying = [*self.flying, *payment_envelopes(session)]
        self.engine.dispose()
        for each in Path(self.folder.name).glob("relance.db*"):
            each.unlink()
        copyfile(self.copy, Path(self.folder.name, "relance.db"))
        if not keep:
            self.copy.unlink()
        self.engine = self.open()
        self.purses = PursesHeard()
        with writing(self.engine) as session:
            if mark is not None:
                account_for(session, mark, 1, NOW_MS)
            self.forgotten = [name for name in self.paid if not is_known(session, name)]

    @rule()
    def hear(self) -> None:
        self.words += 1
        told = sorted(self.meter.totals)[-2:]  # the present epoch, and the one that was closed last
        totals = {epoch: self.meter.totals[epoch] for epoch in told}
        heard(self.purses, self.words, totals, credited_ueur=self.meter.credited_ueur)

    @rule()
    def book(self) -> None:
        with writing(self.engine) as session:
            book(session, self.purses, issuing(self.epoch), ROOT, NOW_MS)

    @rule(lost=st.booleans())
    def send(self, lost: bool) -> None:
        with reading(self.engine) as session:
            envelopes = payment_envelopes(session)
        for envelope in envelopes[1:] if lost else envelopes:
            self.meter.take(read_order(read_envelope(envelope).payload))

    @rule()
    def serve(self) -> None:
        """The meter speaks, and gets what is booked."""
        self.hear()
        self.book()
        self.send(lost=False)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def arrive_late(self, data: st.DataObject) -> None:
        """A statement of the lost store was still on its way."""
        envelope = data.draw(st.sampled_from(self.flying))
        self.meter.take(read_order(read_envelope(envelope).payload))

    @rule()
    def restart(self) -> None:
        """A new run has heard nobody."""
        self.purses = PursesHeard()

    @precondition(lambda self: self.epoch < 4)
    @rule()
    def begin_an_epoch(self) -> None:
        self.epoch += 1

    @rule()
    def take_the_issuers(self) -> None:
        if self.meter.epoch < self.epoch:
            self.meter.epoch = self.epoch
            self.meter.totals[self.epoch] = 0

    @invariant()
    def no_cent_is_doubled(self) -> None:
        assert self.meter.credited_ueur <= sum(self.paid.values())

    @invariant()
    def the_ledger_adds_up(self) -> None:
        with reading(self.engine) as session:
            assert verify_ledger(session) == []

    def teardown(self) -> None:
        self.take_the_issuers()
        for name in self.forgotten:
            take(self.engine, name, self.paid[name], again=True)
        for _ in range(2):
            self.hear()
            self.book()
            self.send(lost=False)
        assert self.meter.credited_ueur == sum(self.paid.values())
        self.engine.dispose()
        self.folder.cleanup()


def payment_envelopes(session: Session) -> list[bytes]:
    query = select(OrderRow).where(OrderRow.kind == "payment").order_by(OrderRow.id)
    return [row.envelope for row in session.exec(query)]


def is_known(session: Session, payment: str) -> bool:
    rows = session.get(PaymentRow, payment), session.get(PaymentRequestRow, payment)
    return any(row is not None for row in rows)


TestMoney = MoneyMachine.TestCase
TestMoney.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
