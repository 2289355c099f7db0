"""Tells links what the store has of the black boxes of their meters, and which birth of theirs (design §5).

An acknowledgement is also the question for what it leaves out. It is sent

- after events or holdings of a meter were stored, once a second at most;
- while a meter has told of events that the store lacks: after 1, 2, 4, … minutes, at most an hour;
- without any meter, to a link that is listed as offline while something comes over it: it says its birth
  again if it is there. What came may be late or recorded, so it changes nothing by itself.

Nothing of this is stored: what is lost is sent again.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.engine import reading, writing
from controller.database.tables import LinkRow
from controller.exchange.key_book import KeyBook
from controller.exchange.words import HeardArrival
from controller.meters.black_boxes import Box, boxes_of, give_up_lost, meters_with_gaps
from controller.meters.registry import NOT_HEARD, LinkState, known_meters
from controller.service.carrying import Carries
from controller.service.supervising import STORE_ERRORS, Trouble
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.link.carriage import Arrival, BrokerRefusedError, NotConnectedError
from protocols.link.messages import Acked, in_messages, write_acks
from protocols.link.proofs import Purpose, with_mac
from protocols.link.topics import Channel, Place

logger = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
# Meters that are acknowledged to in one second: some twenty messages.
_METERS_AT_ONCE: Final = 2_000
# Links whose state is looked up at once; of more that are heard in a second the rest is heard again.
_LINKS_AT_ONCE: Final = 1_000
_LOOK_EVERY_S: Final = MINUTE_MS / SECOND_MS
_ASK_AGAIN_S_MAX: Final = HOUR_MS / SECOND_MS
_DOUBLED_MAX: Final = 6

_encoder = msgspec.json.Encoder()


class _Known(Struct, frozen=True):
    """What is acknowledged to a meter."""

    link: str
    epoch: int
    heard: int
    box: Box


class Acking:
    """Sends while `run` runs; `note` and `look` say what for. `every_s`: how long it gathers."""

    def __init__(self, engine: Engine, book: KeyBook, lock: asyncio.Lock) -> None:
        self.every_s = _EVERY_S
        self._engine = engine
        self._book = book
        self._lock = lock
        self._carrier: Carries | None = None
        self._woken = asyncio.Event()
        self._meters: dict[str, None] = {}
        self._links: dict[str, None] = {}
        self._looks = False
        self._looked_s = 0.0
        # Of a meter with gaps: how often it was asked for them, and when again.
        self._asked: dict[str, tuple[int, float]] = {}
        # When a link that is listed as offline was asked last whether it is there.
        self._called_s: dict[str, float] = {}
        self._trouble = Trouble("acknowledging")

    def attach(self, carrier: Carries) -> None:
        """Give it its connection; once, before `run`."""
        self._carrier = carrier

    def note(self, stored: Sequence[Arrival]) -> None:
        """These arrivals are in the store now."""
        for arrival in stored:
            self.hear(arrival.place.link)
            if arrival.place.channel in (Channel.EVENTS, Channel.SYNC) and isinstance(arrival, HeardArrival):
                said = (word.meter for word in arrival.heard.authentic if hasattr(word, "meter"))
                self._meters |= dict.fromkeys(said)
        if self._meters:
            self._woken.set()

    def hear(self, link: str) -> None:
        """Something has come over this link."""
        if len(self._links) < _LINKS_AT_ONCE:
            self._links[link] = None
            self._woken.set()

    def look(self) -> None:
        """Look for meters with gaps, where the last look is a minute ago."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s, self._looks = now_s, True
            self._woken.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._woken.wait()
            await asyncio.sleep(self.every_s)
            self._woken.clear()
            try:
                await self._send()
            except STORE_ERRORS as error:
                await asyncio.sleep(self._trouble.met(error))
            else:
                self._trouble.over()

    async def _send(self) -> None:
        if self._looks:
            self._looks = False
            await self._look_for_gaps()
        meters = list(islice(self._meters, _METERS_AT_ONCE))
        for meter in meters:
            del self._meters[meter]
        links, self._links = self._links, {}
        if self._meters:
            self._woken.set()
        if meters or links:
            known, births = await asyncio.to_thread(self._load, meters, links)
            await self._publish(known, births)

    async def _look_for_gaps(self) -> None:
        async with self._lock:
            gaps = await asyncio.to_thread(self._gaps)
        now_s = asyncio.get_running_loop().time()
        asked: dict[str, tuple[int, float]] = {}
        for meter in gaps:
            times, due_s = self._asked.get(meter, (0, now_s))
            if due_s <= now_s:
                self._meters[meter] = None
                wait_s = min(_LOOK_EVERY_S * (1 << min(times, _DOUBLED_MAX)), _ASK_AGAIN_S_MAX)
                times, due_s = times + 1, now_s + wait_s
            asked[meter] = times, due_s
        self._asked = asked

    def _gaps(self) -> list[str]:
        with writing(self._engine) as session:
            give_up_lost(session, _METERS_AT_ONCE)
        with reading(self._engine) as session:
            return [meter for meter, _ in meters_with_gaps(session, _METERS_AT_ONCE)]

    def _load(
        self, meters: Collection[str], links: Collection[str]
    ) -> tuple[dict[str, _Known], dict[str, int]]:
        with reading(self._engine) as session:
            known = _known(session, meters)
            return known, _births(session, {*links, *(each.link for each in known.values())})

    async def _publish(self, known: Mapping[str, _Known], births: Mapping[str, int]) -> None:
        by_link: dict[str, list[bytes]] = {link: [] for link in self._to_call(births)}
        for meter, each in known.items():
            if (key := self._book.meter_key(meter)) is not None:
                by_link.setdefault(each.link, []).append(_word(meter, each, key))
        assert self._carrier is not None, "attach a carrier first"
        for link, words in by_link.items():
            for batch in list(in_messages(words)) or [()]:
                payload = write_acks(link, births.get(link, 0), batch)
                try:
                    await self._carrier.publish(Place(Channel.ACKS, link=link), payload)
                except NotConnectedError:
                    return  # all links greet again
                except BrokerRefusedError as error:
                    logger.debug("acknowledging: %s", error)

    def _to_call(self, births: Mapping[str, int]) -> list[str]:
        """The links listed as offline that may be asked now whether they are there."""
        now_s = asyncio.get_running_loop().time()
        called_s = {link: at_s for link, at_s in self._called_s.items() if now_s - at_s < _LOOK_EVERY_S}
        calls = [link for link, number in births.items() if number == 0 and link not in called_s]
        self._called_s = called_s | dict.fromkeys(calls, now_s)
        return calls


def _word(meter: str, known: _Known, key: bytes) -> bytes:
    there = known.box.there
    acked = Acked(meter=meter, epoch=known.epoch, heard=known.heard, upto=there.upto, beyond=there.beyond)
    return with_mac(_encoder.encode(acked), Purpose.ACK, known.link, key)


def _known(session: Session, meters: Collection[str]) -> dict[str, _Known]:
    rows = {name: each for name, each in known_meters(session, meters).items() if each.epoch != NOT_HEARD}
    boxes = boxes_of(session, [(name, each.epoch) for name, each in rows.items()])
    return {
        name: _Known(
            each.link, each.epoch, max(each.report_number, each.holds_number), boxes[name, each.epoch]
        )
        for name, each in rows.items()
    }


def _births(session: Session, links: Collection[str]) -> dict[str, int]:
    """The number of the birth by which each of these links is listed as online; 0: it is not."""
    found: dict[str, int] = {}
    for batch in in_batches(links):
        query = select(LinkRow.id, LinkRow.state, LinkRow.sequence).where(col(LinkRow.id).in_(batch))
        for link, state, sequence in session.exec(query):
            found[link] = sequence if state == LinkState.ONLINE else 0
    return found
