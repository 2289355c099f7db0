"""The people of the demo and their keys: what they want becomes orders, as `relance` itself makes them.

The keys come from the demo's seed, so that everybody can work out all of them: they are worth nothing, and
open nothing but the demo.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import Engine
from sqlmodel import Session

from controller.database import audit
from controller.database.engine import writing
from controller.database.tables import OrderRow
from controller.demo import night
from controller.office.founding import MACHINES, SERVICE, seal_root
from controller.orders import drafting
from controller.orders import store as orders
from controller.orders.drafting import FLEET, FlagName, Sheet
from controller.payments import store as payments
from protocols.documents.envelope import Signer, read_envelope, seal
from protocols.documents.orders import (
    KINDS,
    ORDER_TYPE,
    CutOrderBody,
    Kind,
    Order,
    Role,
    Scope,
    make_body,
    write_document,
)
from protocols.documents.roles import Root, read_root
from protocols.reasons import Source
from protocols.timekeeping import Timekeeper

OPERATORS: Final = ("anne", "bart")


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key of the demo, and the root that lists them."""

    signers: Mapping[str, Signer]
    fleet_key: bytes
    root_envelope: bytes
    root: Root

    @property
    def service(self) -> Signer:
        return self.signers[SERVICE]

    def authority(self, source: Source) -> Signer:
        """The key that signs a time authority's answers."""
        return self.signers[source]


def make_keys(seed: int) -> Keys:
    """Keys from a seed: not secret, and not meant to be."""
    signers = {
        name: Signer.from_seed(sha256(f"relance demo {seed} key {name}".encode()).digest())
        for name in (*OPERATORS, *MACHINES)
    }
    envelope = seal_root(signers, OPERATORS, night.START_MS)
    fleet_key = sha256(f"relance demo {seed} fleet".encode()).digest()
    return Keys(signers, fleet_key, envelope, read_root(read_envelope(envelope).payload))


class Operators:
    """Two people at the controller's desk. Each act is one transaction; it is sent from its commit on."""

    def __init__(self, store: Engine, keys: Keys, clock: Timekeeper) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock

    def open_books(self) -> None:
        """The first entry of the audit, as at any founding."""
        with writing(self._store) as session:
            for name in OPERATORS:
                audit.note(
                    session, self._clock.now_ms(), name, "init", f"key/{self._keys.signers[name].keyid}"
                )

    def set_calendar(self) -> str:
        """The cut calendar, by two people."""
        with writing(self._store) as session:
            sheet = self._sheet(session, Kind.CUT_CALENDAR, night.CALENDAR, "season of 2020")
            span_ms = (sheet.now_ms, night.CALENDAR_UNTIL_MS)
            order = drafting.calendar(sheet, night.CALENDAR, night.CALENDAR_RULE, night.ZONE, "BE", span_ms)
            return self._send(session, order)

    def declare(self) -> str:
        """The moratorium of March, by one person."""
        with writing(self._store) as session:
            sheet = self._sheet(session, Kind.HOLD, night.MORATORIUM, "order of 18 March 2020")
            span_ms = (night.SUSPENDED_FROM_MS, night.SUSPENDED_UNTIL_MS)
            return self._send(session, drafting.declare_moratorium(sheet, night.MORATORIUM, *span_ms))

    def extend(self, held_until_ms: int, until_ms: int) -> str:
        """A later end for the moratorium, by one person."""
        with writing(self._store) as session:
            sheet = self._sheet(session, Kind.HOLD, night.MORATORIUM, "extension")
            held_ms = (night.SUSPENDED_FROM_MS, held_until_ms)
            return self._send(session, drafting.extend_moratorium(sheet, night.MORATORIUM, held_ms, until_ms))

    def set_flags(self, flags: Sequence[tuple[str, FlagName]]) -> None:
        """Flags of households, by one person, all at once."""
        with writing(self._store) as session:
            for meter, name in flags:
                sheet = self._sheet(session, Kind.SET_FLAG, name, "household's file")
                self._send(session, drafting.set_flag(sheet, meter, name))

    def top_up(self, payment: str, meter: str, amount_ueur: int) -> bytes:
        """Book a payment and send its statement. The statement's envelope, as a card would carry it."""
        with writing(self._store) as session:
            now_ms = self._clock.now_ms()
            booked = payments.draw_statement(session, payment, meter, amount_ueur, OPERATORS[0], now_ms)
            assert booked.sheet is not None, payment
            paid = booked.payment
            order = drafting.payment_statement(booked.sheet, meter, paid.issuer, paid.number, paid.total_ueur)
            order_id = self._send(session, order)
            payments.attach(session, payment, order_id)
            row = session.get(OrderRow, order_id)
            assert row is not None, order_id
            return row.envelope

    def cut(self, name: str, meters: Sequence[str], span_ms: tuple[int, int]) -> str:
        """Order a cut, by two people. Raises RefusedError where the linter refuses it."""
        with writing(self._store) as session:
            sheet = self._sheet(session, Kind.CUT_ORDER, name, "arrears")
            return self._send(session, drafting.cut_order(sheet, name, tuple(meters), span_ms))

    def cut_unlinted(self, name: str, meters: Sequence[str], span_ms: tuple[int, int]) -> str:
        """The same without the linter: what two people can sign who go around it.

        The meter has its own gate.
        """
        with writing(self._store) as session:
            sheet = self._sheet(session, Kind.CUT_ORDER, name, "not reactivated")
            order = Order(
                id=sheet.id,
                kind=Kind.CUT_ORDER,
                object=drafting.object_of(Kind.CUT_ORDER, name),
                scope=Scope(meters=tuple(meters)),
                rev=sheet.rev,
                issued_at_ms=sheet.now_ms,
                not_before_ms=span_ms[0],
                not_after_ms=span_ms[1],
                basis=sheet.basis,
                body=make_body(CutOrderBody()),
            )
            return self._send(session, order)

    def release_all(self) -> str:
        """Supply back for everybody, by one person."""
        with writing(self._store) as session:
            sheet = self._sheet(session, Kind.RELEASE, "all", "cut by mistake")
            return self._send(session, drafting.release(sheet, "all", night.RELEASE_HOURS, FLEET))

    def _sheet(self, session: Session, kind: Kind, name: str, basis: str) -> Sheet:
        return orders.draw_sheet(session, kind, name, self._clock.now_ms(), basis)

    def _send(self, session: Session, order: Order) -> str:
        """Signed by one person where that is enough; else the second signs what the first has proposed."""
        first, second = OPERATORS
        payload, now_ms = write_document(order), self._clock.now_ms()
        envelope = seal(payload, ORDER_TYPE, [self._keys.signers[first]])
        orders.submit(session, order, envelope, self._keys.root, first, now_ms)
        if KINDS[order.kind].role is Role.HARM:
            countersigned = seal(payload, ORDER_TYPE, [self._keys.signers[second]])
            orders.add_signature(session, order.id, countersigned, self._keys.root, second, now_ms)
            orders.approve(session, order.id, self._keys.root, second, now_ms)
        return order.id
