"""Cards that act in a reader: one that speaks T=0, one that loses power, one that never answers."""

import threading

from cardreader.card.card import SmartCard
from cardreader.iso7816.instructions import Instruction
from tests.cardreader.pcscd.card_slot import Pulled
from tests.cardreader.tearing import PowerLost

# TS, T0: five historical bytes and no interface bytes, so T=0 and no checksum (ISO 7816-3 §8.2).
T0_ATR = bytes.fromhex("3B05") + b"T=0.."
_GET_RESPONSE = 0xC0


class T0Card:
    """Our card behind T=0 (ISO 7816-3 §12.2): answers come in parts, and a wrong Le is named."""

    def __init__(self, card: SmartCard, part_bytes: int = 200) -> None:
        self._card, self._part_bytes = card, part_bytes
        self._waiting = self._named = b""
        self._repeated = b""
        self.commands = list[bytes]()

    def reset(self) -> bytes:
        self._card.reset()
        return T0_ATR

    def process(self, data: bytes) -> bytes:
        self.commands.append(data)
        p3 = data[4]
        # T=0 sends in one direction: five bytes, or five and as many as the fifth says.
        assert len(data) in {5, 5 + p3}, data.hex()
        if data[1] == _GET_RESPONSE:
            return self._next_part(p3 or 256)
        if len(data) == 5:
            return self._fetched(data, p3 or 256)
        answer = self._card.process(data + b"\0")
        self._waiting = answer[:-2]
        self._status = answer[-2:]
        return self._more() if self._waiting else answer

    def _fetched(self, command: bytes, wanted: int) -> bytes:
        if command[:4] == self._repeated and wanted == len(self._named) - 2:
            return self._named
        answer = self._card.process(command)
        if len(answer) - 2 in (0, wanted):
            return answer
        self._repeated, self._named = command[:4], answer
        return bytes((0x6C, len(answer) - 2))

    def _next_part(self, wanted: int) -> bytes:
        part, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
        return part + (self._more() if self._waiting else self._status)

    def _more(self) -> bytes:
        return bytes((0x61, min(len(self._waiting), self._part_bytes)))


class TornCard(SmartCard):
    """A card on a memory that loses power: then it is out of the reader."""

    def process(self, data: bytes) -> bytes:
        try:
            return super().process(data)
        except PowerLost:
            raise Pulled from None


class PulledCard(SmartCard):
    """A card that is pulled out at one command: before it, or after it has done it."""

    left: int = 2**31
    after = False

    def process(self, data: bytes) -> bytes:
        if self.left:
            self.left -= 1
            return super().process(data)
        if self.after:
            super().process(data)
        raise Pulled


class PulledBeforeCommit(SmartCard):
    """A card that is pulled out when what was staged on it is to become true."""

    def process(self, data: bytes) -> bytes:
        if data[1] == Instruction.COMMIT:
            raise Pulled
        return super().process(data)


class HangingCard(SmartCard):
    """A card that takes a command and never answers."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type] # as SmartCard
        self.released = threading.Event()

    def process(self, data: bytes) -> bytes:
        del data
        self.released.wait(30)
        raise Pulled
