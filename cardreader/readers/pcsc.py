"""A card in a real reader, by PC/SC; a `CardChannel`.

The connection is exclusive: no other program speaks to the card in between. An error, or an answer of fewer
than two bytes, means that the card has gone and nobody knows whether it did the last command: also where the
service was restarted, or the card was swapped. Then nothing more is sent; opening the reader anew makes
it good.
"""

from types import TracebackType
from typing import Any, Final, Self

from cardreader.iso7816.apdu import CardGoneError
from cardreader.readers.pcsc_codes import PcscError
from cardreader.readers.pcsc_service import PROTOCOL_T0, PcscService
from cardreader.readers.reader_states import chosen
from cardreader.readers.t0 import as_t0

_STATUS_BYTES: Final = 2


class PcscCard:
    """The card in a reader; use it as a context: at its end the card has no power any more."""

    def __init__(self, wanted: str, where: str, scard: Any = None) -> None:  # noqa: ANN401 # pyscard's module
        """`wanted`: as `reader_states.chosen`. `where`: for messages. `scard`: pyscard's, or what acts it."""
        self._wanted, self._where, self._scard = wanted, where, scard
        self._service: PcscService | None = None
        self._handle: Any = None
        self._protocol = 0
        self._name = wanted

    def __enter__(self) -> Self:
        """Connects to the card.

        Raises InputError for a reader's name that fits none; UnreachableError, with what to do, where pyscard
        or the service is missing, and where there is no reader, no card, more than one, or one in use.
        """
        self._service = PcscService(self._scard)
        try:
            self._name = chosen(self._service.readers(), self._wanted, self._where).name
            self._handle, self._protocol = self._service.connect(self._name)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    @property
    def name(self) -> str:
        """The reader's whole name."""
        return self._name

    def reset(self) -> bytes:
        """As `InsertedCard`."""
        service = self._connected()
        try:
            self._protocol, atr = service.reset(self._handle, self._name)
        except PcscError as error:
            raise self._gone(str(error)) from None
        return atr

    def transmit(self, command: bytes) -> bytes:
        """As `CardChannel`."""
        service = self._connected()
        sent = as_t0(command) if self._protocol == PROTOCOL_T0 else command
        try:
            answer = service.transmit(self._handle, self._protocol, sent, self._name)
        except PcscError as error:
            raise self._gone(str(error)) from None
        if len(answer) < _STATUS_BYTES:
            raise self._gone(f"{self._name}: the card gave no whole answer: put it in again")
        return answer

    def _connected(self) -> PcscService:
        if self._service is None or self._handle is None:
            raise CardGoneError(f"{self._name}: the card is not in the reader")
        return self._service

    def _gone(self, why: str) -> CardGoneError:
        # Whatever is in the reader now, it is not known to be the card that we have spoken to.
        self._release()
        return CardGoneError(f"{why}; what the card did last is not known")

    def _release(self) -> None:
        service, self._service = self._service, None
        if service is not None:
            if self._handle is not None:
                service.disconnect(self._handle)
            service.close()
        self._handle = None
