"""Questions to whoever sits at the terminal of a bench."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from hil.interrupts import InterruptGate


def ask(question: str) -> bool:
    """Whether it is answered with yes. Where nobody sits at a terminal, nothing is.

    Raises KeyboardInterrupt at a signal and at the end of the input: each ends the run, wherever it asks.
    """
    if not sys.stdin.isatty():
        return False
    try:
        with _signals_end_the_question():
            return typer.confirm(question, default=False, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None


@contextmanager
def _signals_end_the_question() -> Iterator[None]:
    """Also where they are held back otherwise: the mains are off then, and nobody is kept at a prompt."""
    with InterruptGate() as gate, gate.opened():
        yield
