"""`relance meters replace|remove|retired`: a meter leaves the fleet, with another in its place or without."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from controller.connections.removing import remove_meter
from controller.connections.replacing import OldDisplay, Replaced, Wanted, replace_meter
from controller.connections.retiring import list_retired
from controller.faces.cli import fleet_life
from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter
from controller.faces.cli.order_status import order_fields, print_status
from controller.faces.cli.proposals import few_in_words
from controller.faces.cli.retired import left_in_words, retired_fields, worth_in_words
from controller.faces.cli.showing import print_json, print_lines, print_table
from controller.faces.cli.verbs import ACTING, verb
from controller.office.root_store import holders_of_keys
from protocols.arguments import check_choice, read_name
from protocols.documents.kind_rule import Kind
from protocols.errors import InputError
from protocols.rim.terminal import Exit
from protocols.units import ueur_from_eur
from protocols.words.en.amounts import eur

# These verbs stand beside the others of `relance meters`.
app = fleet_life.app

_SHOWN: Final = "shown"
_MISSING: Final = "missing"
StillSpeaks = Annotated[
    bool, typer.Option("--still-speaks", help="It has spoken within the last hour; it leaves all the same.")
]


@verb(
    app,
    "replace",
    "meters replace m00042 m00977 --ean 541448860000000011 --secrets m00977.json --basis 'work order 7'",
    "meters replace m00042 m00977 --ean 541448860000000011 --balance-eur 12.34 --unconfirmed missing",
    shares=ACTING,
)
def replace_one(
    face: Face,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The meter that is taken down.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The id of the meter in its place.")],
    *,
    ean: fleet_life.Ean,
    link: Annotated[
        str | None, typer.Option(metavar="LINK", help="Where the new meter will be; else where the old was.")
    ] = None,
    secrets: fleet_life.Secrets = None,
    balance: Annotated[
        str | None,
        typer.Option("--balance-eur", metavar="EUR", help="What the display of the old meter shows."),
    ] = None,
    unconfirmed: Annotated[
        str | None,
        typer.Option(metavar="WORD", help="Payments not confirmed: `shown` in that balance, or `missing`."),
    ] = None,
    still_speaks: StillSpeaks = False,
) -> int:
    """Put a meter in the place of another, with the money and the protection of its household.

    The balance of the last report goes over as a payment, with what was paid and is not in it. Emergency
    credit that is owed is taken off. Flags, holds and the hours of a release are ordered at once; debt and
    payment mode are drafted, and a second person signs. The same command again changes nothing.

    A meter that has spoken within the last hour is refused; with --still-speaks at most 1 EUR may be on
    its purse, which stays there. Of a meter that has reported no balance, --balance-eur must say it; also
    of one that was taken down while clocks differ, and nobody can say when it was heard.
    """
    check_choice(unconfirmed, (_SHOWN, _MISSING), "--unconfirmed")
    if balance is None and unconfirmed is not None:
        raise InputError("--unconfirmed: allowed: together with --balance-eur")
    wanted = Wanted(
        old=read_name(old, "OLD"),
        new=read_name(new, "NEW"),
        ean=fleet_life.read_ean(ean),
        link=None if link is None else read_name(link, "--link"),
        display=None if balance is None else _display(balance, unconfirmed),
        still_speaks=still_speaks,
    )
    with face.acting(Kind.SET_FLAG) as act:
        out = None if secrets is None else fleet_life.secret_file(face, secrets)
        done = replace_meter(act, wanted, out)
    service = face.check_served(*done.carried.protection, *done.carried.drafts)
    if face.as_json:
        print_json(_fields(done, secrets) | service)
        return Exit.DONE
    _print(face, done)
    if secrets is not None:
        print_lines(f"{secrets}: what goes into the meter. Delete it once the meter has it.")
    return Exit.DONE


@verb(
    app,
    "remove",
    "meters remove m00042 --basis 'house pulled down, work order 8'",
    "meters remove m00042 --basis 'work order 8' --still-speaks --json",
    shares=ACTING,
)
def remove_one(
    face: Face,
    meter: Meter,
    *,
    still_speaks: StillSpeaks = False,
) -> int:
    """Take a meter out of the fleet. Nothing is sent to it any more, and nothing waits for it.

    Its orders, its ledger and its audit stay. What is on its purse is told: it is owed to the household. The
    connection stays in the file, without a meter. It comes back by `meters admit` alone. `--basis` must say
    why. The same command again changes nothing.
    """
    name = read_name(meter, "METER")
    with face.acting(Kind.SET_FLAG) as act:
        done = remove_meter(act, name, still_speaks=still_speaks)
    if face.as_json:
        more = {"new": done.new, "left": done.left, "claimed_ueur": done.claimed_ueur}
        print_json(retired_fields(done.retired) | more)
        return Exit.DONE
    print_lines(
        f"{name} is out of the fleet."
        if done.new
        else f"{name} was out of the fleet before: nothing has changed."
    )
    print_lines(worth_in_words(done.retired))
    if done.claimed_ueur:
        print_lines(
            f"{eur(done.claimed_ueur)} EUR of it were to be paid back by a refund that nobody has signed: "
            "whoever that was drafted for is owed them."
        )
    if done.left:
        print_lines(f"Ended with it: {_ended(face, done.left)}.")
    return Exit.DONE


def _ended(face: Face, left: Sequence[str]) -> str:
    with face.office.reading() as session:
        holders = holders_of_keys(session, face.office.root)
    return ", ".join(few_in_words(left, holders))


@verb(app, "retired", "meters retired", "meters retired --json")
def show_retired(face: Face) -> int:
    """List the meters that left the fleet: what came in their place, and whose the money was.

    Ends with 1 when there is none.
    """
    zone = face.zone
    with face.office.reading() as session:
        found = list_retired(session)
    if face.as_json:
        print_json({"retired": [retired_fields(each) for each in found]})
    elif found:
        rows = [(each.meter, left_in_words(each, zone)) for each in found]
        print_table("", ("meter", "how it left"), rows, wraps=("how it left",))
    else:
        print_lines("No meter has left the fleet.")
    return Exit.DONE if found else Exit.NO


def _display(balance: str, unconfirmed: str | None) -> OldDisplay:
    try:
        balance_ueur = ueur_from_eur(balance)
    except ValueError as error:
        raise InputError(f"--balance-eur: {error}") from None
    return OldDisplay(balance_ueur, None if unconfirmed is None else unconfirmed == _SHOWN)


def _print(face: Face, done: Replaced) -> None:
    view = done.retired
    print_lines(
        f"{view.successor} is at EAN {view.ean} in the place of {view.meter}, at link {done.link}."
        if done.new
        else f"{view.successor} was in the place of {view.meter} before: nothing has changed."
    )
    print_lines(worth_in_words(view))
    if done.paid is not None and done.paid.status is None:
        print_lines("The service pays it as soon as it has heard the new meter.")
    for status in (*done.carried.protection, *done.carried.drafts):
        print_status(status, face.zone)
    if done.carried.refund_ueur:
        print_lines(
            f"{eur(done.carried.refund_ueur)} EUR of it are to be paid back: the refund waits for the new "
            "meter. Sign it once that has the money."
        )
    if done.carried.again:
        print_lines(f"Drafted again for the new meter: {', '.join(done.carried.again)}.")
    if done.carried.left:
        print_lines(f"Ended, and not ordered for the new meter: {_ended(face, done.carried.left)}.")


def _fields(done: Replaced, secrets: Path | None) -> dict[str, Any]:
    return {
        **retired_fields(done.retired),
        "link": done.link,
        "new": done.new,
        "paid": None if done.paid is None else done.paid.state,
        "protection": [order_fields(each) for each in done.carried.protection],
        "drafts": [order_fields(each) for each in done.carried.drafts],
        "again": done.carried.again,
        "refund_ueur": done.carried.refund_ueur,
        "left": done.carried.left,
        "secrets": None if secrets is None else str(secrets),
    }
