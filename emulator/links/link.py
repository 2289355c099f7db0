"""A link: the data concentrator that many guarded meters share; its pure half (design §5).

Duty: deliver each message to the meters that it names, let meters act when they are due, and return the
messages that follow, in order. It knows no broker and no clock: its caller brings messages and true
instants, and publishes what it returns. States:

    offline    meters run; their records stay in their black boxes
    online     from `connected` to `disconnected`; messages are returned as things happen

At each connect it returns everything that the controller must know: the birth, what every meter holds, the
state of each, and the events that the controller does not have (`telling`). No queue has to outlive a
connection.

A broker acknowledges messages also while the controller is offline. Such an acknowledgement shows nothing;
the link publishes everything again when a controller is born, and by itself once a week. The controller
acknowledges the numbers of events itself, and says with that which birth of the link it has heard: a link
that it lists as offline says its birth again.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from emulator.firmware.effects import Effect
from emulator.firmware.events import AskTime, Document, Event
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.links.agenda import Agenda
from emulator.links.asking import Asking, next_of_rhythm, phase_of
from emulator.links.reporting import Outgoing, ReportingMeter
from emulator.links.retelling import Retelling
from emulator.links.syncing import readings_messages, sync_messages
from emulator.world.household import Household
from protocols.documents.kind_rule import Role
from protocols.errors import DocumentError
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, UtcMs
from protocols.limits import OBJECTS_MAX
from protocols.link.births import open_birth
from protocols.link.messages import ControllerStatus, Status, read_acks, read_message, write_message
from protocols.link.numbers import Numbers
from protocols.link.proofs import Purpose, with_mac
from protocols.link.topics import CARRIAGE, Channel, Place
from protocols.reasons import Source

# Every authority is asked at a connect, and again every six hours (design §4.1: width stays bounded).
ASK_EVERY_MS: Final = 6 * HOUR_MS
READ_EVERY_MS: Final = HOUR_MS
# A controller's birth makes a link publish everything again; this is for what is lost all the same.
REPEAT_EVERY_MS: Final = 7 * DAY_MS
# A link answers births with its sync so often at most: a birth costs nothing, and a sync costs much.
ANSWER_BIRTH_EVERY_MS: Final = MINUTE_MS
# A birth that was not heard is said again so often at most: anybody can claim that it was not.
BIRTH_AGAIN_MS: Final = MINUTE_MS
# Digests of fleet-wide orders delivered in one connection: many times what a meter can store.
_FLEET_ORDERS_MAX: Final = 16 * OBJECTS_MAX

# Called with each meter and its effects, for whoever watches the meters themselves.
Observer = Callable[[Household[GuardedMeter], tuple[Effect, ...]], None]


class Link:
    """One connection's meters. `births` counts connects; `keep_births` stores each new count.

    `read_every_ms`: how often every register is read. `ask_every_ms`: how often each meter asks for the
    time, in one of `ask_turns` turns (None: each at a millisecond of its own). `observe` sees all that
    the meters do. `draw` gives 32 bytes of chance, for a key that a meter draws; without it none can.
    `key` proves the link's births and last wills (`keys.link_key`); None: they are unverified. `epoch` is
    the life in which its births are counted.
    """

    def __init__(
        self,
        name: str,
        meters: Iterable[ReportingMeter],
        *,
        key: bytes | None = None,
        epoch: int = 0,
        births: int = 0,
        keep_births: Callable[[int], None] | None = None,
        read_every_ms: int = READ_EVERY_MS,
        ask_every_ms: int = ASK_EVERY_MS,
        ask_turns: int | None = None,
        observe: Observer | None = None,
        draw: Callable[[], bytes] = bytes,
    ) -> None:
        self.name = name
        self.meters = {each.household.id: each for each in meters}
        self.births = births
        self.online = False
        self.ignored = 0
        self._key = key
        self._epoch = epoch
        # The nonce of the controller's last birth, and the one that the last greeting echoed.
        self._nonce = self._echoed = ""
        self._keep_births = keep_births
        self._read_every_ms = read_every_ms
        self._observe = observe
        self._draw = draw
        self._agenda: Agenda[str] = Agenda()
        self._asking = Asking(ask_every_ms, 1 if ask_turns is None else ask_every_ms // ask_turns)
        self._read_due_ms: UtcMs | None = None
        self._repeat_due_ms: UtcMs | None = None
        self._answered_birth_ms: UtcMs | None = None
        self._answer_due_ms: UtcMs | None = None
        self._fleet_orders: set[bytes] = set()
        self._controller_birth: int | None = None
        self._controller_away = False
        # The events of each meter that the controller had before this connection: until it is known to be
        # online, what the broker takes may have reached nobody.
        self._there_before: dict[str, Numbers] = {}
        self._retelling = Retelling(self.meters)
        self._said_birth_ms: UtcMs | None = None
        self._birth_due_ms: UtcMs | None = None
        for name_of, meter in self.meters.items():
            self._agenda.put(name_of, meter.household.next_due_ms())

    # -- the connection -----------------------------------------------------------------------

    def birth(self) -> Outgoing:
        """The status that a link publishes first, retained."""
        return self._status(online=True)

    def will(self) -> Outgoing:
        """The last will, published by the broker when the connection breaks. Counts the birth to follow."""
        self.births += 1
        if self._keep_births is not None:
            self._keep_births(self.births)
        return self._status(online=False)

    def connected(self, true_ms: UtcMs) -> list[Outgoing]:
        """All that the controller must know: birth, sync, reports, asks for the time, events."""
        messages = self.advance(true_ms)
        self.online = True
        self._fleet_orders.clear()
        self._controller_away = False
        self._there_before = {name: meter.telling.there for name, meter in self.meters.items()}
        messages += [self._say_birth(true_ms), *self._publish_all(true_ms)]
        if self._read_due_ms is None:
            self._read_due_ms = next_of_rhythm(true_ms, self._read_every_ms, 0)
        self._repeat_due_ms = next_of_rhythm(true_ms, REPEAT_EVERY_MS, phase_of(self.name, REPEAT_EVERY_MS))
        return messages

    def disconnected(self) -> None:
        """The connection is gone: until the next one no message is returned and no time is asked for."""
        self.online = False
        self._asking.end()
        self._repeat_due_ms = self._answer_due_ms = self._birth_due_ms = None
        self._retelling.end()

    def sync(self) -> list[Outgoing]:
        """What each meter holds."""
        return self._syncs_of(self.meters)

    def _syncs_of(self, meters: Iterable[str]) -> list[Outgoing]:
        place = Place(Channel.SYNC, link=self.name)
        expiry_s = CARRIAGE[Channel.SYNC].expiry_s
        payloads = sync_messages(self.name, [self.meters[each].holds() for each in meters])
        return [Outgoing(place, payload, expiry_s) for payload in payloads]

    def confirm(self, sent: Outgoing) -> None:
        """The broker took a message: all that an older controller, while it is online, lets us know."""
        if sent.number and not self._controller_away:
            self.meters[sent.place.meter].telling.taken(sent.number)

    # -- what happens -------------------------------------------------------------------------

    def receive(
        self, place: Place, payload: bytes, true_ms: UtcMs, *, retained: bool = False
    ) -> list[Outgoing]:
        """A message for meters of this link. Any other is counted in `ignored`, and changes nothing."""
        if place.channel is Channel.CONTROLLER:
            return self._hear_controller(payload, true_ms, retained=retained)
        if place.channel is Channel.ACKS and place.link == self.name:
            return self._hear_acks(payload, true_ms)
        meters = self._addressed_meters(place, payload)
        messages = [each for meter in meters for each in self._deliver(meter, payload, true_ms)]
        if place.channel is Channel.TIME_ANSWER:
            for meter in meters:
                self._asking.hear(meter, self.meters[meter].household.meter.has_heard)
        return messages

    def _deliver(self, meter: str, payload: bytes, true_ms: UtcMs) -> list[Outgoing]:
        identity = self.meters[meter].household.meter.identity
        messages = self.apply(meter, Document(payload, drawn=self._draw()), true_ms)
        if self.meters[meter].household.meter.identity is identity or not self.online:
            return messages
        # Under its new key nothing else of it is heard before this.
        return [*self._syncs_of([meter]), *messages]

    def _hear_controller(self, payload: bytes, true_ms: UtcMs, *, retained: bool) -> list[Outgoing]:
        """A controller that was born after this connection has missed its messages: return them again.

        A retained birth is older than our subscription, and so than those messages.
        """
        try:
            status = read_message(payload, ControllerStatus)
        except DocumentError:
            self.ignored += 1
            return []
        self._hear_nonce(status)
        news = status.online and status.sequence != self._controller_birth
        if status.online:
            self._controller_birth = status.sequence
        elif retained:
            # It was offline when we connected: only the broker acknowledged our events.
            self._take_back()
        self._controller_away = not status.online
        if not self.online or not status.online:
            return []
        if (news and not retained) or self._greeted_a_stranger():
            last_ms = self._answered_birth_ms
            self._answer_due_ms = true_ms if last_ms is None else UtcMs(last_ms + ANSWER_BIRTH_EVERY_MS)
        return self._answer_birth(true_ms) if self._is_answer_due(true_ms) else []

    def _is_answer_due(self, true_ms: UtcMs) -> bool:
        return self._answer_due_ms is not None and self._answer_due_ms <= true_ms

    def _answer_birth(self, true_ms: UtcMs) -> list[Outgoing]:
        """Tell a controller that was born since all that it has missed."""
        self._answered_birth_ms, self._answer_due_ms = true_ms, None
        if not self._greeted_a_stranger():
            return self._publish_all(true_ms)
        # The greeting may have counted for nothing: it did not echo the nonce of this controller.
        self._take_back()
        return [self._say_birth(true_ms), *self._publish_all(true_ms)]

    def _take_back(self) -> None:
        """What the broker alone has taken since we connected is to be told again."""
        for name, there in self._there_before.items():
            if not self.meters[name].telling.acknowledges:
                self.meters[name].telling.there = there

    def _say_birth(self, true_ms: UtcMs) -> Outgoing:
        self._said_birth_ms, self._birth_due_ms = true_ms, None
        return self.birth()

    def _hear_acks(self, payload: bytes, true_ms: UtcMs) -> list[Outgoing]:
        """Let each meter know what of its black box is there; say our birth again if it was not heard."""
        try:
            acks, words = read_acks(payload)
        except DocumentError:
            self.ignored += 1
            return []
        if acks.link != self.name or not self.online:
            self.ignored += 1
            return []
        for acked, word in zip(acks.meters, words, strict=True):
            meter = self.meters.get(acked.meter)
            if meter is None or not meter.hear_ack(acked, word):
                self.ignored += 1
            else:
                self._retelling.begin([acked.meter], true_ms)
        if acks.births == self.births or self._key is None:
            self._birth_due_ms = None
        elif self._birth_due_ms is None:
            last_ms = true_ms if self._said_birth_ms is None else self._said_birth_ms
            self._birth_due_ms = max(true_ms, UtcMs(last_ms + BIRTH_AGAIN_MS))
        return [*self._birth_again(true_ms), *self._retelling.tell(true_ms)]

    def _birth_again(self, true_ms: UtcMs) -> list[Outgoing]:
        is_due = self._birth_due_ms is not None and self._birth_due_ms <= true_ms
        return [self._say_birth(true_ms)] if is_due else []

    def _greeted_a_stranger(self) -> bool:
        """Whether the last greeting did not echo the present nonce, and our lives may be new."""
        return self._nonce != self._echoed and self._is_in_a_new_life()

    def _hear_nonce(self, status: ControllerStatus) -> None:
        """Echo the nonce of a birth that the service's key has signed; anybody else's changes nothing."""
        birth = open_birth(status, self._service_keys())
        if birth is not None and birth.online:
            self._nonce = birth.nonce
            for meter in self.meters.values():
                meter.echo = birth.nonce

    def _service_keys(self) -> dict[str, bytes]:
        """The service's keys, as the root in force at these meters lists them."""
        for meter in self.meters.values():
            root = meter.household.meter.root
            rule = root.roles.get(Role.LEASE)
            return {} if rule is None else {key: bytes.fromhex(root.keys[key].public) for key in rule.keyids}
        return {}

    def _is_in_a_new_life(self) -> bool:
        """Whether the link or a meter counts in a life that a controller may not know."""
        lives = [each.household.meter.epoch for each in self.meters.values()]
        return any((self._epoch, *lives))

    def apply(self, meter: str, event: Event, true_ms: UtcMs) -> list[Outgoing]:
        """Something happens at one meter: a button, the mains, lost ticks."""
        document = event.data if isinstance(event, Document) else b""
        return self._perform(meter, self.meters[meter].household.handle(event, true_ms), true_ms, document)

    def advance(self, true_ms: UtcMs) -> list[Outgoing]:
        """Let everything due up to and including a true instant happen, in order of time."""
        messages: list[Outgoing] = []
        while (due_ms := self.next_due_ms()) is not None and due_ms <= true_ms:
            while (meter := self._agenda.pop_due(due_ms)) is not None:
                household = self.meters[meter[1]].household
                messages += self._perform(meter[1], household.advance(due_ms), due_ms)
            while (asking := self._asking.pop_due(due_ms)) is not None:
                messages += self._ask_again(asking, due_ms)
            if self._read_due_ms is not None and self._read_due_ms <= due_ms:
                messages += self._read_all(due_ms)
            if self._is_answer_due(due_ms):
                messages += self._answer_birth(due_ms)
            messages += self._birth_again(due_ms)
            messages += self._retelling.tell(due_ms)
            if self._repeat_due_ms is not None and self._repeat_due_ms <= due_ms:
                messages += self._repeat(due_ms)
        return messages

    def next_due_ms(self) -> UtcMs | None:
        """The next true instant at which `advance` has something to do; None for a link without meters."""
        agendas = (each.next_due_ms() for each in (self._agenda, self._asking, self._retelling))
        dues = (*agendas, self._read_due_ms, self._repeat_due_ms, self._answer_due_ms, self._birth_due_ms)
        return min((due_ms for due_ms in dues if due_ms is not None), default=None)

    def save(self, true_ms: UtcMs) -> None:
        """Store every meter as it is, before an orderly end of the process."""
        self.online = False
        self.advance(true_ms)
        for name, meter in self.meters.items():
            self._perform(name, meter.household.advance(true_ms), true_ms)
            meter.save()

    # -- inside -------------------------------------------------------------------------------

    def _addressed_meters(self, place: Place, payload: bytes) -> Sequence[str]:
        if place.channel is Channel.FLEET_ORDERS:
            return self._fleet_order_meters(payload)
        if place.link == self.name and place.meter in self.meters and not CARRIAGE[place.channel].upward:
            return (place.meter,)
        self.ignored += 1
        return ()

    def _fleet_order_meters(self, payload: bytes) -> Sequence[str]:
        """Every meter, once in a connection. An empty payload only clears what the broker retains."""
        digest = sha256(payload).digest()
        if not payload or digest in self._fleet_orders:
            return ()
        if len(self._fleet_orders) >= _FLEET_ORDERS_MAX:
            self._fleet_orders.clear()
        self._fleet_orders.add(digest)
        return tuple(self.meters)

    def _perform(
        self, name: str, effects: tuple[Effect, ...], true_ms: UtcMs, document: bytes = b""
    ) -> list[Outgoing]:
        meter = self.meters[name]
        self._agenda.put(name, meter.household.next_due_ms())
        if not effects:
            return []
        if self._observe is not None:
            self._observe(meter.household, effects)
        at_tick = meter.household.tick_at(true_ms)
        messages = meter.perform(effects, at_tick, true_ms, document, online=self.online)
        if self.online:
            self._retelling.note(name, true_ms)
        return messages

    def _ask_all(self, meter: str, true_ms: UtcMs) -> list[Outgoing]:
        """Begin a round of asks for the time now; the next comes at this meter's own phase of the rhythm."""
        at_tick = self.meters[meter].household.tick_at(true_ms)
        return self._ask(meter, self._asking.begin(meter, true_ms, at_tick), true_ms)

    def _ask_again(self, meter: str, true_ms: UtcMs) -> list[Outgoing]:
        """Ask whoever is due: all in a round, else those who have not answered, by whatever way."""
        household = self.meters[meter].household
        self._asking.hear(meter, household.meter.has_heard)
        return self._ask(meter, self._asking.ask_again(meter, true_ms, household.tick_at(true_ms)), true_ms)

    def _ask(self, meter: str, sources: Sequence[Source], true_ms: UtcMs) -> list[Outgoing]:
        return [each for source in sources for each in self.apply(meter, AskTime(source), true_ms)]

    def _read_all(self, due_ms: UtcMs) -> list[Outgoing]:
        self._read_due_ms = next_of_rhythm(due_ms, self._read_every_ms, 0)
        readings = []
        messages = []
        for name, meter in self.meters.items():
            messages += self._perform(name, meter.household.advance(due_ms), due_ms)
            readings.append(meter.read(meter.household.tick_at(due_ms)))
        if not self.online:
            return messages
        place = Place(Channel.READINGS, link=self.name)
        expiry_s = CARRIAGE[Channel.READINGS].expiry_s
        return messages + [
            Outgoing(place, payload, expiry_s) for payload in readings_messages(self.name, readings)
        ]

    def _publish_all(self, true_ms: UtcMs) -> list[Outgoing]:
        """What each meter holds, its state, and its events that are not there; and each asks for the time."""
        self._echoed = self._nonce
        messages = self.sync()
        for name, meter in self.meters.items():
            meter.telling.begin_anew()
            messages.append(meter.report(meter.household.tick_at(true_ms)))
            messages += self._ask_all(name, true_ms)
        self._retelling.begin(self.meters, true_ms)
        return messages + self._retelling.tell(true_ms)

    def _repeat(self, due_ms: UtcMs) -> list[Outgoing]:
        self._repeat_due_ms = UtcMs(due_ms + REPEAT_EVERY_MS)
        meters = self.meters.values()
        messages = self.sync() + [each.report(each.household.tick_at(due_ms)) for each in meters]
        for meter in meters:
            # The numbers just used must be in the memory before they are out: no ask follows that writes it.
            meter.save()
        return messages

    def _status(self, *, online: bool) -> Outgoing:
        status = Status(
            link=self.name,
            online=online,
            sequence=self.births,
            meters=len(self.meters),
            epoch=self._epoch,
            echo=self._nonce,
        )
        place, word = Place(Channel.STATUS, link=self.name), write_message(status)
        if self._key is not None:
            word = with_mac(word, Purpose.STATUS, self.name, self._key)
        return Outgoing(place, word, CARRIAGE[Channel.STATUS].expiry_s)
