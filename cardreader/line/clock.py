"""The kiosk's own clock, judged as the service judges its own (design §6.1), with the same code.

Voices are the machine's system clock, and the answers of both time authorities to the kiosk's own nonces. The
crystal is the machine's count since its boot. While the clock is doubted no time is written onto a card.
"""

from typing import Final

from protocols import timing
from protocols.documents.envelope import read_envelope
from protocols.documents.roles import Root, open_signed, time_source
from protocols.errors import DocumentError
from protocols.instants import SECOND_MS
from protocols.link.service_time import SERVICE_TIME_TYPE, read_answer
from protocols.reasons import Source, Voice
from protocols.timekeeping import Machine
from protocols.timing import KIOSK_VOICES, Judgement, State

ASKED: Final = (Source.HEADEND, Source.TIMESERVER)
_VOICES: Final = {Source.HEADEND: Voice.HEADEND, Source.TIMESERVER: Voice.TIMESERVER}
# A later answer would bound the time no better than the system clock does.
_ANSWER_WITHIN_MS: Final = 30 * SECOND_MS


class KioskClock:
    """Hears the voices; `machine` gives the system clock and the crystal."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._state = State(machine.boot_id)
        self._asked: dict[str, tuple[Source, int]] = {}

    def asks(self, source: Source, nonce: str) -> None:
        """An ask to this authority is on its way."""
        tick = self._machine.tick_ms()
        self._asked = {
            each: asked for each, asked in self._asked.items() if tick - asked[1] <= _ANSWER_WITHIN_MS
        }
        self._asked[nonce] = (source, tick)

    def hear(self, envelope: bytes, root: Root) -> bool:
        """Hear an answer; False where it answers none of our asks, or is not signed by whom we asked.

        Raises DocumentError where it is malformed.
        """
        if read_envelope(envelope).payload_type != SERVICE_TIME_TYPE:
            raise DocumentError("answer: of another type")
        signed = open_signed(envelope, root, SERVICE_TIME_TYPE)
        answer = read_answer(signed.payload)
        asked = self._asked.get(answer.nonce)
        if asked is None or time_source(signed, root) is not asked[0]:
            return False
        del self._asked[answer.nonce]
        tick = self._machine.tick_ms()
        if tick - asked[1] > _ANSWER_WITHIN_MS:
            return False
        low_ms, high_ms = answer.time_ms - answer.spread_ms, answer.time_ms + answer.spread_ms
        said = timing.claim(low_ms, tick, high_ms, asked[1])
        state = timing.begin(self._state, self._machine.boot_id)
        self._state = timing.hear(state, _VOICES[asked[0]], said)
        return True

    def judged(self) -> Judgement:
        """What the kiosk believes now."""
        tick, system_ms = self._machine.tick_ms(), self._machine.now_ms()
        state = timing.begin(self._state, self._machine.boot_id)
        spread_ms = timing.SPREAD_MS
        said = timing.claim(system_ms - spread_ms, tick, system_ms + spread_ms, tick)
        self._state = timing.judge(timing.hear(state, Voice.SYSTEM, said), tick)
        return timing.judgement(self._state, tick, system_ms, KIOSK_VOICES)
