"""How `relance-emulator` ends: its status, and one clear line for what was wrong (design §10)."""

import io
import os
import sys

import typer

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
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        forget_stdout()
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


def _flush_what_can_be() -> None:
    """What was said before an error still comes out, unless this is what cannot be."""
    try:
        sys.stdout.flush()
    except OSError:
        forget_stdout()


def forget_stdout() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, also when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _never_fail_to_write() -> None:
    """A terminal that knows few characters gets escapes for the others."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
