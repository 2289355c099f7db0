"""The people of the demo and their keys: they make orders by the same acts as `relance` does.

The keys are derived from the demo's seed. Anybody can derive them, and they open nothing but the demo.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import Engine

from controller.calendars import acts as calendars
from controller.cuts.acts import order_cut
from controller.database.engine import reading, writing
from controller.demo import night
from controller.households.acts import set_household_flag
from controller.moratoriums import acts as moratoriums
from controller.office.founding import (
    MACHINES,
    SERVICE,
    issuer_key_name,
    open_audit,
    seal_issuers,
    seal_root,
)
from controller.office.issuers_store import put_issuers_in_force
from controller.office.people import Actor
from controller.orders.acting import Act, acting
from controller.orders.acts import sign
from controller.orders.status import OrderStatus
from controller.orders.store import get_order
from controller.payments import acts as payments
from controller.payments.store import order_id_of
from controller.releases.acts import release_all
from protocols.documents.drafting import CalendarRule, unlinted_cut
from protocols.documents.envelope import Signer, read_envelope
from protocols.documents.issuers import Issuer, Issuers, read_issuers
from protocols.documents.kind_rule import Kind
from protocols.documents.roles import Root, read_root
from protocols.reasons import FlagName, Source
from protocols.timekeeping import Timekeeper

OPERATORS: Final = ("anne", "bart")


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key of the demo, the root that lists them, and the issuers, who have a key of their own."""

    signers: Mapping[str, Signer]
    fleet_key: bytes
    root_envelope: bytes
    root: Root
    issuer: Signer
    issuers_envelope: bytes
    issuers: Issuers

    @property
    def service(self) -> Signer:
        return self.signers[SERVICE]

    def authority(self, source: Source) -> Signer:
        """The key that signs a time authority's answers."""
        return self.signers[source]

    def find_issuer(self, issuer: Issuer) -> Signer | None:
        """The controller's key as an issuer, which has one epoch here."""
        return self.issuer if issuer.public == self.issuer.public.hex() else None


def make_keys(seed: int) -> Keys:
    """Keys derived from a seed; they are not secret."""
    issuer = issuer_key_name(1)
    made = {
        name: Signer.from_seed(sha256(f"relance demo {seed} key {name}".encode()).digest())
        for name in (*OPERATORS, *MACHINES, issuer)
    }
    signers = {name: signer for name, signer in made.items() if name != issuer}
    root = seal_root(signers, OPERATORS, night.START_MS)
    issuers = seal_issuers(made[issuer], signers, OPERATORS)
    return Keys(
        signers,
        sha256(f"relance demo {seed} fleet".encode()).digest(),
        root,
        read_root(read_envelope(root).payload),
        made[issuer],
        issuers,
        read_issuers(read_envelope(issuers).payload),
    )


class Operators:
    """The two operators. Each act is one transaction; its commit sends the order."""

    def __init__(self, store: Engine, keys: Keys, clock: Timekeeper) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock

    def open_books(self) -> None:
        """Record the first entries of the audit, and put the issuers in force, as any founding does."""
        with writing(self._store) as session:
            open_audit(session, self._keys.signers, OPERATORS, self._clock.now_ms())
            put_issuers_in_force(session, self._keys.issuers_envelope)

    def set_calendar(self) -> str:
        """Set the cut calendar, by two people."""
        with self._acting("season of 2020") as act:
            span_ms = (act.now_ms, night.CALENDAR_UNTIL_MS)
            rule = CalendarRule(night.CALENDAR_RULE, night.ZONE, "BE")
            status = calendars.set_calendar(act, night.CALENDAR, rule, span_ms)
        return self._countersigned(status)

    def declare(self) -> str:
        """Declare the moratorium of March, by one person."""
        with self._acting("order of 18 March 2020") as act:
            span_ms = (night.SUSPENDED_FROM_MS, night.SUSPENDED_UNTIL_MS)
            return moratoriums.declare(act, night.MORATORIUM, *span_ms).order.id

    def extend(self, until_ms: int) -> str:
        """Give the moratorium a later end, by one person."""
        with self._acting("extension") as act:
            return moratoriums.extend(act, night.MORATORIUM, until_ms).order.id

    def set_flags(self, flags: Sequence[tuple[str, FlagName]]) -> None:
        """Set flags of households, by one person, in one transaction."""
        with self._acting("household's file") as act:
            for meter, flag in flags:
                set_household_flag(act, meter, flag)

    def top_up(self, payment: str, meter: str, amount_ueur: int) -> None:
        """Request a payment, which the service books."""
        with self._acting("payment") as act:
            payments.top_up(act, payment, meter, amount_ueur)

    def statement_of(self, payment: str) -> bytes:
        """The statement of a payment that is booked: its envelope, as a card carries it."""
        with reading(self._store) as session:
            order_id = order_id_of(session, payment)
            assert order_id is not None, f"{payment} is not booked"
            return get_order(session, order_id).envelope

    def cut(self, name: str, meters: Sequence[str], span_ms: tuple[int, int]) -> str:
        """Order a cut, by two people. Raises RefusedError where the linter refuses it."""
        with self._acting("arrears") as act:
            status = order_cut(act, name, tuple(meters), span_ms)
        return self._countersigned(status)

    def cut_unlinted(self, name: str, meters: Sequence[str], span_ms: tuple[int, int]) -> str:
        """Order a cut by two people who bypass the linter. The meter's gate still decides."""
        with self._acting("not reactivated") as act:
            order = unlinted_cut(act.sheet(Kind.CUT_ORDER, name), name, tuple(meters), span_ms)
            status = act.submit(order)
        return self._countersigned(status)

    def release_all(self) -> str:
        """Release the whole fleet, by one person."""
        with self._acting("cut by mistake") as act:
            return release_all(act, night.RELEASE_HOURS).order.id

    def _acting(self, basis: str = "", *, by: str = OPERATORS[0]) -> AbstractContextManager[Act]:
        actor = Actor(by, self._keys.signers[by])
        return acting(self._store, self._keys.root, actor, self._clock.now_ms(), basis)

    def _countersigned(self, status: OrderStatus) -> str:
        """Sign, as the second person, what the first has drafted; returns the id of the order."""
        with self._acting(by=OPERATORS[1]) as act:
            return sign(act, status.order.id).order.id
