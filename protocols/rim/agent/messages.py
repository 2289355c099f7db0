"""What commands and an agent say to each other: one JSON object and a line feed, each way."""

from enum import StrEnum, unique
from typing import Final

import msgspec
from msgspec import Struct

from protocols.decoding import read_json
from protocols.limits import PAYLOAD_BYTES_MAX

# What is signed fits a message; in base64 and with its frame it takes less than twice that.
LINE_BYTES_MAX: Final = 2 * PAYLOAD_BYTES_MAX


@unique
class Wish(StrEnum):
    STATUS = "status"
    SIGN = "sign"
    CLOSE = "close"


class AgentAsk(Struct, frozen=True):
    """What a command wants. `data`: the bytes to sign."""

    wish: Wish
    data: bytes = b""


class AgentAnswer(Struct, frozen=True, kw_only=True):
    """Whose key is open, how many signatures it has given, and for how long it is open yet.

    `signature` answers a wish to sign; `refused` says why there is none.
    """

    holder: str
    keyid: str
    left_ms: int
    signed: int
    signature: bytes = b""
    refused: str = ""


_asks: msgspec.json.Decoder[AgentAsk] = msgspec.json.Decoder(AgentAsk)
_answers: msgspec.json.Decoder[AgentAnswer] = msgspec.json.Decoder(AgentAnswer)


def write_line(said: AgentAsk | AgentAnswer) -> bytes:
    """What is said, as its line."""
    return msgspec.json.encode(said) + b"\n"


def read_ask(line: bytes) -> AgentAsk:
    """Raises DocumentError for anything else."""
    return read_json(_asks, line, "agent")


def read_answer(line: bytes) -> AgentAnswer:
    """Raises DocumentError for anything else."""
    return read_json(_answers, line, "agent")
