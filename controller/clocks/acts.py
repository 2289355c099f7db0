"""Settle a meter's disputed clock: it forgets its witnesses and asks them again (design §4.1)."""

from controller.database.lookup import existing
from controller.database.tables import MeterRow
from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.documents.drafting import rebase
from protocols.documents.kind_rule import Kind
from protocols.errors import RefusedError


def settle(act: Act, meter: str, nonce: str | None = None) -> OrderStatus:
    """Begin a new tick epoch at a meter whose clock is disputed: a draft, until a second person has signed.

    The order carries no time. `nonce` names the dispute (None: the last one that the meter reported). Raises
    RefusedError where the meter is not known or has reported no dispute.
    """
    named = nonce or existing(act.session, MeterRow, meter).dispute_nonce
    if not named:
        raise RefusedError(f"meter {meter} has reported no dispute: there is nothing to settle")
    return act.submit(rebase(act.sheet(Kind.REBASE, meter), meter, named))
