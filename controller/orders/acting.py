"""An act: what one person, or the service, does in one transaction of the store, signed with their key.

    with acting(store, root, actor, now_ms, basis) as act:
        status = moratoriums.acts.declare(act, "covid-2020", from_ms, until_ms)

The functions in every `acts.py` take an `Act`. They use no terminal, no clock and no environment: the act
says who acts, when, and on what ground. A protecting order is active at once; a harmful one waits as a draft
until a second person has signed it (`orders.acts.sign`). An exception inside the block rolls the whole act
back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session

from controller.database.engine import writing
from controller.office.people import Actor
from controller.orders import store as orders
from controller.orders.numbering import draw_floor_rev, draw_release_number
from controller.orders.status import OrderStatus, status_of
from controller.timing.comparing import ClockComparison, Here, compare
from controller.timing.store import read_clock
from protocols.documents.drafting import Sheet, object_of
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Joins, Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, Order, write_document
from protocols.documents.roles import Root
from protocols.errors import RefusedError
from protocols.instants import SECOND_MS
from protocols.timing import DIFFERENCE_MS_MAX


@dataclass(frozen=True, slots=True)
class Act:
    """What a verb needs: the open transaction, who acts, the instant, and the legal or operational ground.

    `compared`: the clock of whoever acts beside the service's; None where they are one.
    """

    session: Session
    root: Root
    actor: Actor
    now_ms: int
    basis: str
    compared: ClockComparison | None = None

    def sheet(self, kind: Kind, name: str) -> Sheet:
        """An empty sheet for the next revision of `kind/name`; a floor is numbered by a leap."""
        if KINDS[kind].joins is Joins.FLOOR:
            object_name = object_of(kind, name)
            # What only this key can sign, nobody knows beforehand.
            secret = self.actor.signer.private.sign(f"{object_name} {self.now_ms}".encode())
            rev = draw_floor_rev(self.session, object_name, secret)
            return orders.new_sheet(self.session, rev, self.now_ms, self.basis)
        return orders.draw_sheet(self.session, kind, name, self.now_ms, self.basis)

    def release_sheet(self, meters: tuple[str, ...] = ()) -> Sheet:
        """An empty sheet for a release by the actor's key, numbered for these meters, or for the fleet."""
        number = draw_release_number(self.session, self.actor.signer.keyid, meters)
        return orders.new_sheet(self.session, number, self.now_ms, self.basis)

    def submit(self, order: Order) -> OrderStatus:
        """Sign an order and submit it: active where one person is enough, else a draft.

        Raises DocumentError where the signed order is too large for a message, RefusedError as `check_clock`.
        """
        self.check_clock(order.kind)
        envelope = seal(write_document(order), ORDER_TYPE, [self.actor.signer])
        row = orders.submit(self.session, envelope, self.root, self.actor.name, self.now_ms)
        return status_of(self.session, row, self.root)

    @property
    def may_harm(self) -> bool:
        """Whether the clocks allow an order that may harm."""
        return self.compared is None or not self.compared.forbids_harm

    @property
    def knows_time(self) -> bool:
        """Whether `now_ms` is the service's present: what was heard can be counted back from it.

        On the service's own machine it is, also where the system clock is wrong: it is the service's then.
        """
        seen = self.compared
        return seen is None or not (seen.doubtful or (seen.differs and not seen.same_boot))

    def check_clock(self, kind: Kind) -> None:
        """Raises RefusedError for harm while nobody can say what time it is. Protection is never refused."""
        if KINDS[kind].role is Role.HARM:
            self.check_clock_of(kind.value)

    def check_clock_of(self, what: str) -> None:
        """Raises RefusedError for something that may harm while nobody can say what time it is."""
        if self.compared is None or not self.compared.forbids_harm:
            return
        if self.compared.doubtful:
            raise RefusedError(f"{what}: the service doubts its clock, so nothing is signed that may harm")
        raise RefusedError(
            f"{what}: this machine's clock and the service's differ, or the service does not run; "
            f"allowed: less than {DIFFERENCE_MS_MAX // SECOND_MS} s; `relance doctor` says more"
        )


@contextmanager
def acting(
    store: Engine, root: Root, actor: Actor, now_ms: int, basis: str = "", *, here: Here | None = None
) -> Iterator[Act]:
    """One act, committed at the end. Raises UnreachableError where another writer holds the lock.

    `here`: the clocks of the machine of whoever acts. Where its clock and the service's differ, what is made
    is issued by the service's.
    """
    with writing(store) as session:
        if here is None:
            yield Act(session, root, actor, now_ms, basis)
            return
        written = read_clock(session)
        compared = compare(None if written is None else written.judged, here)
        yield Act(session, root, actor, compared.issue_ms, basis, compared)
