"""What a command says at Ctrl-C: what has become of its act, and how to go on. It ends with 130."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from protocols.rim.terminal import complain


@contextmanager
def saying_at_ctrl_c(sentence: str | Callable[[], str]) -> Iterator[None]:
    """Says it when somebody types Ctrl-C within, and lets the program end. `sentence` is asked then."""
    try:
        yield
    except KeyboardInterrupt:
        complain(sentence if isinstance(sentence, str) else sentence())
        raise
