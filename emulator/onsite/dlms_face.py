"""DLMS/COSEM of a running meter: any number of connections, which share its password lock."""

import asyncio
from collections.abc import Callable

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.connection import ConnectionDeed, HangUp, SendFrame, WrappedConnection
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

    def attach(self, line: FaceLine) -> Listener:
        """A connection more."""
        return _Client(line, self._connect(self._shared), self._view, self._do)

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
    """One client."""

    def __init__(
        self,
        line: FaceLine,
        connection: WrappedConnection | HdlcConnection,
        view: Callable[[], FaceView],
        do: Callable[[ConnectionDeed, FaceLine], None],
    ) -> None:
        self._line = line
        self._connection = connection
        self._view = view
        self._do = do

    def received(self, data: bytes) -> None:
        """Answer each frame that is whole. Without mains the meter is dead."""
        while True:
            view = self._view()
            if not view.readout.mains_on:
                self._connection.end()
                return
            at_ms = int(asyncio.get_running_loop().time() * SECOND_MS)
            for deed in self._connection.hear(data, at_ms, view):
                self._do(deed, self._line)
            if not self._connection.has_more:
                return
            data = b""

    def lost(self) -> None:
        """Its association ends with it."""
        self._connection.end()
