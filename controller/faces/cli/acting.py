"""How a person acts: what they want becomes orders, signed by them, in one transaction of the store.

Protection is active at once. Harm waits as a draft until a second person signs it: `relance orders sign`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from controller.database.engine import reading, writing
from controller.database.tables import MeterRow
from controller.faces.cli.people import choose_operator, signer_of
from controller.office.desk import Desk
from controller.orders.drafting import Sheet
from controller.orders.standing import Standing, standing_of
from controller.orders.store import draw_sheet, submit
from protocols.arguments import read_basis
from protocols.documents.envelope import seal
from protocols.documents.orders import KINDS, ORDER_TYPE, Kind, Order, write_document
from protocols.errors import RefusedError, quoted
from protocols.rim.clocks import now_ms


@dataclass(frozen=True, slots=True)
class Clerk:
    """Draws sheets for the orders of one act, inside its transaction. `by` is who acts."""

    session: Session
    by: str
    now_ms: int
    basis: str

    def sheet(self, kind: Kind, name: str) -> Sheet:
        """An empty sheet for the next revision of `kind/name`."""
        return draw_sheet(self.session, kind, name, self.now_ms, self.basis)


Draft = Callable[[Clerk], Sequence[Order]]
Tie = Callable[[Clerk, Sequence[Order]], None]


def act(
    desk: Desk, kind: Kind, chosen: str | None, basis: str, draft: Draft, tie: Tie | None = None
) -> tuple[Standing, ...]:
    """Draft orders of a kind, sign them as one person, and submit them: all of them or none.

    `tie` is called with the orders in the same transaction, after they were submitted.

    Raises InputError for a stranger, a wrong passphrase, and whatever `draft` raises.
    """
    ground = read_basis(basis)
    name = choose_operator(desk.root, KINDS[kind].role, chosen)
    signer = signer_of(desk.settings, desk.root, name)
    now = now_ms()
    with writing(desk.store) as session:
        clerk = Clerk(session, name, now, ground)
        orders = draft(clerk)
        rows = [
            submit(session, order, seal(write_document(order), ORDER_TYPE, [signer]), desk.root, name, now)
            for order in orders
        ]
        if tie is not None:
            tie(clerk, orders)
        return tuple(standing_of(session, row, desk.root) for row in rows)


def check_known(desk: Desk, meters: Collection[str]) -> None:
    """Raises RefusedError for meters that have never shown themselves: nothing would be delivered."""
    with reading(desk.store) as session:
        known = set(session.exec(select(MeterRow.id).where(col(MeterRow.id).in_(meters))))
    unknown = [quoted(meter) for meter in meters if meter not in known]
    if unknown:
        raise RefusedError(f"no such meter: {', '.join(unknown)}; `relance meters list` shows all")
