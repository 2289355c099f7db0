"""DLMS/COSEM of a running meter: any number of connections, which share its password lock."""

import asyncio
from collections.abc import Callable

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.connection import (
    SILENCE_MS_MAX,
    ConnectionDeed,
    HangUp,
    SendFrame,
    WrappedConnection,
)
from emulator.faces.dlms.deeds import BringDocument, BringUnsignedDate, BringUnsignedRequest
from emulator.faces.dlms.hdlc_connection import HdlcConnection
from emulator.faces.dlms.session import SharedState
from emulator.faces.serving.lines import FaceLine, Listener
from emulator.faces.view import FaceView
from protocols.instants import SECOND_MS, UtcMs


class DlmsFace:
    """All connections. `view` gives what the meter shows now; the others bring it what nobody has judged.

    `is_hdlc`: lines of HDLC carry them, else the TCP wrapper.
    """

    def __init__(
        self,
        guards: Guards,
        view: Callable[[], FaceView],
        bring_date: Callable[[UtcMs], None],
        bring_request: Callable[[bytes], None],
        bring_document: Callable[[bytes], None],
        *,
        is_hdlc: bool,
    ) -> None:
        self._shared = SharedState(guards)
        self._connect = HdlcConnection if is_hdlc else WrappedConnection
        self._view = view
        self._bring_date = bring_date
        self._bring_request = bring_request
        self._bring_document = bring_document
        self._clients: set[_Client] = set()

    def attach(self, line: FaceLine) -> Listener:
        """A connection more."""
        client = _Client(line, self._connect(self._shared), self._view, self._do, self._clients.discard)
        self._clients.add(client)
        return client

    def heed(self, view: FaceView) -> None:
        """End what an outage has ended, and send away who has been silent for too long."""
        at_ms = _now_ms()
        for client in tuple(self._clients):
            client.heed(view, at_ms)

    def _do(self, deed: ConnectionDeed, line: FaceLine) -> None:
        match deed:
            case SendFrame():
                line.send(deed.data)
            case BringUnsignedDate():
                self._bring_date(deed.time_ms)
            case BringUnsignedRequest():
                self._bring_request(deed.pdu)
            case BringDocument():
                self._bring_document(deed.data)
            case HangUp():
                line.hang_up()


class _Client:
    """One client. A turn of the loop answers one of its requests, however many have come."""

    def __init__(
        self,
        line: FaceLine,
        connection: WrappedConnection | HdlcConnection,
        view: Callable[[], FaceView],
        do: Callable[[ConnectionDeed, FaceLine], None],
        on_lost: Callable[["_Client"], None],
    ) -> None:
        self._line = line
        self._connection = connection
        self._view = view
        self._do = do
        self._on_lost = on_lost
        self._outages = view().outages
        self._heard_ms = _now_ms()
        self._next: asyncio.Handle | None = None

    def received(self, data: bytes) -> None:
        """Answer the next frame that is whole. Without mains the meter is dead."""
        self._heard_ms = at_ms = _now_ms()
        view = self._view()
        self.heed(view, at_ms)
        if not view.readout.mains_on:
            return
        for deed in self._connection.hear(data, at_ms, view):
            self._do(deed, self._line)
        if self._connection.has_more and self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._go_on)

    def heed(self, view: FaceView, at_ms: int) -> None:
        """No association outlives an outage, or a long silence, which ends the connection too."""
        if not view.readout.mains_on or view.outages != self._outages:
            self._outages = view.outages
            self._connection.end()
        if at_ms - self._heard_ms >= SILENCE_MS_MAX:
            self._connection.end()
            self._line.hang_up()

    def lost(self) -> None:
        """Its association ends with it."""
        self._connection.end()
        self._on_lost(self)
        if self._next is not None:
            self._next.cancel()

    def _go_on(self) -> None:
        self._next = None
        self.received(b"")


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * SECOND_MS)
