"""The PC/SC service of this machine (pcscd), through the raw interface of pyscard.

pyscard is the extra [card]: LGPL, as it is, and imported only here, when a reader is asked for.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from cardreader.readers.pcsc_codes import Code, PcscError
from cardreader.readers.reader_states import ReaderState
from protocols.errors import UnreachableError

NEEDS: Final = "card readers need pyscard, the extra `relance[card]`, and Debian's pcscd and libpcsclite-dev"
SERVICE: Final = "card readers"

# PC/SC part 5; pcsclite.h.
_SCOPE_USER: Final = 0
_UNAWARE: Final = 0
_SHARE_EXCLUSIVE: Final = 1
_T0_OR_T1: Final = 1 | 2
PROTOCOL_T0: Final = 1
_RESET_CARD: Final = 1
_UNPOWER_CARD: Final = 2
# pcsclite takes no more in one question (PCSCLITE_MAX_READERS_CONTEXTS).
_READERS_MAX: Final = 16


def load_scard() -> Any:  # noqa: ANN401 # a module without types
    """Pyscard's raw interface. Raises UnreachableError where it is not installed."""
    try:
        from smartcard import scard  # noqa: PLC0415 # an extra
    except ImportError:
        raise UnreachableError(NEEDS) from None
    return scard


class PcscService:
    """One connection to the service; a context. Its calls raise PcscError."""

    def __init__(self, scard: Any = None) -> None:  # noqa: ANN401 # as load_scard gives it
        """Connects. Raises UnreachableError where pyscard or the service is not there."""
        self._scard = load_scard() if scard is None else scard
        self._context = self._done(self._scard.SCardEstablishContext(_SCOPE_USER), SERVICE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection. What it says of that does not matter any more."""
        self._scard.SCardReleaseContext(self._context)

    def readers(self) -> list[ReaderState]:
        """All readers, in the service's order, as they are now."""
        code, names = self._scard.SCardListReaders(self._context, [])
        if code & 0xFFFFFFFF == Code.NO_READERS:
            return []
        self._done((code, names), SERVICE)
        return self.wait([ReaderState(name, _UNAWARE) for name in names], 0)

    def wait(self, known: Sequence[ReaderState], timeout_ms: int) -> list[ReaderState]:
        """Waits until a reader is not as it is known any more, or the time is over. Returns how they are."""
        if not known:
            return []
        asked = [(each.name, each.flags) for each in known[:_READERS_MAX]]
        code, states = self._scard.SCardGetStatusChange(self._context, timeout_ms, asked)
        if code & 0xFFFFFFFF != Code.TIMEOUT:
            self._done((code, states), SERVICE)
        return [ReaderState(name, flags, bytes(atr)) for name, flags, atr in states]

    def cancel(self) -> None:
        """Ends a `wait` in another thread."""
        self._scard.SCardCancel(self._context)

    def connect(self, reader: str) -> tuple[Any, int]:
        """Connects to the card in a reader, for this program alone. Returns its handle and the protocol."""
        found = self._scard.SCardConnect(self._context, reader, _SHARE_EXCLUSIVE, _T0_OR_T1)
        code, handle, protocol = found
        self._done((code, None), reader)
        return handle, protocol

    def reset(self, handle: Any, reader: str) -> tuple[int, bytes]:  # noqa: ANN401 # pyscard's
        """Resets the card. Returns the protocol and the answer to reset."""
        code, protocol = self._scard.SCardReconnect(handle, _SHARE_EXCLUSIVE, _T0_OR_T1, _RESET_CARD)
        self._done((code, None), reader)
        return protocol, self.atr(handle, reader)

    def atr(self, handle: Any, reader: str) -> bytes:  # noqa: ANN401 # pyscard's
        """What the card said first."""
        code, *_said, atr = self._scard.SCardStatus(handle)
        self._done((code, None), reader)
        return bytes(atr)

    def transmit(self, handle: Any, protocol: int, command: bytes, reader: str) -> bytes:  # noqa: ANN401 # pyscard's
        """The card's answer, which may be empty although the service calls that a success."""
        code, answer = self._scard.SCardTransmit(handle, protocol, list(command))
        self._done((code, None), reader)
        return bytes(answer)

    def disconnect(self, handle: Any) -> None:  # noqa: ANN401 # pyscard's
        """Gives the card back without power: no session stays open on it."""
        self._scard.SCardDisconnect(handle, _UNPOWER_CARD)

    @staticmethod
    def _done(answer: Sequence[Any], where: str) -> Any:  # noqa: ANN401 # pyscard's
        code, value = answer
        if code != Code.DONE:
            raise PcscError(code, where)
        return value
