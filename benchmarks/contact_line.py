"""What travels between a reader and a card's contacts by T=1 (ISO 7816-3 §11), and how long that takes.

A command is one or more blocks: three bytes before and one after up to IFSC bytes of it. Each block but the
last is answered by a block without data. An answer is the same the other way, with IFSD. A character takes
12 elementary time units (no extra guard time, §11.2), and 22 pass before the other side speaks (§11.4.3).
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cardreader.host.transport import CardChannel

# TA3 of our ATR (§11.4.2); readers ask for an IFSD of 254 at once.
IFSC_BYTES: Final = 254
IFSD_BYTES: Final = 254
_AROUND_BYTES: Final = 4
_CHARACTER_ETU: Final = 12
_TURN_ETU: Final = 22


class Traffic(NamedTuple):
    """What was sent in both directions: `turns` is how often the other side began to speak."""

    wire_bytes: int
    turns: int

    def __add__(self, other: object) -> "Traffic":
        """Both together."""
        assert isinstance(other, Traffic)
        return Traffic(self.wire_bytes + other.wire_bytes, self.turns + other.turns)

    def seconds(self, bits_per_second: int) -> float:
        """How long the line is busy; what the card itself computes and writes is not in it."""
        return (self.wire_bytes * _CHARACTER_ETU + self.turns * _TURN_ETU) / bits_per_second


def one_way(data_bytes: int, block_bytes: int) -> Traffic:
    """A command or an answer of so many bytes, with the blocks that answer its parts."""
    blocks = max(-(-data_bytes // block_bytes), 1)
    return Traffic(data_bytes + blocks * _AROUND_BYTES + (blocks - 1) * _AROUND_BYTES, 2 * blocks - 1)


@dataclass
class Line:
    """A channel that counts what its commands and answers are on the line."""

    channel: CardChannel
    traffic: Traffic = field(default=Traffic(0, 0))
    commands: int = 0

    def transmit(self, command: bytes) -> bytes:
        """As `CardChannel`."""
        answer = self.channel.transmit(command)
        self.traffic += one_way(len(command), IFSC_BYTES)
        self.traffic += one_way(len(answer), IFSD_BYTES)
        self.commands += 1
        return answer
