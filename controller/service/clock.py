"""The service's clock: asks the timeserver, hears the fleet, reads machine and crystal (design §6.1).

`protocols.timing` judges. Everything in the service that needs an instant asks here, and nothing reads
the system clock beside it.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Final

from sqlmodel import Session

from controller.service.carrying import Carries
from controller.service.presence import draw_nonce
from controller.timing.fleet import FleetReports
from controller.timing.store import ClockWritten
from protocols import timing as rules
from protocols.documents.roles import Root, open_signed, time_source
from protocols.errors import DocumentError
from protocols.instants import MINUTE_MS, SECOND_MS, UtcMs
from protocols.link.carriage import Arrival, NotConnectedError
from protocols.link.keys import asks_key
from protocols.link.service_time import SERVICE_TIME_TYPE, machine_of, read_answer, write_ask
from protocols.link.topics import Channel, Place
from protocols.reasons import Doubt, Source, Voice
from protocols.timekeeping import Machine
from protocols.timing import Judgement, State
from protocols.words.en.service_clock import NOT_DONE, compared_in_words, doubt_in_words

logger = logging.getLogger(__name__)

_ASK_EVERY_S: Final = 60
_ASK_AGAIN_S: Final = 5
# At the start nobody has answered yet: that is told only when it lasts.
_PATIENCE_MS: Final = 30 * SECOND_MS
# An answer that comes later is not waited for: its interval would be as wide.
_ANSWER_WITHIN_MS: Final = MINUTE_MS


class ServiceClock:
    """A `protocols.timekeeping.Timekeeper` whose instants are judged.

    `regained` is called when an answer has made it trusted; `draw` makes nonces. Several threads read it: its
    state is replaced as a whole, under a lock.
    """

    def __init__(
        self,
        root: Root,
        fleet_key: bytes,
        machine: Machine,
        regained: Callable[[], None],
        draw: Callable[[], str] = draw_nonce,
    ) -> None:
        self.root = root
        self._key = asks_key(fleet_key, Source.TIMESERVER)
        self._machine = machine
        self._regained = regained
        self._draw = draw
        self._carrier: Carries | None = None
        self._lock = Lock()
        self._state = State(machine.boot_id)
        self._fleet = FleetReports()
        self._asked: dict[str, int] = {}
        self._shares_machine: bool | None = None
        self._told: tuple[object, ...] = ()
        self._woken = asyncio.Event()
        self._patient_tick = machine.tick_ms() + _PATIENCE_MS

    def attach(self, carrier: Carries) -> None:
        """Give the clock its connection; once, before `run`."""
        self._carrier = carrier

    def now_ms(self) -> UtcMs:
        """The best estimate, whether it is trusted or not."""
        return UtcMs(self.judged().estimate_ms)

    async def sleep_until(self, instant_ms: int) -> None:
        """Sleep until the estimate has reached `instant_ms`, as the machine counts."""
        await self._machine.sleep_until(self._machine.now_ms() + instant_ms - self.now_ms())

    def judged(self) -> Judgement:
        """What the service believes now."""
        with self._lock:
            found = self._judge()
        self._tell(found)
        return found

    def written(self) -> ClockWritten:
        """What the service believes now, as the store keeps it."""
        return ClockWritten(judged=self.judged(), shares_machine=self._shares_machine)

    def look(self, session: Session) -> None:
        """Hear the fleet: its reports that the store has taken in since the last look."""
        with self._lock:
            tick = self._machine.tick_ms()
            said = self._fleet.look(session, tick)
            if said is not None:
                self._state = rules.hear(self._state, Voice.FLEET, said)

    def connected(self) -> None:
        """There is a broker now: ask at once. Meters that greet soon want the time from a trusted clock."""
        self._woken.set()

    async def run(self) -> None:
        """Ask the timeserver every minute, and more often while the clock is doubtful, until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self.ask()
            except NotConnectedError as error:
                logger.debug("clock: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASK_EVERY_S if self.judged().trusted else _ASK_AGAIN_S):
                    await self._woken.wait()

    async def ask(self) -> None:
        """Ask the timeserver once. Raises NotConnectedError without a broker."""
        assert self._carrier is not None, "attach a carrier first"
        nonce = self._draw()
        tick = self._machine.tick_ms()
        self._asked = {each: at for each, at in self._asked.items() if tick - at <= _ANSWER_WITHIN_MS}
        self._asked[nonce] = tick
        await self._carrier.publish(
            Place(Channel.SERVICE_ASK), write_ask(Source.TIMESERVER, nonce, self._key)
        )

    def handle(self, arrival: Arrival) -> None:
        """Hear an answer. One that is not signed by the timeserver, or to no ask of ours, changes nothing."""
        try:
            signed = open_signed(arrival.payload, self.root, SERVICE_TIME_TYPE)
            answer = read_answer(signed.payload)
        except DocumentError as error:
            logger.debug("clock: an answer was ignored: %s", error)
            return
        asked_tick = self._asked.get(answer.nonce)
        if asked_tick is None or time_source(signed, self.root) is not Source.TIMESERVER:
            return
        del self._asked[answer.nonce]
        tick, spread_ms = self._machine.tick_ms(), answer.spread_ms
        said = rules.claim(answer.time_ms - spread_ms, tick, answer.time_ms + spread_ms, asked_tick)
        if answer.machine:
            self._shares_machine = answer.machine == machine_of(self._machine.boot_id)
        with self._lock:
            before = self._judge().trusted
            if tick - asked_tick <= _ANSWER_WITHIN_MS:
                self._state = rules.hear(self._state, Voice.TIMESERVER, said)
            found = self._judge()
        self._tell(found)
        if found.trusted and not before:
            self._regained()

    def _judge(self) -> Judgement:
        """Read the machine's clocks and apply the rule. The caller holds the lock."""
        tick, system_ms = self._machine.tick_ms(), self._machine.now_ms()
        state = rules.begin(self._state, self._machine.boot_id)
        spread_ms = rules.SPREAD_MS
        said = rules.claim(system_ms - spread_ms, tick, system_ms + spread_ms, tick)
        self._state = rules.judge(rules.hear(state, Voice.SYSTEM, said), tick)
        return rules.judgement(self._state, tick, system_ms)

    def _tell(self, found: Judgement) -> None:
        """Log what has changed: the standing, its reason, and which voices disagree."""
        apart = tuple(each.voice for each in found.heard if not each.agrees)
        news = (found.standing, found.doubt, apart)
        if news == self._told or (found.doubt is Doubt.ALONE and found.tick_ms < self._patient_tick):
            return
        first, self._told = not self._told, news
        compared = compared_in_words([(each.voice, each.apart_ms) for each in found.heard], found.silent)
        if not found.trusted:
            logger.warning("clock: doubtful: %s (%s); %s", doubt_in_words(found.doubt), compared, NOT_DONE)
        elif apart:
            logger.warning("clock: trusted, and one is wrong: %s", compared)
        else:
            logger.log(logging.INFO if first else logging.WARNING, "clock: trusted: %s", compared)
