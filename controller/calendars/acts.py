"""Sets the windows in which meters may cut: two people sign them, leases permit them (design §5)."""

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.cutting.planning import plan_calendar
from protocols.documents.drafting import CalendarRule
from protocols.documents.kind_rule import Kind


def set_calendar(
    act: Act, name: str, rule: CalendarRule, span_ms: tuple[int, int], *, eves: bool = True
) -> OrderStatus:
    """Set windows by a rule in local time, over `[from, until)`: a draft, until a second person has signed.

    `eves` False: without the hours on the eve of closed days. Raises InputError for a malformed rule or a
    span without a window; RefusedError where the linter refuses the plan.
    """
    sheet = act.sheet(Kind.CUT_CALENDAR, name)
    return act.submit(plan_calendar(sheet, name, rule, span_ms, eves=eves))
