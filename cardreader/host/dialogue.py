"""A dialogue with a card as a value: commands go out of it, answers go in, and at its end there is a result.

    begin ──command──▶ reader ──answer──▶ dialogue ──command──▶ … ──▶ result, or an error

It knows no reader and no time. Whoever has a reader that waits for the card runs a dialogue with `run`.
Whoever must not wait, such as a meter between two ticks, begins it with `next`, and hands in each answer when
it comes: `send`. A card that was pulled out is a dialogue that is not gone on with. Pure.
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Final, TypeVar

from cardreader.host.transport import CardChannel
from cardreader.iso7816.apdu import CardGoneError, CommandApdu, ResponseApdu, read_response

T = TypeVar("T")
# What is sent to the card, what it answers, and what the dialogue is worth at its end.
Dialogue = Generator[bytes, bytes, T]

# ISO 7816-4 §5.6. 61XX: XX more bytes are ready; 6CXX: ask again with Le = XX.
_MORE: Final = 0x61
_OTHER_LE: Final = 0x6C
_GET_RESPONSE: Final = 0xC0
# The largest answer that an extended command can ask for. A card that says `more` without end gets no more.
_ANSWER_BYTES_MAX: Final = 65_536


def run(channel: CardChannel, dialogue: Dialogue[T]) -> T:
    """Runs a dialogue over a reader that waits for each answer. Raises what dialogue and channel raise."""
    try:
        command = next(dialogue)
        while True:
            command = dialogue.send(channel.transmit(command))
    except StopIteration as end:
        value: T = end.value
        return value


def exchange(command: CommandApdu) -> Dialogue[ResponseApdu]:
    """The whole answer to a command, also where the card gives it in parts or names another Le."""
    answer = read_response((yield command.encode()))
    if answer.status >> 8 == _OTHER_LE:
        again = replace(command, ne=answer.status & 0xFF)
        answer = read_response((yield again.encode()))
    data = answer.data
    while answer.status >> 8 == _MORE:
        more = CommandApdu(0, _GET_RESPONSE, 0, 0, ne=answer.status & 0xFF or None)
        answer = read_response((yield more.encode()))
        data += answer.data
        if len(data) > _ANSWER_BYTES_MAX:
            raise CardGoneError("card: its answer has no end")
    return ResponseApdu(data, answer.status)
