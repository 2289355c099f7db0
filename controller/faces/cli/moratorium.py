"""`relance moratorium`: forbid cuts for some time. One person declares and extends it, two lift it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.options import Since, Wide
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.unreached import warn_of_early_ends, warn_of_unreached
from controller.faces.cli.verbs import ACTING, verb
from controller.meters.grouped import read_group
from controller.moratoriums.acts import StillInForceError, declare, extend, lift
from controller.moratoriums.views import ForgottenHold, HoldView, list_forgotten, list_holds
from protocols.arguments import did_you_mean, read_instant, read_name, read_span
from protocols.documents.drafting import FLEET
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.errors import RefusedError
from protocols.rim.terminal import Exit
from protocols.words.en.times import local, short_local

# Of what only meters know, so many names are shown to a person.
_FORGOTTEN_MAX: Final = 20
# What a person reads in the place of a name in JSON.
_WORDS: Final = {"card": "card at home"}

app = typer.Typer(no_args_is_help=True, help="Declare, extend, lift and follow moratoriums.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The moratorium, such as covid-2020.")]
Until = Annotated[
    str, typer.Option(metavar="T", help="Its end: 2020-09-01T00:00+02:00. The offset is required.")
]


@verb(
    app,
    "declare",
    "moratorium declare covid-2020 --until 2020-07-01T00:00+02:00 --basis 'decree of 18 March 2020'",
    "moratorium declare heat-2026 --from 2026-07-20T12:00+02:00 --until 2026-07-27T00:00+02:00 --as bert",
    "moratorium declare flood-2026 --group area/Namur --until 2026-08-01T00:00+02:00 --basis 'order 7'",
    shares=ACTING,
)
def declare_one(
    face: Face,
    name: Name,
    *,
    until: Until,
    since: Since = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="GROUP", help="Only for this group, such as area/Namur; else for the fleet."),
    ] = None,
) -> int:
    """Declare a moratorium for the whole fleet or for one group: no cut from its start until its end.

    One person is enough. It is sent as soon as `relance serve` runs; meters that are offline get it later.
    A group is protected as the DSO's file says, with meters of which the file does not say where they belong.
    Whoever comes into the group gets it too; whoever leaves the group keeps it until it ends.
    """
    from_ms, until_ms = read_span(since, until, face.issue_ms())
    read_name(name, "NAME")
    scope = FLEET if group is None else Scope(group=read_group(group, "--group"))
    try:
        with face.acting(Kind.HOLD) as act:
            declared = declare(act, name, from_ms, until_ms, scope)
    except StillInForceError as error:
        ends = local(error.until_ms, face.zone)
        raise RefusedError(
            f"{name} stands until {ends}; `relance moratorium extend {name}` adds to it, and "
            "another name declares one beside it"
        ) from None
    warn_of_early_ends(face)
    return face.show(declared)


@verb(app, "extend", "moratorium extend covid-2020 --until 2020-09-01T00:00+02:00", shares=ACTING)
def extend_one(face: Face, name: Name, *, until: Until) -> int:
    """Give a moratorium a later end. One person is enough; an earlier end would be harm, which takes two."""
    until_ms = read_instant(until, "--until")
    read_name(name, "NAME")
    with face.acting(Kind.HOLD) as act:
        extended = extend(act, name, until_ms)
    warn_of_early_ends(face)
    return face.show(extended)


@verb(app, "lift", "moratorium lift covid-2020 --as anna", "orders sign o000007 --as bert", shares=ACTING)
def lift_one(
    face: Face,
    name: Name,
    *,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Also one that is not in the store: a meter may hold it.")
    ] = False,
) -> int:
    """End a moratorium before its time.

    Two different people must sign: this command signs first, `orders sign` second. What a person declared
    beyond eight names at a meter is lifted as `catch-all.PERSON`.
    """
    read_name(name, "NAME")
    more = warn_of_unreached(face, None)
    with face.acting(Kind.LIFT_HOLD) as act:
        lifted = lift(act, name, unknown=unknown)
    return face.show(lifted, more=more)


@verb(app, "status", "moratorium status", "moratorium status covid-2020 --json")
def status(
    face: Face,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one.")] = None,
    *,
    wide: Wide = False,
) -> int:
    """Show moratoriums: for whom, on which ground, with counts of meters: stored, sent, refused, unknown.

    *Stored* means that the meter itself has confirmed it, by its link or on its card. *Card at home*: only
    cards reach the meter; a kiosk keeps the order, and nobody has come with the card yet. Without an answer
    a meter counts as unknown, and so does one that has never spoken. Where both channels are in use the same
    is said of each. Of a group it is said how many are
    protected without being known to belong.
    Where meters know a moratorium by a number that this store never gave (it was restored, or somebody has
    signed outside it), that is said too.
    """
    zone = face.zone
    if name is not None:
        read_name(name, "NAME")
    with face.office.reading() as session:
        all_holds, all_forgotten = list_holds(session), list_forgotten(session)
    holds = [hold for hold in all_holds if name in {None, hold.name}]
    forgotten = [hold for hold in all_forgotten if name in {None, hold.name}]
    if name is not None and not holds and not forgotten:
        names = [*(hold.name for hold in all_holds), *(hold.name for hold in all_forgotten)]
        hint = did_you_mean(name, names)
        raise RefusedError(f"no moratorium {name}{hint} `relance moratorium status` shows all")
    if face.as_json:
        print_json({"holds": [_fields(hold) for hold in holds], "not_in_this_store": forgotten})
        return Exit.DONE
    if not holds:
        print_lines("No moratorium has been declared.")
    else:
        heads = ("name", "for", "from", "until", "order", "meters")
        rows = [
            (
                hold.name,
                _for_whom(hold),
                "lifted" if hold.from_ms is None else moment(hold.from_ms, zone, wide=wide),
                "lifted" if hold.until_ms is None else moment(hold.until_ms, zone, wide=wide),
                hold.order_id,
                _counted(_progress(hold)),
            )
            for hold in holds
        ]
        print_table("", heads, rows, wraps=("meters", "for"))
        print_lines(*(line for hold in holds for line in _remarks(hold, face)))
        print_lines(
            *(
                f"{hold.name} was refused by {hold.progress.refused} of its meters: declare it again, and it"
                " is numbered above what they hold."
                for hold in holds
                if _told_refused(hold)
            )
        )
    # One stolen meter can make up any names: they come last, and few of them are shown.
    forgotten.sort(key=lambda hold: (-hold.meters, hold.name))
    print_lines(*map(_forgotten, forgotten[:_FORGOTTEN_MAX]))
    if len(forgotten) > _FORGOTTEN_MAX:
        print_lines(f"and {len(forgotten) - _FORGOTTEN_MAX} more that only meters know: add --json")
    return Exit.DONE


def _for_whom(hold: HoldView) -> str:
    return hold.group or ("fleet" if hold.fleet else "meters")


def _remarks(hold: HoldView, face: Face) -> Iterator[str]:
    """What a person must know of a moratorium beside its row."""
    if hold.basis:
        yield f"{hold.name} stands on this ground: {hold.basis}"
    if hold.by_card.total:
        told = (f"by {channel}: {_counted(counts)}" for channel, counts in _by_channel(hold).items())
        yield f"{hold.name} {'; '.join(told)}"
    if hold.never_spoken:
        yield (
            f"{hold.name}: {_meters(hold.never_spoken)} of the DSO's file never spoke, so nothing can be "
            "delivered there; counted as unknown."
        )
    until_ms = hold.leased.until_ms
    if until_ms is not None and until_ms > face.now_ms():
        meters, until = _meters(hold.leased.meters), short_local(until_ms, face.zone)
        yield (
            f"{hold.name}: {meters} on cards may be cut until {until}: a lease from before it lies there, "
            "until the card comes again."
        )
    if hold.strangers:
        yield (
            f"{hold.name}: {_meters(hold.strangers)} protected without being known to belong to {hold.group}."
        )


def _meters(count: int) -> str:
    return "1 meter" if count == 1 else f"{count} meters"


def _told_refused(hold: HoldView) -> bool:
    return hold.until_ms is not None and hold.progress.refused > 0


def _forgotten(hold: ForgottenHold) -> str:
    who = "1 meter knows" if hold.meters == 1 else f"{hold.meters} meters know"
    return (
        f"{who} {hold.name} by number {hold.number}, which this store has not given. They may be protected by"
        f" it. Declare it again, or end it: relance moratorium lift {hold.name} --unknown"
    )


def _counted(counts: Mapping[str, int]) -> str:
    told = (f"{count} {_WORDS.get(reach, reach)}" for reach, count in counts.items() if count)
    return ", ".join(told) or "none"


def _by_channel(hold: HoldView) -> dict[str, dict[str, int]]:
    """The counts of meters with a link, and of those that only cards reach; without whoever never spoke."""
    whole, card = hold.progress, hold.by_card
    by_card = {
        "stored": card.stored,
        "sent": card.sent,
        "refused": card.refused,
        "card": hold.on_cards,
        "unknown": card.unknown - hold.on_cards,
    }
    return {
        "link": {
            "stored": whole.stored - card.stored,
            "sent": whole.sent - card.sent,
            "refused": whole.refused - card.refused,
            "unknown": whole.unknown - card.unknown,
        },
        "card": by_card,
    }


def _progress(hold: HoldView) -> dict[str, int]:
    found = hold.progress
    unknown = found.unknown - hold.on_cards + hold.never_spoken
    return {
        "stored": found.stored,
        "sent": found.sent,
        "refused": found.refused,
        "card": hold.on_cards,
        "unknown": unknown,
    }


def _fields(hold: HoldView) -> dict[str, Any]:
    return {
        "name": hold.name,
        "in_force": hold.until_ms is not None,
        "voided": hold.voided,
        **instants(**{"from": hold.from_ms}, until=hold.until_ms),
        "revs": hold.revs,
        "order": hold.order_id,
        "scope": hold.group or ("fleet" if hold.fleet else "meters"),
        "basis": hold.basis,
        "meters": _progress(hold) | {"total": hold.progress.total + hold.never_spoken},
        "by_channel": _by_channel(hold),
        "never_spoken": hold.never_spoken,
        "leased_before": {"meters": hold.leased.meters, **instants(until=hold.leased.until_ms)},
        "protected_unknown_to_belong": hold.strangers,
    }
