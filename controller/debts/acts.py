"""Puts a debt on a meter, and says what share of each payment brings it back; two people (design §4.3)."""

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.documents.bodies import DebtBody
from protocols.documents.drafting import debt
from protocols.documents.kind_rule import Kind


def set_debt(act: Act, meter: str, body: DebtBody) -> OrderStatus:
    """Set the debt of a meter and its terms: a draft, until a second person has signed."""
    return act.submit(debt(act.sheet(Kind.DEBT, meter), meter, body))
