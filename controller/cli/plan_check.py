"""What the linter says of a planned cut, before anybody signs it: refused in words, or warned of."""

from collections.abc import Sequence

from controller.cli.exits import RefusedError, complain
from protocols.cut_calendar import Window
from protocols.errors import InputError
from protocols.limits import WINDOWS_MAX
from protocols.linting import Finding, Severity, lint_calendar, refused
from protocols.orders import CutCalendarBody, Kind, Order, body_of


def check_plan(what: str, windows: Sequence[Window], meters: int | None = None) -> tuple[str, ...]:
    """The warnings of a plan, in sentences.

    Raises RefusedError, with every reason, for a plan that would harm; there is no way around it. Raises
    InputError for a plan with no window, or more than a document holds.
    """
    if not 1 <= len(windows) <= WINDOWS_MAX:
        raise InputError(f"{what}: {len(windows)} windows; allowed: 1 to {WINDOWS_MAX}")
    findings = lint_calendar(windows, meters_expected=meters)
    if refused(findings):
        reasons = (_sentence(each) for each in findings if each.severity is Severity.ERROR)
        raise RefusedError(f"{what} is refused. {' '.join(reasons)}")
    return tuple(_sentence(each) for each in findings)


def warnings_of(order: Order) -> tuple[str, ...]:
    """What whoever signs an order must be told; nothing for an order that plans no cut."""
    if order.kind is Kind.CUT_CALENDAR:
        windows = [Window(*edges) for edges in body_of(order, CutCalendarBody).windows]
        return check_plan(order.object, windows)
    if order.kind is Kind.CUT_ORDER:
        window = Window(order.not_before_ms, order.not_after_ms)
        return check_plan(order.object, [window], len(order.scope.meters))
    return ()


def warn(warnings: Sequence[str]) -> None:
    """Show warnings to the person who is about to sign."""
    for sentence in warnings:
        complain(f"warning: {sentence}")


def _sentence(finding: Finding) -> str:
    if finding.windows == 1:
        return finding.sentence
    return f"{finding.sentence} So do {finding.windows - 1} more windows."
