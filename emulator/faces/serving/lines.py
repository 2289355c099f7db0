"""A line between a face and one reader, whatever carries it."""

from collections.abc import Callable
from typing import Protocol

from emulator.faces.line_format import LineFormat


class FaceLine(Protocol):
    """The face's end of a line. Nothing here waits: a reader that stops reading loses bytes or the line."""

    @property
    def format(self) -> LineFormat | None:
        """How the reader has set its port; None where that is not known."""
        ...

    def send(self, data: bytes, *, latest: bool = False) -> None:
        """Send bytes. `latest`: what the reader has not read of the bytes before is of no use any more."""
        ...

    def rest(self) -> None:
        """A session is over: the next reader begins anew."""
        ...

    def hang_up(self) -> None:
        """Send the reader away, where that can be."""
        ...


class Listener(Protocol):
    """The face itself, which hears what comes over a line."""

    def received(self, data: bytes) -> None: ...

    def lost(self) -> None:
        """The reader has gone."""
        ...


# A new line begins; None: it is refused.
Attach = Callable[[FaceLine], Listener | None]


class Port(Protocol):
    """A place that is open. `where` names it with the port number that it has been given."""

    @property
    def where(self) -> str: ...

    async def close(self) -> None: ...
