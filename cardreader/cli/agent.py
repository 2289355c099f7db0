"""`relance-kiosk agent`: a clerk's key, open within a shift: not each card asks for the passphrase."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer

from cardreader.cli.app import PROGRAM
from cardreader.cli.clerks import holder_of, socket_of, typed_signer
from cardreader.cli.desk import as_it_is_now, kiosk_at_work
from cardreader.cli.options import PRACTICE_SEED, Json, KioskHomeOption, OpenMinutes
from cardreader.kiosk.clerks_key import ShiftKey, open_for_shift
from cardreader.kiosk.desk import Kiosk
from protocols.cutting.zones import load_zone
from protocols.errors import InputError, RefusedError
from protocols.instants import MINUTE_MS
from protocols.limits import CLERK_KEY_MINUTES_MAX
from protocols.rim.agent.rules import Signable, check_for_cards
from protocols.rim.agent.serving import Agent
from protocols.rim.agent.session import run_agent, told_closing, told_status
from protocols.rim.clocks import now_ms, tick_ms
from protocols.rim.commands import examples
from protocols.rim.terminal import Exit
from protocols.words.en.orders import order_in_words
from protocols.words.en.times import short_local

agent_app = typer.Typer(
    name="agent",
    help="Open a clerk's key within a shift: it signs, and asks no passphrase.",
    no_args_is_help=True,
)


@agent_app.command("open", epilog=examples(PROGRAM, "agent open --home kiosk-1 --key anna.pem"))
def open_clerks_key(
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The clerk's own key, of role protect.")],
    open_minutes: OpenMinutes = CLERK_KEY_MINUTES_MAX,
    home: KioskHomeOption = None,
) -> int:
    """Open a clerk's key: recover, reactivate and queue of this account sign with it without asking again.

    It signs releases and cancellations of cuts, of one meter each, and refuses all else.

    It asks for the passphrase once, stays in this terminal, and prints what it signs. It ends with Ctrl-C,
    `agent close`, the end of its shift, or its time, which no clock that somebody sets makes longer.
    """
    with _real_kiosk(home) as kiosk:

        def open_key() -> Agent:
            signer = typed_signer(kiosk, key)
            opened = open_for_shift(kiosk, signer, open_minutes, tick_ms)
            holder = holder_of(kiosk.home, signer.keyid, key.stem)
            length_ms = open_minutes * MINUTE_MS
            tell = partial(_tell, load_zone(kiosk.home.form.zone), holder)
            why_over = partial(_why_over, kiosk, opened)
            return Agent(holder, signer, length_ms, tick_ms, tell, why_over, check_for_cards)

        run_agent(socket_of(kiosk.home), open_key, _say, PROGRAM)
    return Exit.DONE


@agent_app.command("status", epilog=examples(PROGRAM, "agent status --home kiosk-1 --json"))
def show_open_key(home: KioskHomeOption = None, *, as_json: Json = False) -> int:
    """Say whose key is open at this account, and for how long yet. Ends with 1 where none is."""
    with _real_kiosk(home) as kiosk:
        fields, sentence = told_status(socket_of(kiosk.home))
    _write(fields, sentence, as_json=as_json)
    return Exit.DONE if fields["open"] else Exit.NO


@agent_app.command("close", epilog=examples(PROGRAM, "agent close --home kiosk-1"))
def close_clerks_key(home: KioskHomeOption = None, *, as_json: Json = False) -> int:
    """Close the key that is open at this account. Ends with 1 where none is."""
    with _real_kiosk(home) as kiosk:
        fields, sentence = told_closing(socket_of(kiosk.home))
    _write(fields, sentence, as_json=as_json)
    return Exit.NO if fields["closed"] is None else Exit.DONE


@contextmanager
def _real_kiosk(home: Path | None) -> Iterator[Kiosk]:
    if home is None:
        raise InputError("--home: missing; in practice a clerk of the seed signs, and no key is opened")
    with kiosk_at_work(home, PRACTICE_SEED, 1, make=False) as kiosk:
        yield kiosk


def _why_over(kiosk: Kiosk, opened: ShiftKey) -> str:
    """Why the key is closed before its time: its shift has ended, or the root names it no more."""
    try:
        opened.signer(as_it_is_now(kiosk))
    except RefusedError as error:
        return str(error)
    return ""


def _tell(zone: ZoneInfo, holder: str, what: Signable) -> None:
    told = what.name if what.order is None else f"{what.name}: {order_in_words(what.order, zone, holder)}"
    _say(f"{short_local(now_ms(), zone)}  {told}")


def _say(line: str) -> None:
    """A line at once, also into a file: it is the log."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _write(fields: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    sys.stdout.write((msgspec.json.encode(fields).decode() if as_json else sentence) + "\n")
