"""A link keeps what the controller has not acknowledged; over any network every entry arrives, once."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.events import Button, ButtonName, TicksLost
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.journal import read_body
from emulator.links.link import Link
from emulator.links.reporting import Outgoing, ReportingMeter, StoredMeter, is_event
from emulator.world.crystal import Crystal
from emulator.world.household import Household
from protocols.chain import Entry
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS, UtcMs
from protocols.link.keys import link_key
from protocols.link.messages import (
    Acked,
    ControllerStatus,
    MeterEvent,
    Status,
    Sync,
    read_message,
    read_report,
    write_acks,
    write_message,
)
from protocols.link.numbers import Numbers, joined, without_below
from protocols.link.proofs import Purpose, with_mac
from protocols.link.topics import Channel, Place
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, PROFILE, ROOT
from tests.emulator.links.link_bench import LINK, household, key_of

LIFE = 0


class Disk:
    """What the memory of one meter holds, written in one piece."""

    def __init__(self) -> None:
        self.stored: StoredMeter | None = None
        self.entries: list[Entry] = []

    def write(self, meter: str, stored: StoredMeter, entries: Sequence[Entry]) -> None:
        del meter
        self.stored = stored
        self.entries += entries


class Store:
    """A controller that stores events, and acknowledges by what it has."""

    def __init__(self) -> None:
        self.events: dict[int, bytes] = {}
        self.there = Numbers()
        self.heard = self.last_event = self.oldest = 0

    def take(self, said: Outgoing) -> None:
        if said.place.channel is Channel.SYNC:
            for holds in read_message(said.payload, Sync).meters:
                self.heard = max(self.heard, holds.number)
        elif said.place.channel is Channel.EVENTS:
            report, _, _ = read_report(said.payload)
            assert isinstance(report, MeterEvent)
            assert isinstance(report.after, int)
            held = self.events.setdefault(report.number, bytes(report.record))
            assert held == bytes(report.record), "two records under one number"
            self.there = joined(self.there, [(report.after + 1, report.number)])

    def acks(self, *, epoch: int = LIFE, heard: int | None = None, births: int = 0) -> bytes:
        there = self.there
        acked = Acked(
            meter="m1",
            epoch=epoch,
            heard=self.heard if heard is None else heard,
            upto=there.upto,
            beyond=there.beyond,
        )
        word = with_mac(msgspec.json.encode(acked), Purpose.ACK, LINK, key_of("m1"))
        return write_acks(LINK, births, [word])


ACKS = Place(Channel.ACKS, link=LINK)
Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["press", "ticks", "wait", "ack", "lose", "drop", "connect", "kill", "restore"]),
        st.integers(0, 3),
    ),
    max_size=25,
)


class Run:
    """One meter with a disk, its link, and a controller behind a network that loses what it is told to."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.now_ms = UtcMs(MONDAY_MS)
        self.store = Store()
        self.copy = Store()
        self.lossy = False
        home = household(balance_q=0)
        self.link = Link(LINK, [ReportingMeter(home, LINK, self.disk)])
        self.link.meters["m1"].save()

    @property
    def meter(self) -> ReportingMeter:
        return self.link.meters["m1"]

    def hear(self, said: list[Outgoing]) -> None:
        for each in said:
            self.link.confirm(each)
            if not self.lossy:
                self.store.take(each)

    def ack(self) -> None:
        self.hear(self.link.receive(ACKS, self.store.acks(births=self.link.births), self.now_ms))

    def wait(self, for_ms: int) -> None:
        until_ms = self.now_ms + for_ms
        while (due_ms := self.link.next_due_ms()) is not None and due_ms <= until_ms:
            self.now_ms = due_ms
            self.hear(self.link.advance(due_ms))
        self.now_ms = UtcMs(until_ms)

    def connect(self) -> None:
        self.link.disconnected()
        self.link.will()
        self.hear(self.link.connected(self.now_ms))

    def kill(self) -> None:
        """The host restarts: what is not on its disk is forgotten."""
        stored, old = self.disk.stored, self.meter.household
        assert stored is not None
        meter = GuardedMeter.restore(
            old.meter.identity, PROFILE, ROOT, stored.image, load_w=1_000, head=stored.head, epoch=LIFE
        )
        home = Household(
            "m1", meter, Crystal(0, self.now_ms), lambda _: 1_000, from_ms=self.now_ms, began_tick=meter.tick
        )
        again = ReportingMeter(home, LINK, self.disk)
        again.resume(stored, self.disk.entries)
        self.link = Link(LINK, [again], births=self.link.births)
        self.link.apply("m1", TicksLost(), self.now_ms)

    def do(self, what: str, much: int) -> None:
        match what:
            case "press":
                for _ in range(much + 1):
                    name = ButtonName.RED if much % 2 else ButtonName.BLUE
                    self.hear(self.link.apply("m1", Button(name), self.now_ms))
            case "ticks":
                self.hear(self.link.apply("m1", TicksLost(), self.now_ms))
            case "wait":
                self.wait((SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS)[much])
            case "ack":
                if not self.lossy:
                    self.ack()
            case "lose":
                self.lossy = bool(much)
            case "drop":
                self.link.disconnected()
            case "connect":
                self.connect()
            case "kill":
                self.kill()
            case "restore":
                self.store, self.copy = self.copy, Store()

    def heal(self) -> None:
        self.lossy = False
        self.connect()
        for _ in range(3):
            self.ack()
            self.wait(HOUR_MS)


def events_of(meter: ReportingMeter) -> dict[int, bytes]:
    """The events that the ring holds."""
    read = {entry.number: read_body(entry.body).record for entry in meter.entries}
    return {number: msgspec.json.encode(record) for number, record in read.items() if is_event(record)}


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_after_any_loss_kill_and_restored_store_all_that_the_ring_holds_arrives_once(
    steps: list[Step],
) -> None:
    run = Run()
    for what, much in steps:
        run.do(what, much)
    run.heal()
    held = events_of(run.meter)
    assert held.items() <= run.store.events.items()
    assert run.meter.oldest_entry == 1
    assert run.store.there.gaps(max(held, default=0)) == (), "nothing is missing, so nothing is named"
    # And the link is at rest: it tells nothing again.
    run.store = Store()
    run.wait(HOUR_MS // 2)
    assert not run.store.events


def pressed(run: Run, times: int) -> None:
    for _ in range(times):
        run.hear(run.link.apply("m1", Button(ButtonName.RED), run.now_ms))
        run.hear(run.link.apply("m1", TicksLost(), run.now_ms))


def test_what_was_published_while_nobody_listened_is_told_when_the_first_controller_answers() -> None:
    run = Run()
    run.lossy = True
    run.connect()
    pressed(run, 5)
    run.lossy = False
    birth = write_message(ControllerStatus(online=True, sequence=1))
    run.hear(run.link.receive(Place(Channel.CONTROLLER), birth, run.now_ms))
    assert not run.store.events, "the broker took them, and an older controller would not say more"
    run.ack()
    run.wait(MINUTE_MS)
    assert run.store.events == events_of(run.meter)


def test_what_the_broker_takes_counts_for_nothing_while_a_controller_acknowledges() -> None:
    run = Run()
    run.connect()
    pressed(run, 1)
    run.ack()
    assert run.meter.telling.acknowledges
    run.lossy = True
    pressed(run, 2)
    run.lossy = False
    lost = events_of(run.meter).keys() - run.store.events.keys()
    assert lost, "the broker took them, and nobody else"
    assert not any(number in run.meter.telling.there for number in lost)
    run.wait(MINUTE_MS)
    assert run.store.events == events_of(run.meter)
    # And where even that is lost, it is told a third time.
    run.store = Store()
    run.wait(2 * MINUTE_MS)
    assert lost <= run.store.events.keys()


def test_an_older_controller_that_never_acknowledges_is_told_once() -> None:
    run = Run()
    run.connect()
    pressed(run, 5)
    held = events_of(run.meter)
    assert run.store.events == held
    run.store.events.clear()
    run.wait(24 * HOUR_MS)
    run.connect()
    assert run.store.events.keys() - {max(events_of(run.meter))} <= events_of(run.meter).keys() - held.keys()


@pytest.mark.parametrize("wrong", ["key", "life", "link", "recorded"])
def test_a_forged_or_recorded_acknowledgement_makes_no_link_forget(wrong: str) -> None:
    run = Run()
    run.connect()
    pressed(run, 2)
    run.ack()
    recorded = run.store.acks()
    run.lossy = True
    pressed(run, 2)
    before = run.meter.telling.there
    forger = Store()
    forger.heard, forger.there = run.store.heard, Numbers(1_000)
    payload = {
        "key": forger.acks().replace(b'"upto":1000', b'"upto":1001'),
        "life": forger.acks(epoch=7),
        "link": forger.acks().replace(b'"link":"link-1"', b'"link":"link-2"'),
        "recorded": forger.acks(heard=run.store.heard - 1),
    }[wrong]
    run.link.receive(ACKS, payload, run.now_ms)
    assert run.meter.telling.there == before
    assert run.link.ignored
    run.lossy = False
    run.connect()
    run.store = Store()
    run.link.receive(ACKS, recorded, run.now_ms)
    assert not run.meter.telling.acknowledges, "it was made before the greeting"


def test_a_long_outage_is_told_in_shares_after_what_happens_now() -> None:
    run = Run()
    run.link.disconnected()
    pressed(run, 200)
    missing = len(events_of(run.meter))
    assert missing > 150
    run.connect()
    assert 0 < len(run.store.events) < missing / 2, "a share of them"
    before = set(run.store.events)
    pressed(run, 1)
    assert max(run.store.events) == max(events_of(run.meter)), "what happens now is told at once"
    assert min(events_of(run.meter)) in before, "the oldest first"
    for _ in range(missing):
        run.wait(SECOND_MS)
    assert run.store.events == events_of(run.meter)


def test_what_falls_off_the_ring_before_it_is_told_is_a_gap_with_its_numbers() -> None:
    run = Run()
    run.link.disconnected()
    pressed(run, 600)
    run.connect()
    run.wait(10 * MINUTE_MS)
    oldest = run.meter.oldest_entry
    assert oldest > 1
    assert run.store.there.gaps(max(run.store.events)) == ((1, oldest - 1),)
    there, lost = without_below(run.store.there, oldest)
    assert (there.beyond, lost) == ((), ((1, oldest - 1),))


def test_a_link_that_is_listed_as_offline_says_its_birth_again_once_a_minute_at_most() -> None:
    home = household()
    link = Link(LINK, [ReportingMeter(home, LINK, None)], key=link_key(b"f" * 32, LINK))
    link.will()
    link.connected(MONDAY_MS)

    def births_at(second: int, births: int) -> list[int]:
        now_ms = UtcMs(MONDAY_MS + second * SECOND_MS)
        said = [*link.advance(now_ms), *link.receive(ACKS, write_acks(LINK, births, []), now_ms)]
        return [read_message(e.payload, Status).sequence for e in said if e.place.channel is Channel.STATUS]

    assert births_at(10, 0) == []
    assert births_at(59, 0) == []
    assert births_at(60, 0) == [1], "a minute after the last one"
    assert births_at(100, 0) == []
    assert births_at(120, 1) == [1], "it was due before this was heard"
    assert births_at(600, 1) == []
    link.disconnected()
    assert births_at(900, 0) == []
