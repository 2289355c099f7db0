"""How a command line ends: its status, and one clear line for what was wrong (design §10).

Every program of ours ends alike: no error leaves as a traceback, a reader that goes away (`| head`) is no
error, and Ctrl-C is 130.
"""

import io
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum, unique

import typer

from protocols.errors import DocumentError, InputError, RelanceError, UnreachableError


@dataclass(frozen=True, slots=True)
class Foreign:
    """Errors that are not yet what a person reads: of a library, or with values in place of a sentence."""

    raised: type[Exception]
    as_ours: Callable[[Exception], RelanceError]


@unique
class Exit(IntEnum):
    """What a status says to the shell."""

    DONE = 0
    NO = 1
    WRONG_INPUT = 2
    NOT_REACHABLE = 3
    INTERRUPTED = 130


def exit_of(error: RelanceError) -> Exit:
    """The status with which a command ends that failed so."""
    match error:
        case InputError() | DocumentError():
            return Exit.WRONG_INPUT
        case UnreachableError():
            return Exit.NOT_REACHABLE
        case _:
            return Exit.NO


def run_app(app: typer.Typer, *foreign: Foreign) -> int:
    """Run a command line and return its status.

    `foreign` comes before our own errors. An error that is neither is a bug, and is raised.
    """
    _escape_what_the_terminal_cannot_show()
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        discard_stdout()
        return Exit.DONE
    except tuple(each.raised for each in foreign) as error:
        return _end_with(next(each.as_ours(error) for each in foreign if isinstance(error, each.raised)))
    except RelanceError as error:
        return _end_with(error)
    except typer.TyperException as error:
        complain(error.format_message())
        return Exit.WRONG_INPUT
    except OSError as error:
        # A full disk, a folder that nobody may read: the machine's refusal, which names itself.
        _flush_stdout()
        complain(line_of(error))
        return Exit.WRONG_INPUT
    return status if isinstance(status, int) else Exit.DONE


def complain(line: str) -> None:
    """Print on standard error what is wrong; nothing where all has been said (a command without its verb)."""
    if line:
        sys.stderr.write(line.rstrip("\n") + "\n")


def warn(sentences: Iterable[str]) -> None:
    """Print what a person should know before they go on; it stops nobody."""
    for sentence in sentences:
        complain(f"warning: {sentence}")


def line_of(error: OSError) -> str:
    """One line for what the machine refused and nobody had expected: `FILE: why`."""
    why = error.strerror or type(error).__name__
    return why if error.filename is None else f"{error.filename}: {why}"


def discard_stdout() -> None:
    """Discard what is still buffered, since nobody reads it: else the interpreter fails on it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _end_with(error: RelanceError) -> Exit:
    complain(str(error))
    return exit_of(error)


def _flush_stdout() -> None:
    """Write out what was printed before the error, unless standard output is what failed."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_stdout()


def _escape_what_the_terminal_cannot_show() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
