"""A connection whose meter is replaced: what meters hold and say, and what people do about them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from sqlalchemy import Engine
from sqlmodel import select

from controller.connections.replacing import Replaced, Wanted, replace_meter
from controller.database.engine import writing
from controller.database.tables import LinkRow, MeterRow, OrderRow
from controller.exchange import proving
from controller.exchange.purses import PurseHeard, PursesHeard
from controller.households.commissioning import SecretFile
from controller.meters.retired import note_late
from controller.office.issuers_store import put_issuers_in_force
from controller.office.issuing import CONTROLLER, first_issuers
from controller.office.people import Actor
from controller.orders.acting import Act, acting
from controller.orders.store import order_of
from controller.payments.acts import ToppedUp, top_up
from controller.payments.booking import BookedNow, IssuingAs, book
from protocols.documents.accounts import Account
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import Signer, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuer, Issuers, write_issuers
from protocols.documents.orders import body_of
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.messages import Reported, StatementHeld
from protocols.reasons import ClockStatus, Supply, SupplyReason
from protocols.units import QUANTA_PER_UEUR
from tests.controller.households.households import ean, take_file
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS

EUR = 1_000_000
NOW_MS = MONDAY_MS + 10 * DAY_MS
ISSUER_SIGNER = Signer.from_seed(b"i" * 32)
ANNA, DORA, ERIC = (Actor(name, SIGNERS[name]) for name in ("anna", "dora", "eric"))


def issuer() -> Issuer:
    (first,) = first_issuers(ISSUER_SIGNER.public).issuers
    return first


def people(engine: Engine, *, issuers: bool = True) -> None:
    """m1 at EAN 1 has been silent for two hours; m2 of EAN 2 never spoke; m7 is at no connection."""
    take_file(
        engine,
        "ean,meter,area,category,link,groups,language,flags",
        f"{ean(1)},m1,Namur,ordinary,k1,winter,fr,medical",
        f"{ean(2)},m2,Namur,ordinary,,,nl,",
    )
    with writing(engine) as session:
        session.add(LinkRow(id="k1", state="online", sequence=1, meters=1, seen_ms=1))
        session.flush()
        for name in ("m1", "m7"):
            meter = MeterRow(id=name, link="k1", first_seen_ms=1, last_seen_ms=NOW_MS - 2 * HOUR_MS)
            session.add(meter)
        if issuers:
            document = write_issuers(Issuers(version=1, issuers=(issuer(),)))
            put_issuers_in_force(session, seal(document, ISSUERS_TYPE, [SIGNERS["dora"], SIGNERS["eric"]]))


@contextmanager
def act_of(engine: Engine, actor: Actor = ANNA, now_ms: int = NOW_MS) -> Iterator[Act]:
    with acting(engine, ROOT, actor, now_ms, "work order 7") as act:
        yield act


def replaced(engine: Engine, new: str = "m9", out: SecretFile | None = None, **more: object) -> Replaced:
    """Replace m1, or whichever meter is said."""
    wanted = msgspec.structs.replace(Wanted(old="m1", new=new, ean=ean(1)), **more)
    with act_of(engine) as act:
        return replace_meter(act, wanted, out)


def pay(engine: Engine, name: str, meter: str, ueur: int) -> ToppedUp:
    with act_of(engine) as act:
        return top_up(act, name, meter, ueur)


def book_all(engine: Engine, purses: PursesHeard) -> BookedNow:
    with writing(engine) as session:
        return book(session, purses, IssuingAs(issuer(), ISSUER_SIGNER), ROOT, NOW_MS)


def account(balance_ueur: int, credited_ueur: int, **more_ueur: int) -> Account:
    """An account with these sums; energy explains the rest."""
    lent, refunded = (more_ueur.get(name, 0) for name in ("lent", "refunded"))
    consumed_ueur = credited_ueur + lent - refunded - balance_ueur
    quanta = {
        "credited_q": credited_ueur,
        "balance_q": balance_ueur,
        "lent_q": lent,
        "owed_q": lent,
        "refunded_q": refunded,
        "debt_set_q": more_ueur.get("debt", 0),
        "recovered_q": more_ueur.get("recovered", 0),
        "debt_q": more_ueur.get("debt", 0) - more_ueur.get("recovered", 0),
    }
    told = {name: str(ueur * QUANTA_PER_UEUR) for name, ueur in quanta.items()}
    told["consumed_mq"] = str(consumed_ueur * QUANTA_PER_UEUR * 1_000)
    return msgspec.convert({**dict.fromkeys(("start_q", "fixed_mq", "repaid_q"), "0"), **told}, Account)


def reports(engine: Engine, meter: str, balance_ueur: int, purse: Account | None = None) -> None:
    """The last report of a meter says this."""
    with writing(engine) as session:
        row = session.get_one(MeterRow, meter)
        row.balance_ueur, row.reported_ms = balance_ueur, NOW_MS - 2 * HOUR_MS
        row.report_number += 1
        row.account = None if purse is None else msgspec.json.encode(purse).decode()
        session.add(row)


@dataclass
class RealMeter:
    """A meter as it is: it credits running totals, and uses what it has."""

    id: str
    credited_ueur: int = 0
    used_ueur: int = 0
    words: int = 0
    reported_used_ueur: int = 0
    has_reported: bool = False

    @property
    def balance_ueur(self) -> int:
        return self.credited_ueur - self.used_ueur

    def receive(self, engine: Engine, *, skip: int = 0) -> None:
        """The statements that were ever signed for it arrive, all but the first of them."""
        with writing(engine) as session:
            rows = session.exec(select(OrderRow).where(OrderRow.kind == "payment").order_by(OrderRow.id))
            orders = [order_of(row) for row in rows]
        for order in [each for each in orders if each.scope.meters == (self.id,)][skip:]:
            self.credited_ueur = max(self.credited_ueur, body_of(order, PaymentBody).total_ueur)

    def report(self, engine: Engine, *, with_account: bool) -> None:
        """Its report arrives, with its totals."""
        self.words += 1
        self.reported_used_ueur, self.has_reported = self.used_ueur, True
        purse = account(self.balance_ueur, self.credited_ueur) if with_account else None
        reports(engine, self.id, self.balance_ueur, purse)
        with writing(engine) as session:
            proving.credit(session, {self.id: [StatementHeld(CONTROLLER, 1, self.credited_ueur, 1)]}, NOW_MS)

    def is_heard(self, purses: PursesHeard) -> None:
        """The service of this run hears what it has credited."""
        self.words += 1
        purses._hear(self.id, PurseHeard(1, self.words, {(CONTROLLER, 1): self.credited_ueur}))

    def late_report(self, engine: Engine, number: int = 1_000) -> None:
        """A report that was on its way for long arrives when the meter has left the fleet."""
        late = Reported(
            meter=self.id,
            number=number + self.words,
            journal=1,
            supply=Supply.ON,
            reason=SupplyReason.NONE,
            clock=ClockStatus.TRUSTED,
            earliest_ms=NOW_MS,
            latest_ms=NOW_MS,
            time_ms=NOW_MS,
            balance_ueur=self.balance_ueur,
            emergency_ueur=0,
            next_possible_ms=None,
            dispute_nonce="",
            code="",
            account=account(self.balance_ueur, self.credited_ueur),
        )
        with writing(engine) as session:
            note_late(session, [late], NOW_MS)
