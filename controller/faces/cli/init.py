"""`relance init`: found a controller, with its keys, its root and its database."""

import os
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from controller.faces.cli.losses import mind_losses
from controller.faces.cli.options import Database, Home, Json
from controller.faces.cli.showing import print_json, print_lines
from controller.office.founding import (
    MACHINES,
    MACHINES_TOGETHER,
    check_operators,
    check_unused,
    found,
    found_store,
)
from controller.office.opening import open_office
from controller.office.people import load_root
from controller.office.settings import Settings, settings_from
from protocols.errors import InputError
from protocols.rim.clocks import checked_now_ms
from protocols.rim.passphrases import PASSPHRASE_VARIABLE, new_passphrase
from protocols.rim.terminal import Exit

_PERSON: Final = "protection alone, and harm together with another. Nobody else may know it."
_MACHINES: Final = "`relance serve` and `relance timeserver` ask for it when they start."
_ONE_FOR_ALL: Final = f"{PASSPHRASE_VARIABLE} now opens every key: whoever knows it can sign as any operator."


def init(
    *,
    operator: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A person who may act; at least two of them.")
    ] = None,
    new_store: Annotated[
        bool, typer.Option("--new-store", help="An empty store for a home that has lost its own.")
    ] = False,
    home: Home = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Found a controller: keys of people and machines, a root signed by two, an empty database.

    Each operator may protect alone, and harm only together with another. At a terminal every operator types a
    passphrase of their own, of 12 characters or more; one more protects the machines' keys. Whoever slips is
    asked again.

    An existing home is never changed. Where its store is lost and there is no backup, `--new-store` makes an
    empty one: it numbers on above all that the lost one gave, as far as the mark in the home, the broker and
    the meters tell, and says what only they know.
    """
    settings = settings_from(os.environ, home, database)
    if new_store:
        return _new_store(settings, operator or [], as_json=as_json)
    operators = check_operators(operator or [])
    check_unused(settings.home)
    now = checked_now_ms()  # before anybody types a passphrase
    passphrases = _ask_all(operators)
    found(settings, operators, passphrases.__getitem__, now)
    if as_json:
        print_json(
            {
                "home": str(settings.home),
                "operators": operators,
                "machines": MACHINES,
                "root": str(settings.root),
                "fleet_key": str(settings.fleet_key),
            }
        )
        return Exit.DONE
    print_lines(
        f"{settings.home} is ready.",
        f"Operators: {', '.join(operators)}. Each may protect alone; harm takes two of them.",
        f"Meters trust {settings.root}; keep a copy of keys/ where a fire does not reach it.",
        *([_ONE_FOR_ALL] if PASSPHRASE_VARIABLE in os.environ else []),
        "Next: relance serve, and in another terminal relance timeserver.",
    )
    return Exit.DONE


def _new_store(settings: Settings, operators: Sequence[str], *, as_json: bool) -> int:
    if operators:
        raise InputError("--new-store: takes no --operator; the people are those of the home's root")
    root, now = load_root(settings.root), checked_now_ms()
    found_store(settings, root, now)
    with open_office(settings) as office:
        mind_losses(office, now)
    if as_json:
        print_json({"home": str(settings.home), "database": settings.database})
        return Exit.DONE
    print_lines(
        f"{settings.home} has an empty store now. Nobody is cut until a calendar is signed again.",
        "Next: relance serve. Meters that connect tell what they hold: relance moratorium status, flag list.",
    )
    return Exit.DONE


def _ask_all(operators: tuple[str, ...]) -> dict[str, str]:
    found = {name: new_passphrase(name, f"With this one {name} signs: {_PERSON}") for name in operators}
    machines = new_passphrase(MACHINES_TOGETHER, f"This one opens the machines' keys: {_MACHINES}")
    return found | dict.fromkeys(MACHINES, machines)
