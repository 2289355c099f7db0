"""Says that this run is there, and hears of others with its key: the shell around `service.rules`.

A link answers a new birth with its whole sync. So only what a link must know carries a new sequence number
and is retained: a run that comes, or leads again. What runs ask one another repeats the last number.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final

from controller.service.carrying import Carries
from controller.service.rules import BirthHeard, RunStanding, ask_again, hear, is_forsaken, lead_again
from protocols.documents.envelope import Signer
from protocols.errors import DocumentError, RelanceError
from protocols.instants import MINUTE_MS, SECOND_MS
from protocols.link.births import Birth, open_birth, signed_status
from protocols.link.carriage import Arrival
from protocols.link.messages import ControllerStatus, read_message, write_message
from protocols.link.topics import Place
from protocols.timekeeping import Timekeeper

logger = logging.getLogger(__name__)

# Who yields asks the leader so often whether it is still there.
_ASK_EVERY_S: Final = MINUTE_MS / SECOND_MS
# At most one answer in this time, whatever is heard: forged and replayed births are cheap to send.
_ANSWER_EVERY_S: Final = 1.0
_NONCE_BYTES: Final = 16


def draw_nonce() -> str:
    """A random nonce, as `births.Birth` demands it."""
    return secrets.token_hex(_NONCE_BYTES)


class Presence:
    """One run on a broker. `leads` is False while a later run with the same key is there.

    `greet` is for each connect, `last_will` for its end; `hear` gets what arrives at `place`; `run` asks and
    answers until cancelled. `name`: what the log calls the program. `draw`: makes nonces.
    """

    def __init__(
        self,
        name: str,
        place: Place,
        signer: Signer,
        timekeeper: Timekeeper,
        draw: Callable[[], str] = draw_nonce,
    ) -> None:
        self.place = place
        self.refused = 0
        self.name = name
        self._signer = signer
        self._timekeeper = timekeeper
        self._draw = draw
        self._standing = RunStanding(nonce=draw(), started_ms=timekeeper.now_ms(), challenge=draw())
        self._carrier: Carries | None = None
        self._sequence = 0
        self._last_sequence = 0
        self._answers = ""
        self._announces = False
        self._woken = asyncio.Event()

    @property
    def nonce(self) -> str:
        """Random, one for each run: a word that echoes it was said in this run."""
        return self._standing.nonce

    @property
    def leads(self) -> bool:
        return not self._standing.leader

    def attach(self, carrier: Carries) -> None:
        """Give it its connection; once, before `greet` and `run`."""
        self._carrier = carrier

    def last_will(self) -> tuple[Place, bytes]:
        """The farewell, for the broker to publish; also published at an orderly end."""
        self._sequence = self._timekeeper.now_ms()
        return self.place, self._status(self._sequence, online=False)

    async def greet(self) -> None:
        """Say that this run is there, at a connect. Raises NotConnectedError, BrokerRefusedError."""
        self._standing = ask_again(self._standing, self._draw())
        await self._publish(announces=self.leads)

    def hear(self, arrival: Arrival) -> None:
        """Take in what came at our place; a birth of another key is counted in `refused`."""
        try:
            status = read_message(arrival.payload, ControllerStatus)
            birth = open_birth(status, {self._signer.keyid: self._signer.public})
        except DocumentError as error:
            self.refused += 1
            logger.debug("%s: %s", self.name, error)
            return
        if status.online:
            self._last_sequence = status.sequence
        if birth is None:
            self._hear_unsigned(status)
            return
        heard = hear(self._standing, birth)
        self._tell(birth, heard)
        self._standing = heard.standing
        self._answers = heard.answers or self._answers
        self._announces = self._announces or heard.announces
        if heard.answers or heard.announces:
            self._woken.set()

    async def run(self) -> None:
        """Answer, and while another run leads ask whether it still does, until cancelled."""
        while True:
            if not await self._was_woken():
                self._ask()
            if self._announces or self._answers:
                await self._publish_safely()
                await asyncio.sleep(_ANSWER_EVERY_S)

    async def _was_woken(self) -> bool:
        try:
            # Who leads has nobody to ask.
            async with asyncio.timeout(None if self.leads else _ASK_EVERY_S):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def _ask(self) -> None:
        """Nothing was heard for a minute: ask whether the leader is still there, or lead again."""
        if self.leads:
            return
        if is_forsaken(self._standing):
            logger.warning("%s: the other run does not answer any more; this one leads again", self.name)
            self._standing = lead_again(self._standing)
            self._announces = True
            return
        self._standing = ask_again(self._standing, self._draw())
        self._answers = self._standing.leader

    async def _publish_safely(self) -> None:
        try:
            await self._publish(announces=self._announces)
        except RelanceError as error:
            # At the next connect we greet anyway.
            logger.debug("%s: %s", self.name, error)

    async def _publish(self, *, announces: bool) -> None:
        assert self._carrier is not None, "attach a carrier first"
        if announces:
            self._sequence = max(self._timekeeper.now_ms(), self._sequence + 1)
        payload = self._status(self._sequence if announces else self._last_sequence, online=True)
        self._answers, self._announces = "", False
        await self._carrier.publish(self.place, payload, retain=announces)

    def _status(self, sequence: int, *, online: bool) -> bytes:
        own = self._standing
        birth = Birth(
            nonce=own.nonce,
            challenge=own.challenge,
            started_ms=own.started_ms,
            online=online,
            answers=self._answers,
        )
        return write_message(signed_status(birth, sequence, self._signer))

    def _hear_unsigned(self, status: ControllerStatus) -> None:
        """An older program's status, or anybody's: nobody yields to it."""
        self.refused += 1
        if self.refused == 1:
            logger.warning("%s: a status that our key has not signed is on this broker; ignored", self.name)
        if not status.online and self.leads:
            self._announces = True
            self._woken.set()

    def _tell(self, birth: Birth, heard: BirthHeard) -> None:
        before, after = self._standing, heard.standing
        if after.leader and after.leader != before.leader:
            logger.warning(
                "%s: another run with this key leads on this broker (%s); this one issues no lease and"
                " answers no time, and goes on with all that protects",
                self.name,
                birth.nonce[:8],
            )
        elif before.leader and not after.leader:
            logger.warning("%s: the other run has ended; this one leads again", self.name)
        elif heard.met:
            logger.warning(
                "%s: another run with this key is on this broker (%s), and yields to this one",
                self.name,
                birth.nonce[:8],
            )
