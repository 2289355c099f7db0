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
from protocols.documents.drafting import Sheet, object_of
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Joins, Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, Order, write_document
from protocols.documents.roles import Root


@dataclass(frozen=True, slots=True)
class Act:
    """What a verb needs: the open transaction, who acts, the instant, and the legal or operational ground."""

    session: Session
    root: Root
    actor: Actor
    now_ms: int
    basis: str

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

        Raises DocumentError where the signed order is too large for a message.
        """
        envelope = seal(write_document(order), ORDER_TYPE, [self.actor.signer])
        row = orders.submit(self.session, envelope, self.root, self.actor.name, self.now_ms)
        return status_of(self.session, row, self.root)


@contextmanager
def acting(store: Engine, root: Root, actor: Actor, now_ms: int, basis: str = "") -> Iterator[Act]:
    """One act, committed at the end. Raises UnreachableError where another writer holds the lock."""
    with writing(store) as session:
        yield Act(session, root, actor, now_ms, basis)
