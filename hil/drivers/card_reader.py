"""The reader of an office: PC/SC, or a card in a file. Every command and answer is in its log."""

from collections.abc import Callable
from typing import Final

from cardreader.cli.opening import open_as_kiosk
from cardreader.cli.options import OfficeKey
from cardreader.files.meter_state import MeterState
from cardreader.host.transport import CardChannel
from cardreader.loading.contents import read_contents
from cardreader.readers.opening import open_card
from hil.capabilities import BenchError
from hil.wire_log import WireLog
from protocols.errors import RelanceError

LOG_NAME: Final = "APDU"


class TracedChannel:
    """A `CardChannel` whose commands and answers go into a log, a line of hex each."""

    def __init__(self, channel: CardChannel, log: WireLog) -> None:
        self._channel = channel
        self._log = log

    def transmit(self, command: bytes) -> bytes:
        """As `CardChannel`."""
        self._log.sent(command.hex(" ").upper().encode() + b"\n")
        answer = self._channel.transmit(command)
        self._log.received(answer.hex(" ").upper().encode() + b"\n")
        return answer


class OfficeReader:
    """`CardReader` with the reader that a person names (`cardreader.readers.opening`).

    `move` asks whoever is at the bench to put the meter's card there.
    """

    def __init__(self, reader: str, fleet_key: bytes, move: Callable[[str], None]) -> None:
        self.log = WireLog(LOG_NAME)
        self._reader = reader
        self._fleet_key = fleet_key
        self._move = move

    def read(self) -> MeterState | None:
        """As `CardReader`."""
        self._move(f"Put the meter's card into the reader {self._reader}.")
        try:
            with open_card(self._reader, "reader.name") as card:
                return state_on(card, self._fleet_key, self.log)
        except BenchError:
            raise
        except RelanceError as error:
            raise BenchError(f"reader {self._reader}: the meter's card expected; {error}") from None


def state_on(card: CardChannel, fleet_key: bytes, log: WireLog) -> MeterState | None:
    """What a meter has said on a card, read with a kiosk's keys of any generation.

    Raises RelanceError as the session does.
    """
    channel = TracedChannel(card, log)
    session, _generation = open_as_kiosk(channel, None, OfficeKey(fleet_key, practice=False))
    return read_contents(session).state.state
