"""`relance agent`: a person's key, open for a shift, so that each act does not ask for the passphrase."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.people import open_with_passphrase
from controller.faces.cli.proposals import change_in_words
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import PLAIN, READING, verb
from controller.office.opening import open_office
from controller.roots.rules import change_between, check_follows, people_of
from protocols.documents.roles import Root
from protocols.errors import InputError, RefusedError, RelanceError, quoted
from protocols.instants import HOUR_MS, MINUTE_MS
from protocols.rim.agent.place import agent_socket
from protocols.rim.agent.rules import OPEN_MS_MAX, OPEN_MS_MIN, Signable
from protocols.rim.agent.serving import Agent
from protocols.rim.agent.session import run_agent, told_closing, told_status
from protocols.rim.clocks import now_ms, tick_ms
from protocols.rim.terminal import Exit
from protocols.words.en.amounts import eur
from protocols.words.en.orders import order_in_words
from protocols.words.en.times import short_local

_LENGTH: Final = re.compile(r"([0-9]{1,4})(h|min)")

app = typer.Typer(no_args_is_help=True, help="Open your key for a shift: it signs, and asks no passphrase.")


@verb(app, "open", "agent open anna", "agent open anna --for 4h", shares=READING)
def open_one(
    face: Face,
    name: Annotated[str, typer.Argument(metavar="NAME", help="You, as orders name you.")],
    *,
    length: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long: 8h, 90min; at most 24h.")
    ] = "8h",
) -> int:
    """Open your key, and sign with it for the commands of this account (`--as NAME`) without asking again.

    It asks for your passphrase once, stays in this terminal, and prints what it signs. It ends with Ctrl-C,
    `agent close`, or its time, which no clock that somebody sets makes longer, nor a machine that sleeps. An
    account has one agent at a time: harm takes a second person, who opens their own key elsewhere or later.
    """
    length_ms = _read_length(length)
    people = people_of(face.office.root)
    if name not in people:
        raise InputError(f"NAME: {quoted(name)} holds no key; allowed: {', '.join(people)}")

    def open_key() -> Agent:
        signer = open_with_passphrase(face.office, name).signer
        # It needs the store no more, for hours.
        face.office.store.dispose()
        return Agent(name, signer, length_ms, tick_ms, lambda what: _tell(face, what, name))

    run_agent(_socket(face), open_key, _say, "relance")
    return Exit.DONE


@verb(app, "status", "agent status", "agent status --json", shares=PLAIN)
def show_status(face: Face) -> int:
    """Say whose key is open at this account, and for how long yet. Ends with 1 where none is."""
    fields, sentence = told_status(_socket(face))
    _print(face, fields, sentence)
    return Exit.DONE if fields["open"] else Exit.NO


@verb(app, "close", "agent close", "agent close --json", shares=PLAIN)
def close_it(face: Face) -> int:
    """Close the key that is open at this account. Ends with 1 where none is."""
    fields, sentence = told_closing(_socket(face))
    _print(face, fields, sentence)
    return Exit.NO if fields["closed"] is None else Exit.DONE


def _socket(face: Face) -> Path:
    return agent_socket(os.environ, face.settings.home)


def _print(face: Face, fields: dict[str, Any], sentence: str) -> None:
    if face.as_json:
        print_json(fields)
    else:
        print_lines(sentence)


def _read_length(text: str) -> int:
    found = _LENGTH.fullmatch(text)
    length_ms = 0
    if found is not None:
        length_ms = int(found.group(1)) * (HOUR_MS if found.group(2) == "h" else MINUTE_MS)
    if not OPEN_MS_MIN <= length_ms <= OPEN_MS_MAX:
        raise InputError(f"--for: {quoted(text)}; allowed: 1min to 24h, such as 8h or 90min")
    return length_ms


def _tell(face: Face, what: Signable, name: str) -> None:
    zone, told = face.zone, what.name
    if what.order is not None:
        told = f"{told}: {order_in_words(what.order, zone, name)}"
    if what.payment is not None:
        amount = eur(what.payment.amount_ueur)
        told = f"{told}: {amount} EUR for {what.payment.meter}"
    if what.root is not None:
        told = f"{told}: {_root_in_words(_root_in_force(face), what.root)}"
    _say(f"{short_local(now_ms(), zone)}  {told}")


def _root_in_force(face: Face) -> Root:
    """The root that counts now: others may have come while the agent was open."""
    try:
        with open_office(face.settings) as office:
            return office.root
    except RelanceError:
        # The store cannot be read now: what is told is what changes since the agent was opened.
        return face.office.root


def _root_in_words(now: Root, new: Root) -> str:
    """Who comes, who goes, who gets a new key or other roles; and where no command makes such a root."""
    told = " ".join(change_in_words(change_between(now, new))) or "The same people for another year."
    try:
        check_follows(now, new, now_ms())
    except RefusedError as error:
        return f"{told} No command takes it: {error}."
    return told


def _say(line: str) -> None:
    """A line at once, also into a file: it is the log."""
    print_lines(line)
    sys.stdout.flush()
