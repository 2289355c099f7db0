"""How `relance` ends: its status, and one clear line for what was wrong (design §10)."""

import io
import os
import sys
from enum import IntEnum, unique

import typer
from sqlalchemy.exc import DatabaseError, OperationalError

from protocols.errors import InputError, RelanceError, UnreachableError


@unique
class Exit(IntEnum):
    """What a status says to the shell."""

    DONE = 0
    NO = 1
    WRONG_INPUT = 2
    NOT_REACHABLE = 3
    INTERRUPTED = 130


class RefusedError(RelanceError):
    """What was asked is well formed, and the answer is no. The text says why."""


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
    except InputError as error:
        complain(str(error))
        return Exit.WRONG_INPUT
    except UnreachableError as error:
        complain(str(error))
        return Exit.NOT_REACHABLE
    except RelanceError as error:
        complain(str(error))
        return Exit.NO
    except OperationalError as error:
        complain(f"database: {_first_line(error)}")
        return Exit.NOT_REACHABLE
    except DatabaseError as error:
        complain(f"database: {_first_line(error)}")
        return Exit.WRONG_INPUT
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return Exit.DONE
    return status if isinstance(status, int) else Exit.DONE


def complain(line: str) -> None:
    """Say on standard error what is wrong; nothing where all has been said (a command without its verb)."""
    if line:
        sys.stderr.write(line.rstrip("\n") + "\n")


def _first_line(error: DatabaseError) -> str:
    """What the database itself says, without the statement that it was asked."""
    return str(error.orig).strip().partition("\n")[0]


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
