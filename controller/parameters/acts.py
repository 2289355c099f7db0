"""Sets a version of a meter's parameters, or goes back to an earlier one; two people (design §4.3)."""

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.documents.bodies import ParametersBody
from protocols.documents.drafting import parameters
from protocols.documents.kind_rule import Kind


def set_parameters(act: Act, meter: str, body: ParametersBody) -> OrderStatus:
    """Set the next version: a draft, until a second person has signed. Its number is the order's revision."""
    return act.submit(parameters(act.sheet(Kind.PARAMETERS, meter), meter, body))
