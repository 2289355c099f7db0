"""The pure half of a link: what comes down reaches the meters it names, what they do is said in order."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.events import Button, ButtonName, TicksLost
from emulator.firmware.guarded.image import decode_image, encode_image
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.ticks import FIRST_TICK
from emulator.links.link import ASK_EVERY_MS, Link
from emulator.links.reporting import Outgoing, ReportingMeter
from protocols.documents.bodies import HoldBody, LeaseBody, ReleaseBody
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, Scope, digest_of
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, UtcMs
from protocols.limits import PAYLOAD_BYTES_MAX, READINGS_PER_BATCH_MAX
from protocols.link.births import Birth, signed_status
from protocols.link.messages import (
    ControllerStatus,
    MeterEvent,
    Readings,
    Receipt,
    Reported,
    Status,
    Sync,
    TimeAsk,
    read_message,
    read_report,
    write_message,
)
from protocols.link.topics import Channel, Place
from protocols.reasons import ClockStatus, Source, Supply, SupplyReason
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, SIGNERS, Workbench, sign
from tests.emulator.links.link_bench import LINK, Headend, answer, household, link_of, orders_place

FLEET = Scope(fleet=True)


def hold(bench: Workbench, name: str = "moratorium", scope: Scope = FLEET) -> bytes:
    """A one-person hold of a month from now."""
    body = HoldBody(bench.now_ms, bench.now_ms + 30 * DAY_MS)
    return sign(bench.order(Kind.HOLD, name, body, scope=scope))


def channels(headend: Headend) -> list[Channel]:
    return [each.place.channel for each in headend.heard]


def test_a_connect_says_birth_then_sync_then_the_state_of_each_meter_then_asks_two_authorities() -> None:
    headend = Headend(link_of(household("m1")))
    headend.connect()
    said = headend.heard[:5]
    assert [each.place.channel for each in said] == [
        Channel.STATUS,
        Channel.SYNC,
        Channel.REPORTED,
        Channel.TIME_ASK,
        Channel.TIME_ASK,
    ]
    birth = read_message(said[0].payload, Status)
    will = read_message(headend.link.will().payload, Status)
    assert (birth.online, birth.sequence, birth.meters) == (True, 1, 1)
    assert (will.online, will.sequence) == (False, 2)
    sync = read_message(said[1].payload, Sync)
    assert (sync.more, sync.meters[0].meter, sync.meters[0].firmware) == (False, "m1", "guarded")


def test_a_controller_born_after_the_greeting_is_told_everything_again_and_once() -> None:
    headend = Headend(link_of(household("m1")))
    headend.connect()
    place, now_ms = Place(Channel.CONTROLLER), headend.now_ms

    def birth(sequence: int, *, online: bool = True, retained: bool = False) -> list[Channel]:
        payload = write_message(ControllerStatus(online=online, sequence=sequence))
        said = headend.link.receive(place, payload, UtcMs(now_ms), retained=retained)
        return [each.place.channel for each in said]

    assert birth(1, retained=True) == [], "it was there before us and has heard our greeting"
    assert birth(1, online=False) == []
    assert birth(1) == []
    # The asks as well: the controller's own authority was not there to answer them.
    assert birth(2) == [Channel.SYNC, Channel.REPORTED, Channel.TIME_ASK, Channel.TIME_ASK]
    assert birth(2) == []


def test_an_order_is_receipted_then_reported() -> None:
    headend = Headend(link_of(household("m1")))
    headend.connect()
    before = len(headend.heard)
    bench = Workbench()
    headend.send(hold(bench))
    assert channels(headend)[before:] == [Channel.RECEIPTS, Channel.REPORTED]
    receipt = headend.receipts()[-1]
    journal = headend.link.meters["m1"].household.meter.journal
    assert (receipt.verdict, receipt.reason, receipt.number) == ("accepted", "stored", journal.head.number)
    # The same again is receipted again: a repetition, under the next number.
    headend.send(hold(bench))
    assert headend.receipts()[-1].number == receipt.number + 1


def test_a_fleet_order_reaches_every_meter_once_in_a_connection() -> None:
    headend = Headend(link_of(household("m1"), household("m2"), household("m3")))
    headend.connect()
    order = hold(Workbench())
    place = Place(Channel.FLEET_ORDERS, order="o1")
    for _ in range(3):
        headend.send(order, place)
    headend.send(b"", place)
    assert [each.meter for each in headend.receipts()] == ["m1", "m2", "m3"]
    headend.link.disconnected()
    headend.connect()
    headend.send(order, place)
    assert [(each.meter, each.reason) for each in headend.receipts()[3:]] == [
        ("m1", "repeated"),
        ("m2", "repeated"),
        ("m3", "repeated"),
    ]


def test_what_is_for_nobody_here_is_counted_and_changes_nothing() -> None:
    headend = Headend(link_of(household("m1")))
    headend.connect()
    said = len(headend.heard)
    order = hold(Workbench())
    for place in (
        orders_place("m9"),
        Place(Channel.ORDERS, link="link-2", meter="m1"),
        Place(Channel.EVENTS, link=LINK, meter="m1"),
        Place(Channel.SYNC, link=LINK),
    ):
        headend.send(order, place)
    assert (headend.link.ignored, len(headend.heard)) == (4, said)


def test_registers_are_read_every_hour_and_numbered_without_a_gap() -> None:
    headend = Headend(link_of(household("m1"), household("m2", load_w=500)))
    headend.connect()
    headend.wait_until(MONDAY_MS + 3 * HOUR_MS)
    batches = [
        read_message(e.payload, Readings) for e in headend.heard if e.place.channel is Channel.READINGS
    ]
    assert [[(r.meter, r.number, r.energy_wh) for r in batch.readings] for batch in batches] == [
        [("m1", 1, 1_000), ("m2", 1, 500)],
        [("m1", 2, 2_000), ("m2", 2, 1_000)],
        [("m1", 3, 3_000), ("m2", 3, 1_500)],
    ]


def test_two_authorities_are_asked_again_every_six_hours_and_the_clock_stays_narrow() -> None:
    headend = Headend(link_of(household("m1", drift_ppm=40), household("m2", drift_ppm=-40)))
    headend.connect()
    headend.wait_until(MONDAY_MS + 30 * DAY_MS)
    asks = channels(headend).count(Channel.TIME_ASK)
    assert abs(asks - 2 * 2 * 30 * DAY_MS // ASK_EVERY_MS) <= 8
    for meter in headend.link.meters.values():
        view = meter.household.meter.readout(meter.household.tick_at(UtcMs(headend.now_ms)))
        assert view.glance.clock is ClockStatus.TRUSTED
        assert view.latest_ms is not None
        assert view.earliest_ms <= headend.now_ms <= view.latest_ms
        assert view.latest_ms - view.earliest_ms < 6_000
    # Confirmations are no events and change nothing; that there are two of them now is told once, and once
    # a week all is said again.
    assert not headend.events()
    assert sum(isinstance(each, Reported) for each in headend.reports) == 2 * (1 + 1 + 4)
    assert channels(headend).count(Channel.SYNC) == 1 + 4


def test_a_lie_of_one_source_is_an_event_with_its_offset() -> None:
    headend = Headend(link_of(household("m1")), lies_ms={Source.HEADEND: DAY_MS})
    headend.connect()
    records = [msgspec.json.decode(event.record) for event in headend.events()]
    assert [(r["event"], r["source"], r["verdict"]) for r in records] == [("claim", "headend", "disagrees")]
    assert abs(records[0]["offset_ms"] - DAY_MS) < 1_000
    assert headend.last_reported().clock is ClockStatus.TRUSTED


def vouched(headend: Headend) -> list[tuple[str, bool, int]]:
    """Of the last report: each witness, whether it agrees, and how many hours off it was."""
    said = headend.last_reported().witnesses
    return [(each.source, each.agrees, round(each.offset_ms / HOUR_MS)) for each in said]


def test_a_report_names_both_witnesses_the_latest_first_and_a_lie_until_it_is_put_right() -> None:
    headend = Headend(link_of(household("m1")))
    headend.connect()
    assert vouched(headend) == [("headend", True, 0), ("timeserver", True, 0)]
    for witness in headend.last_reported().witnesses:
        assert witness.fresh
        assert abs(witness.heard_ms - headend.now_ms) < 2_000
    headend.lies_ms[Source.TIMESERVER] = DAY_MS
    headend.wait_until(MONDAY_MS + 6 * HOUR_MS)
    assert vouched(headend) == [("headend", True, 0), ("timeserver", False, 24)]
    assert len(headend.events()) == 1
    reports = len(headend.reports)
    headend.wait_until(MONDAY_MS + 12 * HOUR_MS)
    assert len(headend.reports) == reports + 1, "the same lie again is one event, and no report"
    del headend.lies_ms[Source.TIMESERVER]
    headend.wait_until(MONDAY_MS + 18 * HOUR_MS)
    assert vouched(headend) == [("headend", True, 0), ("timeserver", True, 0)]
    assert len(headend.events()) == 2, "that it was put right is no event"


def test_one_witness_alone_is_no_news() -> None:
    headend = Headend(link_of(household("m1")))
    headend.link.will()
    said = headend.link.connected(MONDAY_MS)
    asks = [read_message(e.payload, TimeAsk) for e in said if e.place.channel is Channel.TIME_ASK]
    place = Place(Channel.TIME_ANSWER, link=LINK, meter="m1")
    first, second = (headend.link.receive(place, answer(ask, MONDAY_MS), MONDAY_MS) for ask in asks)
    assert (first, [each.place.channel for each in second]) == ([], [Channel.REPORTED])


def test_lost_ticks_are_reported_and_two_answers_bring_the_clock_back() -> None:
    headend = Headend(link_of(household("m1")))
    headend.connect()
    headend.wait_until(MONDAY_MS + HOUR_MS)
    headend.hear(headend.link.apply("m1", TicksLost(), UtcMs(headend.now_ms)))
    assert headend.last_reported().clock is ClockStatus.LOST
    headend.wait_until(MONDAY_MS + 8 * HOUR_MS)
    assert headend.last_reported().clock is ClockStatus.TRUSTED


def test_numbers_of_reports_and_holdings_only_rise() -> None:
    headend = Headend(link_of(household("m1")))
    headend.connect()
    bench = Workbench()
    for number in range(5):
        headend.now_ms += MINUTE_MS
        bench.now_ms = headend.now_ms
        headend.send(hold(bench, f"h{number}"))
    headend.link.disconnected()
    headend.connect()
    numbers = [
        number
        for each in headend.heard
        for number in (
            [holds.number for holds in read_message(each.payload, Sync).meters]
            if each.place.channel is Channel.SYNC
            else [read_report(each.payload)[0].number]
            if each.place.channel is Channel.REPORTED
            else []
        )
    ]
    assert len(numbers) > 5
    assert numbers == sorted(set(numbers))


def test_what_was_not_confirmed_is_told_again_at_the_next_connect() -> None:
    headend = Headend(link_of(household("m1", balance_q=0)))
    headend.connect()
    headend.link.disconnected()
    assert headend.link.apply("m1", Button(ButtonName.RED), UtcMs(MONDAY_MS + MINUTE_MS)) == []
    before = len(headend.events())
    headend.now_ms += 2 * MINUTE_MS
    headend.connect()
    records = [msgspec.json.decode(event.record) for event in headend.events()[before:]]
    assert ("credit", "emergency_start") in [(r["event"], r.get("cause")) for r in records]
    again = len(headend.events())
    headend.connect()
    assert len(headend.events()) == again


def hear_controller(headend: Headend, sequence: int, *, online: bool, retained: bool = False) -> list[str]:
    """What the link says to a controller's status: the causes of the credit events in it."""
    before = len(headend.events())
    payload = write_message(ControllerStatus(online=online, sequence=sequence))
    place = Place(Channel.CONTROLLER)
    headend.hear(headend.link.receive(place, payload, UtcMs(headend.now_ms), retained=retained))
    records = [msgspec.json.decode(event.record) for event in headend.events()[before:]]
    return [record["cause"] for record in records if record["event"] == "credit"]


def test_what_the_broker_took_while_the_controller_was_away_is_told_when_it_is_born_again() -> None:
    headend = Headend(link_of(household("m1", balance_q=0)))
    headend.connect()
    assert hear_controller(headend, 1, online=True, retained=True) == []
    assert hear_controller(headend, 1, online=False) == []
    headend.hear(headend.link.apply("m1", Button(ButtonName.RED), UtcMs(headend.now_ms)))
    assert headend.events(), "it is said all the same: somebody else may listen"
    assert hear_controller(headend, 2, online=True) == ["emergency_start"]
    assert hear_controller(headend, 3, online=True) == []


def test_a_greeting_to_a_controller_that_was_gone_already_is_repeated_with_its_events() -> None:
    headend = Headend(link_of(household("m1", balance_q=0)))
    headend.connect()
    hear_controller(headend, 1, online=True, retained=True)
    headend.link.disconnected()
    headend.link.apply("m1", Button(ButtonName.RED), UtcMs(headend.now_ms))
    headend.connect()
    assert hear_controller(headend, 1, online=False, retained=True) == []
    assert hear_controller(headend, 2, online=True) == ["emergency_start"]
    headend.link.disconnected()
    told = len(headend.events())
    headend.connect()
    hear_controller(headend, 2, online=True, retained=True)
    assert len(headend.events()) == told


def test_a_release_is_reported_as_supply_on_after_its_receipt() -> None:
    bench = Workbench()
    headend = Headend(link_of(household("m1", balance_q=0)))
    headend.connect()
    bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS))
    meter = headend.link.meters["m1"].household.meter
    calendar = bench.calendar
    assert calendar is not None
    headend.send(sign(calendar))
    lease = LeaseBody(calendar.object, calendar.rev, digest_of(calendar))
    headend.send(sign(bench.order(Kind.LEASE, "m1", lease)))
    headend.wait_until(MONDAY_MS + 2 * HOUR_MS)
    assert headend.last_reported().supply is Supply.OFF
    assert meter.point.supply is Supply.OFF
    bench.now_ms = headend.now_ms
    headend.send(sign(bench.order(Kind.RELEASE, "m1", ReleaseBody(72))))
    receipt = headend.receipts()[-1]
    assert (receipt.kind, receipt.reason) == (Kind.RELEASE, "released")
    reported = headend.last_reported()
    assert (reported.supply, reported.reason) == (Supply.ON, SupplyReason.RELEASE)
    assert headend.reports.index(receipt) < headend.reports.index(reported)


# -- garbage ------------------------------------------------------------------------------------------

GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda payload: seal(payload, ORDER_TYPE, [])),
    st.just(b"[" * 4_000),
    st.just(b"x" * (PAYLOAD_BYTES_MAX + 1)),
    st.just(sign(Workbench().order(Kind.HOLD, "forged", HoldBody(MONDAY_MS, MONDAY_MS + 1)), ())),
)
PLACES = st.one_of(
    st.builds(
        Place,
        st.sampled_from(Channel),
        link=st.sampled_from([LINK, "link-2", ""]),
        meter=st.sampled_from(["m1", "m2", "m9", ""]),
        order=st.sampled_from(["o1", ""]),
    )
)


def whole(image: bytes) -> bytes:
    """An image without what garbage may move: when it was last written down."""
    memory: Memory = decode_image(image)
    memory.garbage_noted_at = None
    return encode_image(memory)


@given(st.lists(st.tuples(PLACES, GARBAGE), max_size=20))
def test_garbage_on_any_topic_changes_no_meter(flood: list[tuple[Place, bytes]]) -> None:
    flooded, quiet = (Headend(link_of(household("m1"), household("m2"))) for _ in range(2))
    for headend in (flooded, quiet):
        headend.connect()
        headend.send(hold(Workbench()))
    for place, payload in flood:
        flooded.now_ms += MINUTE_MS
        quiet.wait_until(flooded.now_ms)
        flooded.send(payload, place)
    for name, meter in flooded.link.meters.items():
        twin = quiet.link.meters[name].household
        tick = twin.tick_at(UtcMs(flooded.now_ms))
        meter.household.meter.advance(tick)
        twin.meter.advance(tick)
        assert whole(meter.household.meter.image()) == whole(twin.meter.image())
        assert meter.household.meter.point.supply is Supply.ON


@pytest.mark.parametrize("stem", ["m", "meter-with-a-very-long-name-indeed-and-then-some-more-to-it-"])
def test_messages_stay_within_the_size_limit_and_nothing_is_left_out(stem: str) -> None:
    names = [f"{stem}{number}" for number in range(250)]
    headend = Headend(link_of(*map(household, names)))
    headend.connect()
    syncs = [read_message(e.payload, Sync) for e in headend.heard if e.place.channel is Channel.SYNC]
    assert [each.more for each in syncs] == [True] * (len(syncs) - 1) + [False]
    assert [holds.meter for sync in syncs for holds in sync.meters] == names
    headend.wait_until(MONDAY_MS + HOUR_MS)
    assert all(len(each.payload) <= PAYLOAD_BYTES_MAX for each in headend.heard)
    batches = [
        read_message(e.payload, Readings) for e in headend.heard if e.place.channel is Channel.READINGS
    ]
    assert [reading.meter for batch in batches for reading in batch.readings] == names
    assert all(len(batch.readings) <= READINGS_PER_BATCH_MAX for batch in batches)


# -- lives ---------------------------------------------------------------------------------------------

LIFE = 2**52


def birth(nonce: str, signer: str = "service") -> bytes:
    said = Birth(nonce=nonce, challenge="c" * 32, started_ms=MONDAY_MS, online=True)
    return write_message(signed_status(said, 1, SIGNERS[signer]))


def echoes(said: Sequence[Outgoing]) -> list[str]:
    """What the words of these messages echo."""
    found: list[str] = []
    for each in said:
        if each.place.channel is Channel.STATUS:
            found.append(read_message(each.payload, Status).echo)
        elif each.place.channel is Channel.SYNC:
            found += [holds.echo for holds in read_message(each.payload, Sync).meters]
        elif each.place.channel is Channel.REPORTED:
            report, _, _ = read_report(each.payload)
            assert isinstance(report, Reported)
            found.append(report.echo)
    return found


def hear(link: Link, payload: bytes, *, retained: bool) -> list[Outgoing]:
    return link.receive(Place(Channel.CONTROLLER), payload, UtcMs(MONDAY_MS), retained=retained)


@pytest.mark.parametrize("life", [0, LIFE])
def test_a_new_life_greets_again_with_the_nonce_of_the_birth_that_it_hears(life: int) -> None:
    meter = household("m1", epoch=life)
    link = Link(LINK, [ReportingMeter(meter, LINK, None)], key=b"k" * 32, epoch=life)
    link.will()
    greeted = link.connected(MONDAY_MS)
    assert echoes(greeted) == ["", "", ""]
    assert hear(link, birth("a" * 32, signer="anna"), retained=True) == [], "anybody can sign a birth"
    again = hear(link, birth("a" * 32), retained=True)
    assert echoes(again) == (["a" * 32] * 3 if life else [])
    assert hear(link, birth("a" * 32), retained=True) == []
    link.disconnected()
    assert set(echoes(link.connected(UtcMs(MONDAY_MS + MINUTE_MS)))) == {"a" * 32}


def test_all_that_a_meter_says_names_its_life() -> None:
    headend = Headend(link_of(household("m1", balance_q=0, epoch=LIFE)))
    headend.connect()
    headend.send(hold(Workbench()))
    headend.hear(headend.link.apply("m1", Button(ButtonName.RED), UtcMs(headend.now_ms)))
    headend.wait_until(MONDAY_MS + HOUR_MS)
    assert {type(each) for each in headend.reports} == {Receipt, Reported, MeterEvent}
    assert {each.epoch for each in headend.reports} == {LIFE}
    for each in headend.heard:
        if each.place.channel is Channel.READINGS:
            assert {read.epoch for read in read_message(each.payload, Readings).readings} == {LIFE}


def test_what_was_recorded_of_a_life_fits_no_later_one() -> None:
    """A meter made anew asks with other nonces: an answer to a question of before is none to its own."""
    asked = []
    headends = [Headend(link_of(household("m1", epoch=epoch))) for epoch in (0, 1, LIFE)]
    for headend in headends:
        headend.link.will()
        said = headend.link.connected(MONDAY_MS)
        asked.append([read_message(e.payload, TimeAsk) for e in said if e.place.channel is Channel.TIME_ASK])
    nonces = [ask.nonce for asks in asked for ask in asks]
    assert len(set(nonces)) == len(nonces)
    assert nonces[0] == household("m1").meter.identity.nonce("time", 1), "an old image goes on as it did"
    place = Place(Channel.TIME_ANSWER, link=LINK, meter="m1")
    last = headends[-1]
    for ask in (*asked[0], *asked[1]):
        last.hear(last.link.receive(place, answer(ask, MONDAY_MS), MONDAY_MS))
    assert last.link.meters["m1"].household.meter.witnesses(FIRST_TICK) == ()


def test_however_many_births_come_a_link_syncs_once_a_minute() -> None:
    headend = Headend(link_of(household("m1")))
    headend.connect()
    before = channels(headend).count(Channel.SYNC)
    for sequence in range(1, 201):
        headend.now_ms += 100
        payload = write_message(ControllerStatus(online=True, sequence=sequence))
        headend.send(payload, Place(Channel.CONTROLLER))
    assert channels(headend).count(Channel.SYNC) == before + 1
    headend.wait_until(MONDAY_MS + 2 * MINUTE_MS)
    assert channels(headend).count(Channel.SYNC) == before + 2, "those that came since are answered once"
    headend.wait_until(MONDAY_MS + HOUR_MS)
    assert channels(headend).count(Channel.SYNC) == before + 2
