"""The line of one kiosk: says how it stands, forwards what waits, and takes what comes down (docs/kiosk.md).

Everything that must not be lost lies in the kiosk's store, which other programs of the kiosk share. So the
line may be killed, and the broker and the controller away, for as long as they like: what is not acknowledged
is sent again. `Station` has no socket and no clock of its own: both are given.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, ParamSpec, Protocol, TypeVar

import msgspec
from sqlalchemy import Engine
from sqlmodel import Session

from cardreader.kiosk.elapsed import pass_time
from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.line_marks import SEQUENCE, boot_number, note_clock
from cardreader.kiosk.rules import Moment
from cardreader.kiosk.store import (
    asks_waiting,
    note_heard,
    note_mark,
    noted_mark,
    outgoing_after,
    reading_kiosk,
    writing_kiosk,
)
from cardreader.kiosk.tables import MeterAskRow, OutgoingRow, UpChannel
from cardreader.line.clock import ASKED, KioskClock
from cardreader.line.forgotten import take_statements
from cardreader.line.money import say_again_above, take_refund
from cardreader.line.standing import standing_in
from cardreader.line.taking import (
    limits_held,
    root_held,
    take_answer,
    take_home_part,
    take_orders,
    take_paper,
)
from protocols.decoding import read_json
from protocols.documents.envelope import read_envelope
from protocols.documents.orders import TIME_TYPE
from protocols.errors import DocumentError, RelanceError, quoted
from protocols.link.carriage import Arrival, BrokerRefusedError, NotConnectedError
from protocols.link.kiosk_words import (
    NOTHING,
    KioskAsk,
    KioskItem,
    KioskOrders,
    KioskStatus,
    read_word,
    write_word,
)
from protocols.link.proofs import Proof
from protocols.link.topics import Channel, Place
from protocols.reasons import Source
from protocols.timekeeping import Machine

logger = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

# Items that are on their way at a time, and when they are sent again.
_WINDOW: Final = 50
_AGAIN_MS: Final = 20_000
# How often the kiosk says how it stands, and asks for the time; more often while its clock is doubted.
_STATUS_MS: Final = 60_000
_DOUBTFUL_MS: Final = 10_000
_SOON_MS: Final = 500
_STEP_S: Final = 0.25
_CHANNELS: Final = {
    UpChannel.STATEMENTS.value: Channel.KIOSK_STATEMENTS,
    UpChannel.RECEIPTS.value: Channel.KIOSK_RECEIPTS,
}


class Publishes(Protocol):
    """What the station needs of a connection; `protocols.rim.carrier.Carrier` is one."""

    @property
    def connected(self) -> bool: ...

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None: ...


class Station:
    """One kiosk on its line. `draw` makes nonces. Attach a carrier, then `run`."""

    def __init__(self, home: KioskHome, store: Engine, machine: Machine, draw: Callable[[], str]) -> None:
        self.home = home
        self.clock = KioskClock(machine)
        self._store = store
        self._machine = machine
        self._draw = draw
        self._carrier: Publishes | None = None
        self._key = home.words_key
        self._sequence = 0
        self._count = 0
        self._nonce = ""
        # By number: when an item was sent, when an ask was.
        self._sent: dict[int, int] = {}
        self._asked: dict[int | None, int] = {}
        self._status_due = 0
        # Numbers of items that cannot travel: they are said once a connection, and hold up nothing.
        self._stuck: set[int] = set()
        # Threads do the work, one at a time: what is remembered here, and the clock, have no other guard.
        self._lock = asyncio.Lock()

    def attach(self, carrier: Publishes) -> None:
        """Give it the connection; once."""
        self._carrier = carrier

    @property
    def place(self) -> Place:
        """Where it says how it stands."""
        return Place(Channel.KIOSK_STATUS, kiosk=self.home.form.kiosk)

    def last_will(self) -> tuple[Place, bytes]:
        """What the broker says when the connection ends, which begins now."""
        with writing_kiosk(self._store) as session:
            self._sequence = (noted_mark(session, SEQUENCE) or 0) + 1
            note_mark(session, SEQUENCE, self._sequence)
        self._count = 0
        will = KioskStatus(kiosk=self.home.form.kiosk, online=False, sequence=self._sequence)
        return self.place, write_word(will, self._key)

    async def greet(self) -> None:
        """There is a connection, or a controller: all that is not acknowledged goes again."""
        async with self._lock:
            self._sent.clear()
            self._asked.clear()
            self._stuck.clear()
            self._status_due = 0

    async def run(self) -> None:
        """Forward what waits, until cancelled."""
        while True:
            with suppress(NotConnectedError, BrokerRefusedError):
                await self.step()
            await asyncio.sleep(_STEP_S)

    async def step(self) -> None:
        """Say, ask and forward what is due now. Raises NotConnectedError, BrokerRefusedError."""
        if self._carrier is None or not self._carrier.connected:
            return
        tick = self._machine.tick_ms()
        if tick >= self._status_due:
            judged = await self._alone(self._judge)
            self._status_due = tick + (_STATUS_MS if judged else _DOUBTFUL_MS)
            await self._say_status()
            await self._ask_for_itself()
        for place, payload in await self._alone(self._due, tick):
            await self._carrier.publish(place, payload)

    async def handle(self, arrival: Arrival) -> None:
        """Take what has come down. What is malformed or forged changes nothing, and is logged."""
        channel = arrival.place.channel
        if channel is Channel.CONTROLLER:
            await self.greet()  # a controller that begins has heard nothing of what was sent before
            return
        if arrival.retained:
            return
        try:
            if channel is Channel.KIOSK_ORDERS:
                if await self._alone(self._take, arrival.payload):
                    soon = self._machine.tick_ms() + _SOON_MS
                    self._status_due = min(self._status_due, soon)
            elif channel is Channel.KIOSK_ANSWER:
                await self._alone(self._hear_time, arrival.payload)
        except RelanceError as error:
            logger.warning("line: refused: %s", error)

    async def _alone(self, work: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
        """Work in a thread, while no other of this station does."""
        async with self._lock:
            return await asyncio.to_thread(work, *given, **named)

    async def _say_status(self) -> None:
        assert self._carrier is not None
        await self._carrier.publish(self.place, await self._alone(self._status))

    async def _ask_for_itself(self) -> None:
        assert self._carrier is not None
        for source in ASKED:
            nonce = self._draw()
            await self._alone(self.clock.asks, source, nonce)
            ask = KioskAsk(kiosk=self.home.form.kiosk, source=source, nonce=nonce, ask=NOTHING)
            await self._carrier.publish(self._place(Channel.KIOSK_ASK), write_word(ask, self._key))

    def _judge(self) -> bool:
        found = self.clock.judged()
        with writing_kiosk(self._store) as session:
            note_clock(session, found)
            pass_time(session, self._moment(), found.estimate_ms if found.trusted else None)
        return found.trusted

    def _status(self) -> bytes:
        self._nonce = self._draw()
        self._count += 1
        judged, limits, issuers = self.clock.judged(), limits_held(self.home), self.home.known_issuers()
        with writing_kiosk(self._store) as session:
            standing = standing_in(session)
            # A store that was put back to an earlier copy numbers on above what the controller has heard.
            self._sequence = max(self._sequence, noted_mark(session, SEQUENCE) or 0)
            note_mark(session, SEQUENCE, self._sequence)
        status = KioskStatus(
            kiosk=self.home.form.kiosk,
            online=True,
            sequence=self._sequence,
            count=self._count,
            nonce=self._nonce,
            clock=judged.standing,
            time_ms=judged.estimate_ms,
            limits=0 if limits is None else limits.version,
            root=root_held(self.home).version,
            issuers=0 if issuers is None else issuers.version,
            generation=self.home.cards.generation,
            oldest=self.home.cards.oldest,
            **msgspec.structs.asdict(standing),
        )
        return write_word(status, self._key)

    def _due(self, tick: int) -> list[tuple[Place, bytes]]:
        """The items and asks that are to be sent now."""
        found: list[tuple[Place, bytes]] = []
        with reading_kiosk(self._store) as session:
            rows = self._next(session)
            waiting = {row.number for row in rows}
            self._sent = {number: at for number, at in self._sent.items() if number in waiting}
            for row in rows:
                found += self._item(row, tick)
            asks = asks_waiting(session)
            unanswered = {ask.number for ask in asks}
            self._asked = {number: at for number, at in self._asked.items() if number in unanswered}
            for ask in asks:
                found += self._ask(ask, tick)
        return found

    def _next(self, session: Session) -> list[OutgoingRow]:
        """The first items that wait and can travel."""
        found, after = list[OutgoingRow](), 0
        while len(found) < _WINDOW and (page := outgoing_after(session, after, _WINDOW)):
            found += [row for row in page if row.number not in self._stuck]
            after = page[-1].number or after
        return found[:_WINDOW]

    def _item(self, row: OutgoingRow, tick: int) -> list[tuple[Place, bytes]]:
        number = row.number
        if number is None or tick - self._sent.get(number, -_AGAIN_MS) < _AGAIN_MS:
            return []
        self._sent[number] = tick
        try:
            channel = _channel_of(row)
            msgspec.json.decode(row.payload)
            body = msgspec.Raw(row.payload.strip())
            item = KioskItem(kiosk=self.home.form.kiosk, number=number, at_ms=row.at_ms, body=body)
            return [(self._place(channel), write_word(item, self._key))]
        except (DocumentError, msgspec.MsgspecError) as error:
            logger.warning("line: item %d cannot travel: %s", number, error)
            self._stuck.add(number)
            # Nothing in its place: the controller counts on no number being left out.
            item = KioskItem(kiosk=self.home.form.kiosk, number=number, at_ms=row.at_ms, body=NOTHING)
            return [(self._place(Channel.KIOSK_RECEIPTS), write_word(item, self._key))]

    def _ask(self, row: MeterAskRow, tick: int) -> list[tuple[Place, bytes]]:
        """A meter's ask, over the card that brought it."""
        if tick - self._asked.get(row.number, -_AGAIN_MS) < _AGAIN_MS:
            return []
        self._asked[row.number] = tick
        try:
            ask = KioskAsk(
                kiosk=self.home.form.kiosk,
                source=Source(row.source),
                nonce=row.nonce,
                card=row.card,
                ask=msgspec.Raw(row.word),
            )
            return [(self._place(Channel.KIOSK_ASK), write_word(ask, self._key))]
        except (DocumentError, ValueError, msgspec.MsgspecError) as error:
            logger.warning("line: an ask of meter %s cannot travel: %s", row.meter, error)
            return []

    def _take(self, payload: bytes) -> bool:
        """Take what the controller says; returns whether the kiosk has news to say at once."""
        if _is_envelope(payload):
            before, self.home = self.home, take_paper(self.home, payload)
            return before is not self.home
        orders = read_word(payload, KioskOrders, self.home.form.kiosk, self._key)
        if isinstance(orders, Proof):
            raise DocumentError(f"orders: {orders.value}")
        before, self.home = self.home, take_home_part(self.home, orders)
        with writing_kiosk(self._store) as session:
            told = False
            if orders.echo and orders.echo == self._nonce:
                note_heard(session, self._moment())
                told = orders.stored is not None and say_again_above(session, orders.stored) > 0
            told = take_orders(session, orders, self._machine.now_ms()) or told
            told = self._take_money(session, orders) or told
            behind = (noted_mark(session, SEQUENCE) or 0) > self._sequence
            if behind:
                # The store was put back: the controller knows a later connection than this one.
                self._sequence = (noted_mark(session, SEQUENCE) or 0) + 1
                note_mark(session, SEQUENCE, self._sequence)
        return told or behind or before is not self.home

    def _take_money(self, session: Session, orders: KioskOrders) -> bool:
        """Take what the office says of refunds and forgotten statements; whether it said any of these."""
        for refund in orders.refunds:
            take_refund(session, self.home, refund, self._machine.now_ms())
        return take_statements(session, self.home, orders, self._machine.now_ms())

    def _hear_time(self, payload: bytes) -> None:
        """An answer: to the kiosk itself, or to a meter; that is put onto no card while ours is doubted."""
        if read_envelope(payload).payload_type != TIME_TYPE:
            before = self.clock.judged().trusted
            self.clock.hear(payload, root_held(self.home))
            if self._judge() and not before:
                self._status_due = 0
            return
        with writing_kiosk(self._store) as session:
            take_answer(session, payload, root_held(self.home), self._machine.now_ms())

    def _moment(self) -> Moment:
        machine = self._machine
        return Moment(machine.now_ms(), machine.tick_ms(), boot_number(machine.boot_id))

    def _place(self, channel: Channel) -> Place:
        return Place(channel, kiosk=self.home.form.kiosk)


def _channel_of(row: OutgoingRow) -> Channel:
    """Raises DocumentError for a channel that is none of a kiosk's."""
    found = _CHANNELS.get(row.channel)
    if found is None:
        raise DocumentError(f"channel: {quoted(row.channel)}; allowed: {', '.join(_CHANNELS)}")
    return found


class _Sealed(msgspec.Struct, rename="camel"):
    payload_type: str


_sealed: msgspec.json.Decoder[_Sealed] = msgspec.json.Decoder(_Sealed)


def _is_envelope(payload: bytes) -> bool:
    try:
        read_json(_sealed, payload, "orders")
    except DocumentError:
        return False
    return True
