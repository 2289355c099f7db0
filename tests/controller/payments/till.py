"""A home that takes payments, a clerk, and what meters say."""

from collections.abc import Mapping

from sqlalchemy import Engine
from sqlmodel import Session, select

from controller.database.engine import writing
from controller.database.tables import LinkRow, MeterRow, OrderRow
from controller.exchange.purses import PurseHeard, PursesHeard
from controller.office.issuers_store import put_issuers_in_force
from controller.office.issuing import CONTROLLER, first_issuers
from controller.office.people import Actor
from controller.orders.acting import Act
from controller.payments.acts import ToppedUp, top_up
from controller.payments.booking import IssuingAs
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import Signer, read_envelope, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuer, Issuers, write_issuers
from protocols.documents.orders import body_of, read_order
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS

NOW_MS = 1_600_000_000_000
ISSUER_SIGNER = Signer.from_seed(b"i" * 32)
EUR = 1_000_000
HARMERS = [SIGNERS["dora"], SIGNERS["eric"]]


def issuer(epoch: int) -> Issuer:
    (first,) = first_issuers(ISSUER_SIGNER.public).issuers
    return Issuer(
        name=first.name,
        epoch=epoch,
        public=first.public,
        allowance_ueur_per_day=first.allowance_ueur_per_day,
    )


def issuing(epoch: int = 1) -> IssuingAs:
    return IssuingAs(issuer(epoch), ISSUER_SIGNER)


def act(session: Session, by: str = "anna") -> Act:
    return Act(session, ROOT, Actor(by, SIGNERS[by]), NOW_MS, "at the till")


def heard(
    purses: PursesHeard,
    number: int,
    totals: Mapping[int, int],
    meter: str = "m1",
    credited_ueur: int | None = None,
) -> None:
    """The meter has said what it has credited of the controller, by epoch, and in all."""
    named = {(CONTROLLER, epoch): ueur for epoch, ueur in totals.items()}
    purses._hear(meter, PurseHeard(1, number, named, credited_ueur))


def found_home(engine: Engine, *, issuers: bool = True) -> None:
    with writing(engine) as session:
        session.add(LinkRow(id="k1", state="online", sequence=1, meters=1, seen_ms=NOW_MS))
        session.flush()
        session.add(MeterRow(id="m1", link="k1", first_seen_ms=NOW_MS))
        if issuers:
            document = write_issuers(Issuers(version=1, issuers=(issuer(1),)))
            put_issuers_in_force(session, seal(document, ISSUERS_TYPE, [*HARMERS]))


def statements(session: Session) -> list[tuple[int, int]]:
    """The statements that were signed, by epoch and total, in their sequence."""
    orders = [read_order(read_envelope(row.envelope).payload) for row in session.exec(select(OrderRow))]
    bodies = [body_of(order, PaymentBody) for order in orders if order.kind == "payment"]
    return sorted((body.epoch, body.total_ueur) for body in bodies)


def take(engine: Engine, payment: str, ueur: int, by: str = "anna", *, again: bool | None = None) -> ToppedUp:
    with writing(engine) as session:
        return top_up(act(session, by), payment, "m1", ueur, again=again)
