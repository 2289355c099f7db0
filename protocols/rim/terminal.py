"""How a command line ends: its exit status, and one clear line about an error (design §10).

All programs of this project end alike: no expected error shows a traceback, a closed pipe (`| head`) is no
error, and Ctrl-C gives 130.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Any, TextIO

import typer

from protocols.errors import DocumentError, InputError, RelanceError, UnreachableError, quoted


@dataclass(frozen=True, slots=True)
class Foreign:
    """Errors that hold values or come from a library, and how to turn one into a line that people read."""

    raised: type[Exception]
    as_ours: Callable[[Exception], RelanceError]


@unique
class Exit(IntEnum):
    """The exit statuses."""

    DONE = 0
    NO = 1
    WRONG_INPUT = 2
    NOT_REACHABLE = 3
    INTERRUPTED = 130


def exit_of(error: RelanceError) -> Exit:
    """The status of a command that ends with this error."""
    match error:
        case InputError() | DocumentError():
            return Exit.WRONG_INPUT
        case UnreachableError():
            return Exit.NOT_REACHABLE
        case _:
            return Exit.NO


def run_app(app: typer.Typer, foreign: Callable[[], Sequence[Foreign]] = tuple) -> int:
    """Run a command line and return its status.

    `foreign` is asked at an error, and comes before our own errors. An error that is neither is a bug, and is
    raised.
    """
    _open_what_is_closed()
    _escape_what_the_terminal_cannot_show()
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        discard_stdout()
        return Exit.DONE
    except typer.TyperException as error:
        complain(_with_help(error))
        return Exit.WRONG_INPUT
    except tuple(each.raised for each in foreign()) as error:
        return _end_with(next(each.as_ours(error) for each in foreign() if isinstance(error, each.raised)))
    except RelanceError as error:
        return _end_with(error)
    except OSError as error:
        # A full disk, an unreadable folder: the operating system's own text says what is wrong.
        _flush_stdout()
        complain(line_of(error))
        return Exit.WRONG_INPUT
    return status if isinstance(status, int) else Exit.DONE


def complain(line: str) -> None:
    """Print a line on standard error. An empty line prints nothing: typer has printed its help already."""
    if line:
        try:
            sys.stderr.write(line.rstrip("\n") + "\n")
            sys.stderr.flush()
        except OSError:
            # There is nowhere to say it; the status still does.
            _discard(sys.stderr)


def warn(sentences: Iterable[str]) -> None:
    """Print warnings on standard error, one line each; the command goes on."""
    for sentence in sentences:
        complain(f"warning: {sentence}")


def line_of(error: OSError) -> str:
    """One line for an error of the operating system: `FILE: why`."""
    why = error.strerror or type(error).__name__
    return why if error.filename is None else f"{error.filename}: {why}"


def discard_stdout() -> None:
    """Discard buffered output after the reader has closed the pipe; otherwise the exit would fail on it."""
    _discard(sys.stdout)


def _discard(stream: TextIO) -> None:
    if isinstance(stream, _ClosedOutput):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _with_help(error: typer.TyperException) -> str:
    """One line for a wrong command line, and where the right one is told. Empty if the help was printed."""
    refused = _refused_value(error)
    if refused is not None and isinstance(error, typer.BadParameter):
        error.message = refused
    line, context = error.format_message().rstrip("\n"), getattr(error, "ctx", None)
    if not line or context is None:
        return line
    return f"{line}{'' if line.endswith(('.', '?')) else '.'} Try `{context.command_path} --help`."


def _refused_value(error: typer.TyperException) -> str | None:
    """The value that typer refused and what is allowed; it tells the second alone. None: another error."""
    found = getattr(error.__cause__, "errors", None)
    if found is None:
        return None
    first: Mapping[str, Any] = found()[0]
    allowed, bounds = first["msg"], first.get("ctx", {})
    match first["type"]:
        case "less_than_equal":
            allowed = f"at most {bounds['le']}"
        case "greater_than_equal":
            allowed = f"at least {bounds['ge']}"
        case "int_parsing" | "int_from_float" | "int_parsing_size":
            allowed = "a whole number"
    return f"{quoted(str(first['input']))}; allowed: {allowed}"


class _ClosedOutput(io.StringIO):
    """Stands for a standard output that was closed before we began (`>&-`): what is printed is an error."""

    def write(self, text: str, /) -> int:  # noqa: ARG002 # it goes nowhere
        raise OSError(errno.EBADF, "standard output is closed")


def _open_what_is_closed() -> None:
    """Open /dev/null in the place of each standard stream that is closed.

    Otherwise the next file that we open would take its number, and what somebody prints would go into the
    store.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = _ClosedOutput()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 # open until the end
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115


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
