"""pyscard's raw interface, acted: readers with cards in this process, and a service that fails as it is told.

Failures that no real one makes on demand.
"""

from collections.abc import Callable
from typing import Any

from cardreader.card.card import SmartCard
from cardreader.readers.pcsc_codes import Code

Answer = tuple[Any, ...]
EVENT = 0x10000
EMPTY, PRESENT, EXCLUSIVE = 0x10, 0x20, 0x80
T1 = 2


def signed(code: int) -> int:
    """As pyscard gives a code: a C long of 32 bits."""
    return code - 2**32 if code >= 2**31 else code


class ActedScard:
    """A module and the service behind it. `fails`: what a call answers instead, by its name."""

    def __init__(self, **cards: SmartCard | None) -> None:
        self.cards = dict(cards)
        self.events = dict.fromkeys(cards, 0)
        self.fails = dict[str, int]()
        self.held: str | None = None
        self.open = 0
        self.log = list[str]()
        # Between the command and its answer, as when a card is pulled out just then.
        self.meanwhile: Callable[[bytes], bytes] = lambda answer: answer
        # What happens while somebody waits for a change.
        self.pause_in_wait: Callable[[], object] = lambda: None

    def _code(self, call: str) -> int:
        self.log.append(call)
        return signed(self.fails.get(call, 0))

    def SCardEstablishContext(self, _scope: int) -> Answer:  # noqa: N802 # pyscard's name
        code = self._code("establish")
        self.open += not code
        return code, 1

    def SCardReleaseContext(self, _context: int) -> int:  # noqa: N802 # as above
        self.open -= 1
        return self._code("release")

    def SCardListReaders(self, _context: int, _groups: list[str]) -> Answer:  # noqa: N802 # as above
        code = self._code("list") or (0 if self.cards else signed(Code.NO_READERS))
        return code, list(self.cards)

    def SCardGetStatusChange(self, _context: int, timeout_ms: int, known: list[tuple[str, int]]) -> Answer:  # noqa: N802 # as above
        if timeout_ms:
            self.pause_in_wait()
        states = [(name, self._flags(name), list(self._atr(name))) for name, _state in known]
        return self._code("status"), states

    def SCardCancel(self, _context: int) -> int:  # noqa: N802 # as above
        return self._code("cancel")

    def SCardConnect(self, _context: int, reader: str, share: int, protocols: int) -> Answer:  # noqa: N802 # as above
        assert (share, protocols) == (1, 3)
        code = self._code("connect")
        if not code and self.held == reader:
            code = signed(Code.SHARING_VIOLATION)
        if not code and self.cards[reader] is None:
            code = signed(Code.NO_CARD)
        if not code:
            self.held = reader
        return code, 7, T1

    def SCardReconnect(self, _handle: int, _share: int, _protocols: int, how: int) -> Answer:  # noqa: N802 # as above
        assert how == 1
        card = self.cards[self.held or ""]
        assert card is not None
        card.reset()
        return self._code("reset"), T1

    def SCardStatus(self, _handle: int) -> Answer:  # noqa: N802 # as above
        return self._code("atr"), self.held, 0, T1, list(self._atr(self.held or ""))

    def SCardTransmit(self, _handle: int, protocol: int, command: list[int]) -> Answer:  # noqa: N802 # as above
        assert protocol == T1
        card = self.cards[self.held or ""]
        if card is None:
            return signed(Code.REMOVED_CARD), []
        answer = self.meanwhile(card.process(bytes(command)))
        return self._code("transmit"), list(answer)

    def SCardDisconnect(self, _handle: int, how: int) -> int:  # noqa: N802 # as above
        assert how == 2
        self.held = None
        return self._code("disconnect")

    def _flags(self, name: str) -> int:
        state = EMPTY if self.cards[name] is None else PRESENT
        return self.events[name] * EVENT + state + (EXCLUSIVE if self.held == name else 0)

    def _atr(self, name: str) -> bytes:
        card = self.cards[name]
        return b"" if card is None else card.reset()
