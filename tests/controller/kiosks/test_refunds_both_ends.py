"""A refund between kiosk and office, whatever is lost, doubled, or put back to an earlier copy.

Kiosk and office are the product's own, with a store each in a file. The meter takes a refund by its total, as
the firmware does. Whoever decides knows whether the household has had the money, and says so where asked.
"""

import asyncio
import contextlib
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.home import CardsKey, KioskForm, KioskHome, write_home
from cardreader.kiosk.ledger import TillPurse, draft_statement, offer, tell
from cardreader.kiosk.rules import PaymentState
from cardreader.kiosk.searching import refund_told
from cardreader.kiosk.shifts import takings_of
from cardreader.kiosk.store import open_kiosk_store, reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import TakenPaymentRow
from cardreader.line.money import told_of_refunds
from cardreader.line.station import Station
from controller.database.engine import open_store, reading, writing
from controller.database.kiosk_tables import KioskRefundRow, KioskRow
from controller.database.tables import DeliveryRow, MeterRow, OrderRow
from controller.kiosks.answering import answers_to
from controller.kiosks.paying_back import RefundClaim, paid, pay_back
from controller.kiosks.refunds import list_refunds, told_to
from controller.kiosks.rules import RefundState
from controller.kiosks.store import status_said
from controller.orders.life import DeliveryState, OrderState
from controller.orders.status import OrderStatus
from controller.orders.store import order_of
from protocols.documents.accounts import Account
from protocols.documents.bodies import RefundBody
from protocols.documents.envelope import seal
from protocols.documents.kiosk_limits import KIOSK_LIMITS_TYPE, write_limits
from protocols.documents.orders import body_of
from protocols.documents.till_receipts import RefundStanding, TillDeed
from protocols.errors import RefusedError
from protocols.instants import UtcMs
from protocols.link.carriage import Arrival
from protocols.link.keys import kiosk_key
from protocols.link.kiosk_words import refunds_digest
from protocols.link.topics import Channel, Place
from protocols.units import QUANTA_PER_UEUR, UEUR_PER_EUR
from tests.cardreader.line.test_station import Clockwork, Wire
from tests.controller.kiosks.office import (
    EPOCH,
    FLEET,
    KEY,
    KIOSK,
    LIMITS,
    NOW_MS,
    OFFICE,
    add_kiosk,
    issuers,
    root_sent,
    take,
)
from tests.controller.kiosks.test_refunds import act_of

E = UEUR_PER_EUR
AT = UtcMs(NOW_MS)
PEOPLE = [practice_signer("office", name) for name in ("dora", "eric", "anna", "rita", "sami")]


@dataclass
class Both:
    """A kiosk and its office. `handed`: the payments that the household has had back, each time."""

    folder: Path
    handed: list[str] = field(default_factory=list)
    refunded_ueur: int = 0
    asked: int = 0

    def __post_init__(self) -> None:
        form = KioskForm(kiosk=KIOSK, office=OFFICE, issuer=OFFICE, epoch=EPOCH)
        limits = seal(write_limits(LIMITS), KIOSK_LIMITS_TYPE, PEOPLE)
        home = KioskHome(
            form,
            KEY,
            CardsKey(1, bytes(32).hex()),
            kiosk_key(FLEET, KIOSK),
            root=root_sent().envelope,
            issuers=issuers().envelope,
            limits=limits,
        )
        self.home = write_home(home, self.folder / "home")
        self.wire, self.machine, self.nonces = Wire(), Clockwork(), 0
        self.open()
        add_kiosk(self.office, meters=("m1",))
        self.copy("kiosk")
        self.copy("office")

    @property
    def files(self) -> dict[str, Path]:
        return {"kiosk": self.home.store, "office": self.folder / "office.db"}

    def open(self) -> None:
        self.store = open_kiosk_store(self.home.store)
        self.office = open_store(f"sqlite:///{self.folder / 'office.db'}", create=True)
        self.station = Station(self.home, self.store, self.machine, self._draw)
        self.station.attach(self.wire)
        self.station.last_will()

    def close(self) -> None:
        self.store.dispose()
        self.office.dispose()

    def _draw(self) -> str:
        self.nonces += 1
        return f"nonce-{self.nonces:016}"

    def copy(self, which: str) -> None:
        """A backup of one store."""
        path = self.files[which]
        copy = path.with_suffix(".copy")
        copy.unlink(missing_ok=True)
        with (
            contextlib.closing(sqlite3.connect(path)) as store,
            contextlib.closing(sqlite3.connect(copy)) as kept,
        ):
            store.backup(kept)

    def restore(self, which: str) -> None:
        """The store is put back to its backup."""
        self.close()
        path = self.files[which]
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
        path.write_bytes(path.with_suffix(".copy").read_bytes())
        self.open()

    def ask(self) -> None:
        """A household pays 20 euro; a card has it; and it wants the money back."""
        self.asked += 1
        name, purse = f"p{self.asked}", TillPurse("m1", OFFICE, EPOCH)
        with writing_kiosk(self.store) as session:
            row = TakenPaymentRow(
                id=name,
                meter="m1",
                card="",
                issuer=OFFICE,
                epoch=EPOCH,
                amount_ueur=20 * E,
                means="cash",
                state=PaymentState.TAKEN,
                asked_ms=NOW_MS,
                closed_shift=None,
            )
            session.add(row)
            tell(session, self.home, row, TillDeed.TAKEN, AT)
            offer(session, draft_statement(session, self.home, purse, AT), ("", 1), AT)
            row.state = PaymentState.REFUND
            tell(session, self.home, row, TillDeed.REFUND, AT)

    def exchange(self, *, lose: bool = False, twice: bool = False) -> None:
        """The kiosk says what is due, and the office answers."""
        self.machine.tick += 61_000
        self.wire.said.clear()
        asyncio.run(self.station.step())
        arrivals = [
            Arrival(place, payload)
            for place, payload in self.wire.said
            if place.channel in (Channel.KIOSK_STATUS, Channel.KIOSK_STATEMENTS, Channel.KIOSK_RECEIPTS)
        ]
        answers: list[bytes] = []
        with writing(self.office) as session:
            taken = take(session, *arrivals, *(arrivals if twice else ()))
            row = session.get_one(KioskRow, KIOSK)
            status = taken.greeted.get(KIOSK) or status_said(row)
            assert status is not None
            acks = taken.acks.get(KIOSK, [])
            answers = answers_to(session, row, status, acks, FLEET, root_sent(), echo=KIOSK in taken.greeted)
        for answer in () if lose else answers * (1 + twice):
            place = Place(Channel.KIOSK_ORDERS, kiosk=KIOSK)
            asyncio.run(self.station.handle(Arrival(place, answer)))

    def report(self) -> None:
        """The meter says what it has ever paid back."""
        account = Account(
            start_q="0",
            credited_q="0",
            consumed_mq="0",
            fixed_mq="0",
            lent_q="0",
            repaid_q="0",
            balance_q="0",
            owed_q="0",
            refunded_q=str(self.refunded_ueur * QUANTA_PER_UEUR),
        )
        with writing(self.office) as session:
            row = session.get_one(MeterRow, "m1")
            row.account = msgspec.json.encode(account).decode()
            session.add(row)

    def decide(self) -> None:
        """People order the first refund that is owed; the meter takes it, and the money goes."""
        self.report()
        with writing(self.office) as session:
            rows = session.exec(select(KioskRefundRow).where(KioskRefundRow.ending == "")).all()
            for name in sorted(row.payment for row in rows):
                claim = RefundClaim.UNSAID
                try:
                    _, order = self._pay_back(session, name, claim)
                except RefusedError:
                    continue
                if order is None:
                    return
                total_ueur = body_of(order.order, RefundBody).total_ueur
                takes = total_ueur > self.refunded_ueur
                self.refunded_ueur = max(self.refunded_ueur, total_ueur)
                row = session.get_one(OrderRow, order.order.id)
                assert order_of(row) == order.order
                row.state = OrderState.ACTIVE
                session.add(row)
                delivery = DeliveryState.EFFECTIVE if takes else DeliveryState.REFUSED
                session.merge(DeliveryRow(order_id=row.id, meter="m1", state=delivery, queued_ms=NOW_MS))
                session.flush()
                if takes:
                    assert paid(act_of(session), KIOSK, name, None, "transfer")
                    self.handed.append(name)
                return

    def _pay_back(
        self, session: Session, name: str, claim: RefundClaim
    ) -> tuple[KioskRefundRow, OrderStatus | None]:
        try:
            return pay_back(act_of(session), KIOSK, name, None, claim)
        except RefusedError as error:
            if "--again" not in str(error):
                raise
        known = RefundClaim.AGAIN if name in self.handed else RefundClaim.NEW
        return pay_back(act_of(session), KIOSK, name, None, known)

    def settle(self) -> None:
        """Nothing is lost any more, and people decide all that is owed."""
        for _ in range(4):
            self.exchange()
        for _ in range(self.asked):
            self.decide()
        for _ in range(4):
            self.exchange()


# An example takes a second: a failure is told as it was found.
ONCE = (Phase.explicit, Phase.reuse, Phase.generate)
DEEDS = st.sampled_from(
    [
        *("ask", "ask", "exchange", "exchange", "lose", "twice", "decide"),
        *("copy kiosk", "restore kiosk", "copy office", "restore office"),
    ]
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=ONCE)
@given(st.lists(DEEDS, min_size=3, max_size=10))
def test_each_refund_is_paid_once_and_both_ends_agree_in_the_end(deeds: list[str]) -> None:
    with TemporaryDirectory() as folder:
        both = Both(Path(folder))
        for deed in deeds:
            match deed.split():
                case ["ask"]:
                    both.ask()
                case ["decide"]:
                    both.decide()
                case ["copy" | "restore", which]:
                    getattr(both, deed.split()[0])(which)
                case _:
                    both.exchange(lose=deed == "lose", twice=deed == "twice")
        both.settle()
        assert len(both.handed) == len(set(both.handed)), both.handed
        with reading(both.office) as session:
            told = told_to(session, session.get_one(KioskRow, KIOSK))
            at_office = {each.payment: each for each in list_refunds(session)}
        with reading_kiosk(both.store) as session:
            assert told_of_refunds(session) == refunds_digest(told)
            for row in session.exec(
                select(TakenPaymentRow).where(TakenPaymentRow.state == PaymentState.REFUND)
            ):
                said = refund_told(session, row)
                assert said is not None
                assert (said.standing == RefundStanding.PAID) == (row.id in both.handed)
        for name, found in at_office.items():
            assert found.state is (RefundState.PAID if name in both.handed else RefundState.REFUSED), name
        assert len(both.handed) * 20 * E == both.refunded_ueur
        both.close()


def test_the_end_of_a_refund_is_in_the_cash_up(tmp_path: Path) -> None:
    both = Both(tmp_path)
    both.ask()
    with writing_kiosk(both.store) as session:
        row = session.get_one(TakenPaymentRow, "p1")
        row.closed_shift = 7
        session.add(row)
    assert _asked_back(both) == (20 * E, 0)
    both.settle()
    assert both.handed == ["p1"]
    assert _asked_back(both) == (20 * E, 20 * E)
    both.close()


def _asked_back(both: Both) -> tuple[int, int]:
    with reading_kiosk(both.store) as session:
        takings = takings_of(session, 7)
    return takings.asked_back_ueur, takings.paid_back_ueur
