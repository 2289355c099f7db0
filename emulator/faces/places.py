"""Where a face is reached, as a person types it: `tcp:HOST:PORT`, `pty:PATH` or `rfc2217:HOST:PORT`. Pure."""

from enum import StrEnum, unique
from typing import Final, NamedTuple

from protocols.errors import InputError, quoted

ALLOWED: Final = (
    "tcp:HOST:PORT, pty:PATH or rfc2217:HOST:PORT, such as tcp:127.0.0.1:2000; port 0: a free one"
)
_PORT_MAX: Final = 65_535


@unique
class PlaceKind(StrEnum):
    TCP = "tcp"
    PTY = "pty"
    RFC2217 = "rfc2217"


class FacePlace(NamedTuple):
    """A place of one of two forms: `path` for a pty, `host` and `port` for the others."""

    kind: PlaceKind
    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.kind is PlaceKind.PTY:
            return f"{self.kind}:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}:{host}:{self.port}"


def read_place(text: str, where: str) -> FacePlace:
    """The place that a text names; `where` is the option's name. Raises InputError."""
    word, _, rest = text.partition(":")
    if word not in tuple(PlaceKind) or not rest or not text.isprintable():
        raise InputError(f"{where}: {quoted(text)}; allowed: {ALLOWED}")
    kind = PlaceKind(word)
    if kind is PlaceKind.PTY:
        return FacePlace(kind, path=rest)
    host, _, port = rest.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port[:6]) > _PORT_MAX:
        raise InputError(f"{where}: {quoted(text)}; allowed: {ALLOWED}")
    return FacePlace(kind, host=host.removeprefix("[").removesuffix("]"), port=int(port[:6]))
