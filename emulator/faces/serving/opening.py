"""Opens the place of a face, whatever kind it is."""

from typing import assert_never

from emulator.faces.places import FacePlace, PlaceKind
from emulator.faces.serving.lines import Attach, Port
from emulator.faces.serving.pty_port import PtyPort
from emulator.faces.serving.tcp_port import TcpLine, open_tcp
from protocols.errors import InputError


async def open_port(place: FacePlace, where: str, attach: Attach) -> Port:
    """A port at a place; `where` is the option's name. Raises InputError where it cannot be opened."""
    match place.kind:
        case PlaceKind.PTY:
            return PtyPort(place.path, where, attach)
        case PlaceKind.TCP:
            return await open_tcp(place, where, lambda lines: TcpLine(attach, lines))
        case PlaceKind.RFC2217:
            try:
                from emulator.faces.serving.rfc2217_port import open_rfc2217  # noqa: PLC0415 # it needs an extra
            except ImportError:
                raise InputError(f"{where}: rfc2217 needs pyserial: the extra [serial] of relance") from None
            return await open_rfc2217(place, where, attach)
        case _:
            assert_never(place.kind)
