"""A link on the table: meters with everybody's keys, and a head-end that reads what they say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.links.link import Link
from emulator.links.reporting import MeterStore, Outgoing, ReportingMeter
from emulator.world.crystal import Crystal
from emulator.world.household import Household
from protocols.documents.envelope import seal
from protocols.documents.orders import TIME_TYPE, TimeAnswer, write_document
from protocols.instants import UtcMs
from protocols.link.messages import (
    MeterEvent,
    Receipt,
    Report,
    Reported,
    TimeAsk,
    is_authentic,
    read_message,
    read_report,
)
from protocols.link.topics import Channel, Place
from protocols.reasons import Source
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, PROFILE, ROOT, SIGNERS

LINK = "link-1"


def key_of(name: str) -> bytes:
    return sha256(name.encode()).digest()


def household(
    name: str = "m1",
    *,
    now_ms: int = MONDAY_MS,
    load_w: int = 1_000,
    balance_q: int = 1_000 * QUANTA_PER_EUR,
    drift_ppm: int = 0,
    epoch: int = 0,
) -> Household[GuardedMeter]:
    meter = GuardedMeter(
        Identity(name, frozenset(), key_of(name)),
        PROFILE,
        ROOT,
        balance_q=balance_q,
        load_w=load_w,
        commissioned_ms=UtcMs(now_ms),
        epoch=epoch,
    )
    return Household(
        name, meter, Crystal(drift_ppm, UtcMs(now_ms)), lambda _ms: load_w, from_ms=UtcMs(now_ms)
    )


def link_of(*households: Household[GuardedMeter], store: MeterStore | None = None) -> Link:
    return Link(LINK, [ReportingMeter(each, LINK, store) for each in households])


def orders_place(meter: str = "m1") -> Place:
    return Place(Channel.ORDERS, link=LINK, meter=meter)


def answer(ask: TimeAsk, time_ms: int) -> bytes:
    """What the authority that was asked says."""
    told = TimeAnswer(meter=ask.meter, nonce=ask.nonce, time_ms=time_ms, spread_ms=1_000)
    return seal(write_document(told), TIME_TYPE, [SIGNERS[ask.source]])


@dataclass(slots=True)
class Headend:
    """Reads everything, checks every MAC, and answers asks for the time, each with its source's lie."""

    link: Link
    now_ms: int = MONDAY_MS
    lies_ms: dict[Source, int] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    heard: list[Outgoing] = field(default_factory=list)

    def connect(self) -> None:
        self.link.will()
        self.hear(self.link.connected(UtcMs(self.now_ms)))

    def wait_until(self, instant_ms: int) -> None:
        while (due_ms := self.link.next_due_ms()) is not None and due_ms <= instant_ms:
            self.now_ms = due_ms
            self.hear(self.link.advance(due_ms))
        self.now_ms = instant_ms
        self.hear(self.link.advance(UtcMs(instant_ms)))

    def send(self, payload: bytes, place: Place | None = None) -> None:
        self.hear(self.link.receive(place or orders_place(), payload, UtcMs(self.now_ms)))

    def hear(self, said: Sequence[Outgoing]) -> None:
        for each in said:
            self.heard.append(each)
            self.link.confirm(each)
            if each.place.channel in (Channel.RECEIPTS, Channel.EVENTS, Channel.REPORTED):
                report, body, mac = read_report(each.payload)
                assert is_authentic(body, mac, key_of(report.meter))
                assert report.meter == each.place.meter
                self.reports.append(report)
        for each in said:
            if each.place.channel is Channel.TIME_ASK:
                ask = read_message(each.payload, TimeAsk)
                place = Place(Channel.TIME_ANSWER, link=each.place.link, meter=ask.meter)
                self.send(answer(ask, self.now_ms + self.lies_ms.get(ask.source, 0)), place)

    def receipts(self) -> list[Receipt]:
        return [each for each in self.reports if isinstance(each, Receipt)]

    def events(self) -> list[MeterEvent]:
        return [each for each in self.reports if isinstance(each, MeterEvent)]

    def last_reported(self, meter: str = "m1") -> Reported:
        return next(
            each for each in reversed(self.reports) if isinstance(each, Reported) and each.meter == meter
        )
