"""`relance calendar`: when meters may cut at all. Two people set it; the service's leases permit it."""

from typing import Annotated

import typer

from controller.calendars.acts import set_calendar
from controller.cuts.views import calendar_not_cutting
from controller.faces.cli.face import Face
from controller.faces.cli.options import ZONE_DEFAULT, Since
from controller.faces.cli.order_status import not_cut_fields
from controller.faces.cli.verbs import ACTING, verb
from protocols.arguments import read_name, read_span
from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.planning import check_plan
from protocols.cutting.public_holidays import check_holidays
from protocols.cutting.rules import parse_rule
from protocols.cutting.zones import load_zone
from protocols.documents.drafting import CalendarRule
from protocols.documents.kind_rule import Kind
from protocols.rim.terminal import warn
from protocols.words.en.hindrances import not_cut_in_words
from protocols.words.en.plans import findings_in_words

app = typer.Typer(no_args_is_help=True, help="Set the windows in which meters may cut.")


@verb(
    app,
    "set",
    "calendar set --rule 'mon-thu 08:00-15:00' --zone Europe/Brussels --holidays BE "
    "--until 2026-09-30T00:00+02:00",
    "orders sign o000003 --as bart",
    shares=ACTING,
)
def set_one(
    face: Face,
    *,
    rule: Annotated[
        str, typer.Option(metavar="R", help="DAYS HH:MM-HH:MM, several with ';', in local time.")
    ],
    until: Annotated[str, typer.Option(metavar="T", help="No cut from then on.")],
    since: Since = None,
    zone: Annotated[str, typer.Option(metavar="Z", help="The rule's IANA zone.")] = ZONE_DEFAULT,
    holidays: Annotated[
        str, typer.Option(metavar="CODE", help="No cut on public holidays of this country, or none.")
    ] = "BE",
    name: Annotated[str, typer.Option(metavar="NAME", help="The calendar's name.")] = "fleet",
) -> int:
    """Set the windows in which the fleet's meters may cut, from a rule in local time.

    Two different people must sign; this command signs first. The rule is compiled to UTC and checked before
    anybody signs: a window on a Friday evening, before a weekend or holiday, or outside office and
    call-centre hours is refused with its reasons. No option overrides that.
    """
    span_ms = read_span(since, until, face.issue_ms())
    read_name(name, "--name")
    parsed = parse_rule(rule, "--rule")
    load_zone(zone, "--zone")
    check_holidays(holidays, "--holidays")
    windows = compile_windows(parsed, zone, holidays, *span_ms)
    warn(findings_in_words(check_plan(f"calendar/{name}", windows)))
    with face.office.reading() as session:
        groups = calendar_not_cutting(session, None, windows, face.now_ms())
    warn(not_cut_in_words(groups, load_zone(zone, "--zone")))
    with face.acting(Kind.CUT_CALENDAR) as act:
        status = set_calendar(act, name, CalendarRule(rule, zone, holidays), span_ms)
    return face.show(status, more=not_cut_fields(groups))
