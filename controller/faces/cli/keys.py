"""`relance keys`: new keys for the fleet or for single meters, and who speaks under which."""

from typing import Annotated, Final

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import ACTING, READING, verb
from controller.office.fleet_keys import load_generations, make_generation, write_asks
from controller.orders.status import OrderStatus
from controller.rekeying import acts
from controller.rekeying.acts import Generation
from controller.rekeying.views import KeysView, view_keys
from protocols.arguments import read_names
from protocols.documents.kind_rule import Kind
from protocols.errors import InputError
from protocols.rim.terminal import Exit, warn

app = typer.Typer(no_args_is_help=True, help="Give meters new keys, and see who speaks under which.")

_NAMED_MAX: Final = 20
_METERS_MAX: Final = 100


@verb(
    app,
    "rotate",
    "keys rotate --fleet --basis 'backup disk lost' --as anna",
    "keys rotate m00042 m00043 --as anna",
    "orders sign o000012 --as bert",
    shares=ACTING,
)
def rotate(
    face: Face,
    meters: Annotated[
        list[str] | None, typer.Argument(metavar="[METER]...", help="Meters' ids, such as m00042.")
    ] = None,
    *,
    fleet: Annotated[
        bool, typer.Option("--fleet", help="Every meter, from a new generation of the fleet's key.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="With --fleet: a further one, where one is under way.")
    ] = False,
) -> int:
    """Order new keys. Two different people must sign; this command signs first.

    Each meter draws its key itself, tells the public half, and is heard under the old key until it has
    proved the new one. Meters that sleep do so when they come back. With `--fleet` a new generation of the
    fleet's key is made, a file in the home: back it up at once. Asked twice, the command shows the order
    under way. `relance keys status` says who is still on which key.
    """
    if fleet == bool(meters):
        raise InputError("keys rotate: allowed: METER..., or --fleet, one of the two")
    if not fleet:
        return _rotate_meters(face, read_names(meters or [], "METER"))
    with face.acting(Kind.KEYS) as act:
        status = acts.standing(act)
        secrets = load_generations(face.office.settings)
        newest = max(secrets)
        under_way = status is not None and acts.generation_of(status) == newest and not again
        if status is None or not under_way:
            is_used = status is not None and acts.generation_of(status) == newest
            if newest == min(secrets) or is_used:
                newest = make_generation(face.office.settings)
            generation = _generation(face, newest)
            status = acts.rotate_fleet(act, generation)
            write_asks(face.office.settings, secrets | {newest: generation.secret})
    return _show_fleet(face, status, newest, under_way=under_way)


@verb(app, "status", "keys status", "keys status --json", shares=READING)
def show_status(face: Face) -> int:
    """Show how many meters and links speak under each generation of the fleet's key, and who has yet to draw.

    Ends with 1 while meters have yet to draw the key that is ordered.
    """
    with face.office.reading() as session:
        view = view_keys(session)
    generations = sorted(load_generations(face.settings))
    if face.as_json:
        print_json(
            {
                "generations": generations,
                "meters": {str(number): count for number, count in view.meters.items()},
                "links": {str(number): count for number, count in view.links.items()},
                "ordered": view.ordered,
                "signing": view.signing,
                "waiting": list(view.waiting),
                "by_card": view.by_card,
            }
        )
    else:
        print_lines(*_in_words(view, generations))
    return Exit.NO if view.waiting else Exit.DONE


def _rotate_meters(face: Face, meters: tuple[str, ...]) -> int:
    if len(meters) > _METERS_MAX:
        raise InputError(f"METER: {len(meters)} of them; allowed: at most {_METERS_MAX}, or --fleet")
    newest = max(load_generations(face.settings))
    with face.acting(Kind.KEYS, meters) as act:
        made = acts.rotate_meters(act, _generation(face, newest), meters)
    if len(made) == 1:
        return face.show(made[0])
    if face.as_json:
        print_json({"orders": [each.order.id for each in made]})
    else:
        print_lines(
            f"{len(made)} orders of new keys wait for a second person:",
            f"relance orders sign {' '.join(each.order.id for each in made)}",
        )
    return Exit.DONE


def _generation(face: Face, number: int) -> Generation:
    secret = load_generations(face.settings)[number]
    return Generation(number, secret)


def _show_fleet(face: Face, status: OrderStatus, newest: int, *, under_way: bool) -> int:
    path = face.settings.later_fleet_key(newest)
    if not face.as_json:
        if under_way:
            warn([f"generation {newest} is under way already; with --again a further one is made"])
        else:
            warn(
                [
                    f"{path}: back it up now: without it no meter that has drawn a key is heard",
                    "copy timeserver.asks to the timeserver's machine, and start it again",
                ]
            )
    return face.show(status, more={"generation": newest})


def _in_words(view: KeysView, generations: list[int]) -> list[str]:
    lines = []
    for number in generations:
        meters, links = view.meters.get(number, 0), view.links.get(number, 0)
        name = "the first one" if number == generations[0] else f"fleet.{number}.key"
        lines.append(f"generation {number} ({name}): {meters} meters, {links} links")
    if view.signing is not None and view.signing != view.ordered:
        lines.append(f"New keys of generation {view.signing} wait for a second signature.")
    if view.ordered is None:
        return [*lines, "No new keys are ordered for the fleet."]
    if not view.waiting:
        return [*lines, f"Every meter has drawn a key of generation {view.ordered}."]
    named = ", ".join(view.waiting[:_NAMED_MAX])
    more = f" and {len(view.waiting) - _NAMED_MAX} more" if len(view.waiting) > _NAMED_MAX else ""
    lines.append(
        f"{len(view.waiting)} meters have yet to draw one of generation {view.ordered}: {named}{more}"
    )
    if view.by_card:
        lines.append(
            f"{view.by_card} of them only cards reach: they draw when their cards come from a kiosk."
        )
    return lines
