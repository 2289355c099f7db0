"""`relance calendar`: when meters may cut at all. Two people set it; the service's leases permit it."""

from typing import Annotated, Final

import typer

from controller.calendars.acts import set_calendar
from controller.calendars.views import active_calendars, calendar_by_id
from controller.cuts.views import calendar_not_cutting
from controller.faces.cli.drawn_calendar import calendar_fields, calendar_lines
from controller.faces.cli.eves import eve_fields, eves_left_out, tell_eves
from controller.faces.cli.face import Face
from controller.faces.cli.options import ZONE_DEFAULT, Since
from controller.faces.cli.order_status import not_cut_fields
from controller.faces.cli.showing import line_width, print_json, print_lines
from controller.faces.cli.unreached import warn_of_unreached
from controller.faces.cli.verbs import ACTING, verb
from protocols.arguments import read_name, read_span
from protocols.cutting.planning import check_plan, windows_of
from protocols.cutting.public_holidays import check_holidays
from protocols.cutting.rules import parse_rule
from protocols.cutting.zones import load_zone
from protocols.documents.drafting import CalendarRule
from protocols.documents.kind_rule import Kind
from protocols.rim.terminal import Exit, warn
from protocols.words.en.hindrances import not_cut_in_words
from protocols.words.en.plans import findings_in_words

app = typer.Typer(no_args_is_help=True, help="Set and show the windows in which meters may cut.")

# In a pipe: as wide as an ordinary terminal.
_PIPE_CHARS: Final = 80

Id = Annotated[str | None, typer.Argument(metavar="[ID]", help="A calendar's order; else those in force.")]


@verb(
    app,
    "set",
    "calendar set --rule 'mon-thu 08:00-15:00' --zone Europe/Brussels --holidays BE "
    "--until 2026-09-30T00:00+02:00",
    "orders sign o000003 --as bert",
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
    without_eves: Annotated[
        bool, typer.Option("--without-eves", help="Leave out the eves of weekends and holidays.")
    ] = False,
) -> int:
    """Set the windows in which the fleet's meters may cut, from a rule in local time.

    Two different people must sign; this command signs first. The rule is compiled to UTC and checked before
    anybody signs: a window on a Friday evening, before a weekend or holiday, or outside office and
    call-centre hours is refused with its reasons. No option overrides that; `--without-eves` takes out the
    hours that fall on an eve, and says which those are, and how many meters are on with an empty purse.
    """
    span_ms = read_span(since, until, face.issue_ms())
    read_name(name, "--name")
    parse_rule(rule, "--rule")
    load_zone(zone, "--zone")
    check_holidays(holidays, "--holidays")
    said = CalendarRule(rule, zone, holidays)
    windows = windows_of(said, span_ms, eves=not without_eves)
    cost = eves_left_out(face, windows_of(said, span_ms), windows)
    if without_eves:
        tell_eves(cost, load_zone(zone, "--zone"), as_json=face.as_json)
    warn(findings_in_words(check_plan(f"calendar/{name}", windows)))
    with face.office.reading() as session:
        groups = calendar_not_cutting(session, None, windows, face.now_ms())
    warn(not_cut_in_words(groups, load_zone(zone, "--zone")))
    unreached = warn_of_unreached(face, None)
    with face.acting(Kind.CUT_CALENDAR) as act:
        status = set_calendar(act, name, said, span_ms, eves=not without_eves)
    more = not_cut_fields(groups) | eve_fields(cost) | unreached
    return face.show(status, more=more)


@verb(app, "show", "calendar show", "calendar show o000004", "calendar show --json")
def show(face: Face, order_id: Id = None) -> int:
    """Draw the months in which meters may cut; of the calendars in force, or of one order, a draft too.

    Ends with 1 where no calendar is in force.
    """
    with face.office.reading() as session:
        views = (
            active_calendars(session)
            if order_id is None
            else (calendar_by_id(session, read_name(order_id, "ID")),)
        )
    if face.as_json:
        print_json({"calendars": [calendar_fields(view) for view in views]})
    elif views:
        for view in views:
            print_lines(*calendar_lines(view, face.zone, line_width() or _PIPE_CHARS))
    else:
        print_lines("No calendar is in force: no meter can cut.")
    return Exit.DONE if views else Exit.NO
