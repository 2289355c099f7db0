"""A planned cut of named meters: two people order it, one cancels it (design §5)."""

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.cutting.planning import plan_cut
from protocols.documents.drafting import cancel_cut
from protocols.documents.kind_rule import Kind


def order_cut(act: Act, name: str, meters: tuple[str, ...], span_ms: tuple[int, int]) -> OrderStatus:
    """Cut these meters inside `[from, until)`: a draft, until a second person has signed.

    Raises InputError for a span that is empty or past; RefusedError where the linter refuses the plan.
    """
    return act.submit(plan_cut(act.sheet(Kind.CUT_ORDER, name), name, meters, span_ms))


def cancel(act: Act, name: str, meters: tuple[str, ...]) -> OrderStatus:
    """Cancel a planned cut for these meters, by one person. Works whether the cut has reached them or not."""
    return act.submit(cancel_cut(act.sheet(Kind.CANCEL_CUT, name), name, meters))
