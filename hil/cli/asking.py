"""Questions to whoever sits at the terminal of a bench."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer


def ask(question: str) -> bool:
    """Whether it is answered with yes. Where nobody sits at a terminal, nothing is.

    Raises KeyboardInterrupt at Ctrl-C and at the end of the input: both end the run, wherever it asks.
    """
    if not sys.stdin.isatty():
        return False
    try:
        with _ctrl_c_ends_the_question():
            return typer.confirm(question, default=False, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None


@contextmanager
def _ctrl_c_ends_the_question() -> Iterator[None]:
    """Also where signals are held back (`hil.interrupts`): nobody is kept at a prompt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
