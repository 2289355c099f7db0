"""How `relance` ends: its status, and one clear line for what was wrong (design §10)."""

import io
import os
import sqlite3
import sys
from collections.abc import Iterable

import typer
from sqlalchemy.exc import DatabaseError, OperationalError

from protocols.errors import RelanceError
from protocols.rim.exits import Exit, exit_of, line_of


def run_app(app: typer.Typer) -> int:
    """Run the command line and return its status; no error leaves as a traceback.

    A reader that goes away (`| head`) is no error of ours: whatever was found out until then counts.
    """
    _never_fail_to_write()
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        complain(error.format_message())
        return Exit.WRONG_INPUT
    except RelanceError as error:
        complain(str(error))
        return exit_of(error)
    except DatabaseError as error:
        complain(f"database: {_first_line(error)}")
        return Exit.NOT_REACHABLE if _is_away(error) else Exit.WRONG_INPUT
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return Exit.DONE
    except OSError as error:
        # A full disk, a folder that nobody may look into: the machine's no, which names itself.
        _flush_what_can_be()
        complain(line_of(error))
        return Exit.WRONG_INPUT
    return status if isinstance(status, int) else Exit.DONE


def complain(line: str) -> None:
    """Say on standard error what is wrong; nothing where all has been said (a command without its verb)."""
    if line:
        sys.stderr.write(line.rstrip("\n") + "\n")


def warn(sentences: Iterable[str]) -> None:
    """Say what a person should know before they go on; it stops nobody."""
    for sentence in sentences:
        complain(f"warning: {sentence}")


def _is_away(error: DatabaseError) -> bool:
    """Whether it is locked, gone or full; and not one that answers that it lacks our tables."""
    if not isinstance(error, OperationalError):
        return False
    return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR


def _first_line(error: DatabaseError) -> str:
    """What the database itself says, without the statement that it was asked."""
    return str(error.orig).strip().partition("\n")[0]


def _flush_what_can_be() -> None:
    """What was said before an error still comes out, unless this is what cannot be."""
    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()


def _forget_stdout() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, also when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _never_fail_to_write() -> None:
    """A terminal that knows few characters gets escapes for the others."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
