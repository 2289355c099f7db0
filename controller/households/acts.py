"""A household's flags: with one set, its meter is limited or never cut (design §4.2)."""

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.documents.drafting import clear_flag, set_flag
from protocols.documents.kind_rule import Kind
from protocols.reasons import FlagName


def set_household_flag(act: Act, meter: str, flag: FlagName) -> OrderStatus:
    """Set a flag, by one person."""
    return act.submit(set_flag(act.sheet(Kind.SET_FLAG, flag), meter, flag))


def clear_household_flag(act: Act, meter: str, flag: FlagName) -> OrderStatus:
    """Clear a flag: a draft, until a second person has signed."""
    return act.submit(clear_flag(act.sheet(Kind.CLEAR_FLAG, flag), meter, flag))
