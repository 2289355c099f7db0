"""The screen as a server: on this machine's own address, until it is ended."""

import ipaddress
import signal
import socket
import sys
from typing import Final

import uvicorn

from cardreader.screen.app import make_app
from cardreader.screen.sessions import Sessions
from cardreader.screen.settings import ScreenSettings
from cardreader.screen.slot import WatchedSlot
from protocols.errors import InputError, UnreachableError, quoted

_END_S: Final = 3


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that listens at a loopback address. Raises InputError for any other, UnreachableError."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise InputError(f"--host: {quoted(host)}; allowed: an address of this machine alone, as 127.0.0.1")
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 # IPv4, IPv6
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # A browser that comes before the first page is ready waits, and is not refused.
        listening.listen()
    except OSError as error:
        listening.close()
        raise UnreachableError(f"--port: {port}: {error.strerror}; allowed: a free one, or 0") from None
    return listening


def serve_screen(settings: ScreenSettings, listening: socket.socket, line: str) -> None:
    """Serves until SIGINT or SIGTERM; `line` is printed once the screen can be opened."""
    slot = WatchedSlot(settings.readers, settings.kiosk_now, settings.moment)
    slot.look()
    app = make_app(settings, slot, Sessions(settings.language))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="off",
        timeout_graceful_shutdown=_END_S,
    )
    # uvicorn sends itself the signal again that ended it: SIGTERM is an orderly end, SIGINT is Ctrl-C.
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    slot.start()
    try:
        sys.stdout.write(line)
        sys.stdout.flush()
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        slot.stop()
        signal.signal(signal.SIGTERM, before)
