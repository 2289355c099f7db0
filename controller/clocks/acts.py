"""Settle a meter's disputed clock: it forgets its witnesses and asks them again (design §4.1)."""

from controller.database.lookup import existing
from controller.database.tables import MeterRow
from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.documents.drafting import rebase
from protocols.documents.kind_rule import Kind
from protocols.errors import RefusedError


def settle(act: Act, meter: str, nonce: str | None = None) -> OrderStatus:
    """A new tick epoch for a meter's dispute: a draft, until a second person has signed. It carries no time.

    `nonce` names the dispute; None: the one that the meter reported last. Raises RefusedError without one.
    """
    named = nonce or existing(act.session, MeterRow, meter).dispute_nonce
    if not named:
        raise RefusedError(f"meter {meter} has reported no dispute: there is nothing to settle")
    return act.submit(rebase(act.sheet(Kind.REBASE, meter), meter, named))
