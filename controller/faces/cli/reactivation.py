"""`relance reactivation open|contacts|status|show|move|close`: whom it is for, and how it stands."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from msgspec import to_builtins

from controller.faces.cli.face import Face
from controller.faces.cli.options import Wide
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.unreached import warn_of_early_ends
from controller.faces.cli.verbs import ACTING, LOOKING, NAMED, verb
from controller.households.rules import problem_in_words
from controller.households.table_file import DELIMITERS, ENCODINGS, rows_of
from controller.meters.choosing import METER_FIELDS
from controller.query.rules import read_query
from controller.reactivation.acts import CampaignOpening, close, move_deadline, open_campaign
from controller.reactivation.contacts import WrongContactsError, read_contacts, take_contacts
from controller.reactivation.phones import read_phone
from controller.reactivation.views import (
    CampaignView,
    Funnel,
    HouseholdStory,
    campaign_view,
    funnel,
    list_campaigns,
    show_household,
)
from protocols.arguments import check_choice, read_instant, read_name
from protocols.cutting.zones import instants_of_wall, load_zone
from protocols.documents.kind_rule import Role
from protocols.errors import InputError, quoted
from protocols.instants import DAY_MS, SECOND_MS, datetime_from_ms
from protocols.limits import FILE_LINE_BYTES_MAX, TEXT_CHARS_MAX
from protocols.reasons import Language
from protocols.rim.terminal import Exit, complain, line_of
from protocols.words.en.reactivation import left_in_words
from protocols.words.en.times import local_in_words

app = typer.Typer(
    no_args_is_help=True,
    help="Tell every household before its meter goes back to prepayment, until all are reached.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The reactivation, such as june-2020.")]
HouseholdName = Annotated[str, typer.Argument(metavar="METER", help="The household, by its meter or EAN.")]
Deadline = Annotated[
    str,
    typer.Option(metavar="T", help="The last instant and its offset: 2020-07-03T23:01+02:00."),
]
_HEADS: Final = ("name", "households", "deadline", "state")


@verb(
    app,
    "open",
    "reactivation open june-2020 --where 'area==Namur' --deadline 2020-07-03T23:01+02:00"
    " --sender 'Network operator' --phone '078 78 78 00' --basis 'decree of 18 March 2020'",
    shares=ACTING,
)
def open_one(
    face: Face,
    name: Name,
    *,
    where: Annotated[str, typer.Option(metavar="QUERY", help="For which households: 'category==card'.")],
    deadline: Deadline,
    sender: Annotated[str, typer.Option(metavar="TEXT", help="Who writes to the households.")],
    phone: Annotated[str, typer.Option(metavar="NUMBER", help="Whom they call, also about error 8.")],
    language: Annotated[
        str, typer.Option(metavar="CODE", help="For those whose own is not known: fr, nl, de or en.")
    ] = Language.FRENCH,
    order: Annotated[
        str | None, typer.Option(metavar="ID", help="The order that connected meters take without a card.")
    ] = None,
) -> int:
    """Open a reactivation for all households that a query chooses now; nobody chosen opens none.

    Each household has three steps with its card: into the meter, into a terminal, into the meter again. One
    whose connected meter takes `--order` has none.
    """
    read_name(name, "NAME")
    check_choice(language, Language, "--language")
    opening = CampaignOpening(
        name=name,
        query=where,
        zone=face.zone.key,
        deadline_ms=_deadline(face.zone, deadline),
        sender=_sender(sender),
        phone=_phone(phone),
        language=language,
        order_id=None if order is None else read_name(order, "--order"),
    )
    condition = read_query(where, METER_FIELDS, "--where")
    with face.acting_as(Role.PROTECT, basis=face.basis) as act:
        count = open_campaign(act, opening, condition)
    warn_of_early_ends(face)
    if face.as_json:
        print_json({"name": name, "households": count, **instants(deadline=opening.deadline_ms)})
    elif count:
        households = "1 household" if count == 1 else f"{count} households"
        until = local_in_words(opening.deadline_ms, face.zone)
        print_lines(f"{name} is open for {households}, until {until}.")
    else:
        print_lines("No household matches: nothing is opened.")
    return Exit.DONE if count else Exit.NO


@verb(app, "contacts", "reactivation contacts addresses.csv --as anna", shares=NAMED)
def contacts(
    face: Face,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A row of heads, and a row a household.")],
    *,
    encoding: Annotated[str, typer.Option(metavar="NAME", help=f"One of {', '.join(ENCODINGS)}.")] = "utf-8",
    delimiter: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"{', '.join(DELIMITERS)}; default: what row 1 has.")
    ] = None,
) -> int:
    """Take in how households can be written to: all of a CSV file, or nothing and every wrong row.

    The columns are ean, name, email, phone, street, postcode and town, in any order; ean and another must be
    there. An empty cell takes a value away. The same file again changes nothing. Ends with 2 where a row is
    wrong.
    """
    check_choice(encoding, ENCODINGS, "--encoding")
    check_choice(delimiter, DELIMITERS, "--delimiter")
    # Before the act: nobody waits for the store while a large file is read.
    read = read_contacts(rows_of(_lines(file), str(file), encoding, delimiter), file.name)
    try:
        with face.acting_as(Role.PROTECT) as act:
            taken = take_contacts(act, read)
    except WrongContactsError as error:
        for problem in error.problems:
            complain(f"{file}: {problem_in_words(problem)}")
        complain(f"{file}: {error.wrong} wrong: nothing is stored.")
        return Exit.WRONG_INPUT
    if face.as_json:
        print_json({"rows": taken.rows, "changed": taken.changed})
    else:
        print_lines(f"{taken.rows} rows: {taken.changed} new or changed.")
    return Exit.DONE


@verb(
    app,
    "status",
    "reactivation status",
    "reactivation status june-2020",
    "reactivation status june-2020 --on 2020-06-10 --known 2020-06-10 --json",
)
def status(
    face: Face,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One of them, with its counts.")
    ] = None,
    *,
    on: Annotated[
        str | None, typer.Option(metavar="DATE", help="As it stood at the end of that day; else now.")
    ] = None,
    known: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="By what was recorded until the end of that day; else now."),
    ] = None,
) -> int:
    """Show all reactivations, or how many households of one are how far, and who has reached them.

    A household is *done* when its meter has the card again, or has taken the order itself; a card that was
    only at a terminal is not. What may have been sent, and nobody knows, counts as unknown. Ends with 1 for a
    day before it was opened.
    """
    if name is None:
        if on is not None or known is not None:
            raise InputError("--on, --known: allowed: with the NAME of a reactivation")
        return _list(face)
    read_name(name, "NAME")
    now_ms = face.now_ms()
    on_ms, known_ms = _end_of(face, on, "--on", now_ms), _end_of(face, known, "--known", now_ms)
    with face.office.reading() as session:
        found = funnel(session, name, on_ms, known_ms)
    if face.as_json:
        print_json({"name": name, **_funnel_fields(found)})
    elif found.before_opening:
        was = "known to be open" if known_ms < on_ms else "open"
        first = local_in_words(min(on_ms, known_ms), face.zone)
        print_lines(f"{name} was not {was} on {first}: nothing of it was before.")
    else:
        asked = "" if known is None else f", by what was recorded until {local_in_words(known_ms, face.zone)}"
        print_lines(f"{name} on {local_in_words(on_ms, face.zone)}{asked}:")
        print_table("", ("", ""), _funnel_rows(found))
        print_lines(*left_in_words(found.left))
    return Exit.NO if found.before_opening else Exit.DONE


@verb(
    app,
    "show",
    "reactivation show june-2020 m00042",
    "reactivation show june-2020 m00042 --json",
    shares=LOOKING,
)
def show(face: Face, name: Name, household: HouseholdName, *, wide: Wide = False) -> int:
    """Show all that is known of one household: what it did, who says so, and what was sent to it."""
    read_name(household, "METER")
    with face.office.reading() as session:
        story = show_household(session, name, household)
    face.note_access("reactivation show", [story.meter])
    if face.as_json:
        print_json(_story_fields(story))
        return Exit.DONE
    done = "done" if story.far.done else f"{story.far.steps} of 3 steps"
    proved = "" if not story.far.done or story.far.proved else ", as the household says"
    who = story.name or "nobody's name is known"
    left = ["The household of before has left."] if story.has_left else []
    print_lines(
        f"EAN {story.ean}, meter {story.meter}, {who}, language {story.language}: {done}{proved}.", *left
    )
    if story.happenings:
        rows = [
            (
                moment(each.happened_ms, face.zone, wide=wide),
                f"{'not: ' if each.withdrawn else ''}{each.what}",
                each.channel,
                moment(each.learned_ms, face.zone, wide=wide),
                each.recorded_by,
                each.proof,
            )
            for each in story.happenings
        ]
        heads = ("when", "what", "channel", "recorded", "by", "proof")
        print_table("", heads, rows, wraps=("proof",))
    if story.notices:
        rows_sent = [
            (
                each.wave,
                each.means,
                each.state,
                "not yet" if each.sent_ms is None else moment(each.sent_ms, face.zone, wide=wide),
                each.reason,
            )
            for each in story.notices
        ]
        print_table("", ("wave", "means", "state", "sent", "reason"), rows_sent, wraps=("reason",))
    return Exit.DONE


@verb(app, "move", "reactivation move june-2020 --deadline 2020-07-06T23:01+02:00", shares=NAMED)
def move(face: Face, name: Name, *, deadline: Deadline) -> int:
    """Give a reactivation another deadline. Reminders that are sent from now on have the new one."""
    read_name(name, "NAME")
    with face.office.reading() as session:
        zone = load_zone(campaign_view(session, name).zone)
    deadline_ms = _deadline(zone, deadline)
    with face.acting_as(Role.PROTECT) as act:
        told = move_deadline(act, name, deadline_ms)
    warn_of_early_ends(face)
    if face.as_json:
        print_json({"name": name, "told_otherwise": told, **instants(deadline=deadline_ms)})
        return Exit.DONE
    print_lines(f"{name} ends on {local_in_words(deadline_ms, zone)}.")
    if told:
        were = "1 household was" if told == 1 else f"{told} households were"
        print_lines(
            f"{were} told another date: plan a wave with `relance reactivation remind {name} --wave W`."
        )
    return Exit.DONE


@verb(app, "close", "reactivation close june-2020 --as anna", shares=NAMED)
def close_one(face: Face, name: Name) -> int:
    """End a reactivation: nothing is sent any more, and no planned cut warns of it. Its counts stay."""
    read_name(name, "NAME")
    with face.acting_as(Role.PROTECT) as act:
        close(act, name)
    if face.as_json:
        print_json({"name": name, "closed": True})
    else:
        print_lines(f"{name} is closed.")
    return Exit.DONE


def _list(face: Face) -> int:
    with face.office.reading() as session:
        found = list_campaigns(session)
    if face.as_json:
        print_json({"reactivations": [_campaign_fields(each) for each in found]})
    elif found:
        rows = [
            (
                each.name,
                str(each.households),
                moment(each.deadline_ms, face.zone),
                "open" if each.closed_ms is None else "closed",
            )
            for each in found
        ]
        print_table("", _HEADS, rows)
    else:
        print_lines("No reactivation has been opened.")
    return Exit.DONE


def _campaign_fields(found: CampaignView) -> dict[str, Any]:
    fields: dict[str, Any] = to_builtins(found)
    for name in ("deadline", "opened", "closed"):
        fields |= instants(**{name: fields[f"{name}_ms"]})
    return fields


def _funnel_fields(found: Funnel) -> dict[str, Any]:
    return {**to_builtins(found), **instants(on=found.on_ms, known=found.known_ms)}


def _funnel_rows(found: Funnel) -> list[tuple[str, str]]:
    return [
        ("nothing done", str(found.nothing)),
        ("card in the meter", str(found.card_in_meter)),
        ("card at a terminal", str(found.at_terminal)),
        ("done", f"{found.done}: {found.proved} proved, {found.said} as the household says"),
        ("left since", str(found.left)),
        ("reached", ", ".join(f"{count} {name}" for name, count in found.reached.items())),
        ("told another deadline", str(found.told_otherwise)),
    ]


def _story_fields(story: HouseholdStory) -> dict[str, Any]:
    fields: dict[str, Any] = to_builtins(story)
    for happening in fields["happenings"]:
        happening.update(instants(**{name: happening[f"{name}_ms"] for name in ("happened", "learned")}))
    for notice in fields["notices"]:
        names = ("planned", "not_before", "sent", "told", "ended")
        notice.update(instants(**{name: notice[f"{name}_ms"] for name in names}))
    return fields


def _deadline(zone: ZoneInfo, text: str) -> int:
    """An instant with the zone's own offset: another one means that somebody has read it otherwise."""
    deadline_ms = read_instant(text, "--deadline")
    there = datetime_from_ms(deadline_ms, zone)
    typed = datetime.fromisoformat(text).utcoffset()
    if typed != there.utcoffset():
        reading = local_in_words(deadline_ms, zone)
        raise InputError(
            f"--deadline: {quoted(text)} is {reading}; allowed: the offset of that day, {there.isoformat()}"
        )
    return deadline_ms


def _end_of(face: Face, text: str | None, where: str, now_ms: int) -> int:
    """The last millisecond of a local day; now, where no day is named or it is not over."""
    if text is None:
        return now_ms
    try:
        day = date.fromisoformat(text)
        end_ms = instants_of_wall(day, DAY_MS // SECOND_MS, face.zone)[1] - 1
    except (ValueError, OverflowError):
        raise InputError(f"{where}: {quoted(text)}; allowed: a day such as 2020-06-10") from None
    return min(end_ms, now_ms)


def _text(text: str, where: str) -> str:
    if not text.strip() or len(text) > TEXT_CHARS_MAX or not text.isprintable():
        raise InputError(f"{where}: {quoted(text)}; allowed: 1 to {TEXT_CHARS_MAX} characters on one line")
    return text.strip()


def _sender(text: str) -> str:
    sender = _text(text, "--sender")
    if not any(map(str.isalpha, sender)):
        raise InputError(f"--sender: {quoted(text)}; allowed: a name, as households know it")
    return sender


def _phone(text: str) -> str:
    """A number that can be called, in the spelling that people are used to."""
    phone = _text(text, "--phone")
    try:
        read_phone(phone)
    except ValueError as error:
        raise InputError(f"--phone: {quoted(text)}; allowed: {error}") from None
    return phone


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while line := opened.readline(FILE_LINE_BYTES_MAX + 1):
                yield line
    except OSError as error:
        raise InputError(line_of(error)) from None
