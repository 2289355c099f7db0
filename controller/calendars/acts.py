"""The windows in which meters may cut: two people set them, leases keep them alive (design §5)."""

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.cutting.planning import plan_calendar
from protocols.documents.drafting import CalendarRule
from protocols.documents.kind_rule import Kind


def set_calendar(act: Act, name: str, said: CalendarRule, span_ms: tuple[int, int]) -> OrderStatus:
    """Windows from a rule in local time, over `[from, until)`: a draft, until a second person has signed.

    Raises InputError for a rule that is none or a span without a window; RefusedError where the linter
    refuses it.
    """
    sheet = act.sheet(Kind.CUT_CALENDAR, name)
    return act.submit(plan_calendar(sheet, name, said, span_ms))
