"""The people of the demo and their keys: what they want becomes orders, as `relance` itself makes them.

The keys come from the demo's seed, so that everybody can work out all of them: they are worth nothing, and
open nothing but the demo.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import Engine

from controller.calendars import acts as calendars
from controller.cuts.acts import order_cut
from controller.database.engine import writing
from controller.demo import night
from controller.households.acts import set_household_flag
from controller.moratoriums import acts as moratoriums
from controller.office.founding import MACHINES, SERVICE, open_audit, seal_root
from controller.office.people import Actor
from controller.orders.acting import Act, acting
from controller.orders.acts import sign
from controller.orders.status import OrderStatus
from controller.payments import acts as payments
from controller.releases.acts import release_all
from protocols.documents.drafting import CalendarRule, unlinted_cut
from protocols.documents.envelope import Signer, read_envelope
from protocols.documents.kind_rule import Kind
from protocols.documents.roles import Root, read_root
from protocols.reasons import FlagName, Source
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
        """The first entries of the audit, as at any founding."""
        with writing(self._store) as session:
            open_audit(session, self._keys.signers, OPERATORS, self._clock.now_ms())

    def set_calendar(self) -> str:
        """The cut calendar, by two people."""
        with self._acting("season of 2020") as act:
            span_ms = (act.now_ms, night.CALENDAR_UNTIL_MS)
            said = CalendarRule(night.CALENDAR_RULE, night.ZONE, "BE")
            status = calendars.set_calendar(act, night.CALENDAR, said, span_ms)
        return self._countersigned(status)

    def declare(self) -> str:
        """The moratorium of March, by one person."""
        with self._acting("order of 18 March 2020") as act:
            span_ms = (night.SUSPENDED_FROM_MS, night.SUSPENDED_UNTIL_MS)
            return moratoriums.declare(act, night.MORATORIUM, *span_ms).order.id

    def extend(self, until_ms: int) -> str:
        """A later end for the moratorium, by one person."""
        with self._acting("extension") as act:
            return moratoriums.extend(act, night.MORATORIUM, until_ms).order.id

    def set_flags(self, flags: Sequence[tuple[str, FlagName]]) -> None:
        """Flags of households, by one person, all at once."""
        with self._acting("household's file") as act:
            for meter, flag in flags:
                set_household_flag(act, meter, flag)

    def top_up(self, payment: str, meter: str, amount_ueur: int) -> bytes:
        """Book a payment and send its statement. The statement's envelope, as a card would carry it."""
        with self._acting("payment") as act:
            return payments.top_up(act, payment, meter, amount_ueur).status.envelope

    def cut(self, name: str, meters: Sequence[str], span_ms: tuple[int, int]) -> str:
        """Order a cut, by two people. Raises RefusedError where the linter refuses it."""
        with self._acting("arrears") as act:
            status = order_cut(act, name, tuple(meters), span_ms)
        return self._countersigned(status)

    def cut_unlinted(self, name: str, meters: Sequence[str], span_ms: tuple[int, int]) -> str:
        """The same without the linter: what two people can sign who go around it.

        The meter has its own gate.
        """
        with self._acting("not reactivated") as act:
            order = unlinted_cut(act.sheet(Kind.CUT_ORDER, name), name, tuple(meters), span_ms)
            status = act.submit(order)
        return self._countersigned(status)

    def release_all(self) -> str:
        """Supply back for everybody, by one person."""
        with self._acting("cut by mistake") as act:
            return release_all(act, night.RELEASE_HOURS).order.id

    def _acting(self, basis: str = "", *, by: str = OPERATORS[0]) -> AbstractContextManager[Act]:
        actor = Actor(by, self._keys.signers[by])
        return acting(self._store, self._keys.root, actor, self._clock.now_ms(), basis)

    def _countersigned(self, status: OrderStatus) -> str:
        """What one person has drafted, signed by the second."""
        with self._acting(by=OPERATORS[1]) as act:
            return sign(act, status.order.id).order.id
