"""Drafts cut orders and calendars, after asking the linter: it refuses some plans and warns of others.

The commands of the controller draft every cut here. `documents.drafting` makes the documents, and knows
nothing of offices and holidays.
"""

from collections.abc import Sequence

from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.linting import Finding, Severity, lint_calendar, without_eves
from protocols.cutting.office_days import OfficePolicy
from protocols.cutting.rules import parse_rule
from protocols.documents.bodies import CutCalendarBody
from protocols.documents.drafting import (
    FLEET,
    CalendarRule,
    Sheet,
    object_of,
    unlinted_calendar,
    unlinted_cut,
)
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, Scope, body_of
from protocols.errors import InputError, RefusedError
from protocols.limits import WINDOWS_MAX
from protocols.spans import Window


def plan_calendar(
    sheet: Sheet,
    name: str,
    said: CalendarRule,
    span_ms: tuple[int, int],
    scope: Scope = FLEET,
    policy: OfficePolicy | None = None,
    *,
    eves: bool = True,
) -> Order:
    """A cut calendar, its windows compiled from a rule in local time over `span_ms`; two people.

    `eves`: see `windows_of`. Raises InputError for a malformed rule, and for no window or more than a
    document holds; PlanRefusedError for a plan that the linter refuses.
    """
    windows = windows_of(said, span_ms, policy, eves=eves)
    check_plan(object_of(Kind.CUT_CALENDAR, name), windows, policy)
    return unlinted_calendar(sheet, name, windows, said, span_ms[1], scope)


def windows_of(
    said: CalendarRule, span_ms: tuple[int, int], policy: OfficePolicy | None = None, *, eves: bool = True
) -> tuple[Window, ...]:
    """The windows of a rule in local time over `span_ms`.

    `eves` False: without the hours in which the linter finds the eve of closed days. Raises InputError for a
    malformed rule.
    """
    windows = compile_windows(parse_rule(said.rule), said.zone, said.holidays, *span_ms)
    return windows if eves else without_eves(windows, policy)


def plan_cut(
    sheet: Sheet,
    name: str,
    meters: tuple[str, ...],
    span_ms: tuple[int, int],
    policy: OfficePolicy | None = None,
) -> Order:
    """A cut order for these meters inside `span_ms`; two people.

    Raises InputError for a span that is empty or has ended; PlanRefusedError for a plan that the linter
    refuses.
    """
    order = unlinted_cut(sheet, name, meters, span_ms)
    check_plan(order.object, [Window(*span_ms)], policy, len(meters))
    return order


class PlanRefusedError(RefusedError):
    """A plan that would harm. `findings` say why; `protocols.words` has the sentences."""

    def __init__(self, what: str, findings: tuple[Finding, ...], policy: OfficePolicy) -> None:
        super().__init__(f"{what} is refused: {', '.join(finding.rule for finding in findings)}")
        self.what = what
        self.findings = findings
        self.policy = policy


def check_plan(
    what: str, windows: Sequence[Window], policy: OfficePolicy | None = None, meters: int | None = None
) -> tuple[Finding, ...]:
    """The warnings of a plan. `meters` is how many may be cut in one window, if known.

    Raises PlanRefusedError for a plan with an error; no option overrides it. Raises InputError for a plan
    with no window, or more than a document holds.
    """
    if not 1 <= len(windows) <= WINDOWS_MAX:
        raise InputError(f"{what}: {len(windows)} windows; allowed: 1 to {WINDOWS_MAX}")
    findings = lint_calendar(windows, policy, meters)
    errors = _of(Severity.ERROR, findings)
    if errors:
        raise PlanRefusedError(what, errors, policy or OfficePolicy())
    return _of(Severity.WARNING, findings)


def warnings_of(order: Order) -> tuple[Finding, ...]:
    """The warnings for those who sign an order; empty if it plans no cut. Raises like `check_plan`."""
    if order.kind is Kind.CUT_CALENDAR:
        return check_plan(order.object, body_of(order, CutCalendarBody).windows)
    if order.kind is Kind.CUT_ORDER:
        window = Window(order.not_before_ms, order.not_after_ms)
        return check_plan(order.object, [window], meters=len(order.scope.meters))
    return ()


def _of(severity: Severity, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity is severity)
