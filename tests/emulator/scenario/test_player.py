"""The player: who is given what at which tick, and in which order it is told."""

from dataclasses import replace
from hashlib import sha256
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from emulator.firmware.events import (
    Button,
    ButtonName,
    CardPass,
    Document,
    DocumentChannel,
    MainsOff,
    MainsOn,
    Overcurrent,
    SetLoad,
    TicksLost,
    UnsignedDate,
)
from emulator.firmware.service_point import ServicePoint
from emulator.firmware.ticks import Tick
from emulator.scenario import model
from emulator.scenario.meter_play import LED_THERE_MAX
from emulator.scenario.model import Do, EventSpec, ExpectSpec
from emulator.scenario.player import digest_of_decisions
from emulator.scenario.trace import json_line
from protocols.instants import UtcMs
from protocols.link.records import FaultShown, GateJudged
from protocols.reasons import Because, Source, Supply, SupplyReason
from tests.emulator.scenario.scripted_meter import (
    HOUR_MS,
    START_MS,
    Act,
    play_scripted,
    scenario,
    spec,
)
from tests.protocols.link.link_messages import QUESTION


def open_for(reason: SupplyReason) -> Act:
    def act(point: ServicePoint, at: int) -> None:
        point.switch(Supply.OFF, reason, Tick(at))

    return act


def close(point: ServicePoint, at: int) -> None:
    point.switch(Supply.ON, SupplyReason.RELEASE, Tick(at))


def fault(point: ServicePoint, at: int) -> None:
    point.recorder.journal(Tick(at), FaultShown("date_only", "the hour is dropped"))


def event(after_ms: int, do: Do, *meters: str, index: int = 0) -> EventSpec:
    return EventSpec(START_MS + after_ms, index, meters or ("m1",), do)


def expect(
    after_ms: int, *wanted: tuple[model.ExpectKey, str | int], meters: tuple[str, ...] = ("m1",)
) -> ExpectSpec:
    return ExpectSpec(START_MS + after_ms, 0, meters, wanted)


OFF = open_for(SupplyReason.CREDIT)


# ------------------------------------------------------------------ order


def test_an_event_comes_before_what_is_due_at_its_instant_and_an_expectation_after_it() -> None:
    played, meters = play_scripted(
        scenario(
            spec("m1"),
            events=(event(HOUR_MS, model.OvercurrentSpec()),),
            expects=(expect(HOUR_MS, ("supply", "off")),),
        ),
        {"m1": {HOUR_MS: OFF}},
    )
    assert meters["m1"].heard == [(HOUR_MS, Overcurrent())]
    assert meters["m1"].looked == [HOUR_MS, 24 * HOUR_MS]
    assert played.failures == ()


def test_events_of_one_instant_keep_the_order_of_the_file() -> None:
    events = (
        event(HOUR_MS, model.SetLoadSpec(100), index=4),
        event(HOUR_MS, model.PressSpec(ButtonName.RED), index=1),
        event(HOUR_MS, model.SetLoadSpec(300), index=2),
    )
    _, meters = play_scripted(scenario(spec("m1"), events=events), {})
    assert [heard for _, heard in meters["m1"].heard] == [SetLoad(100), Button(ButtonName.RED), SetLoad(300)]


@given(
    st.lists(st.tuples(st.sampled_from(["m1", "m2", "m3"]), st.integers(1, 5), st.booleans()), max_size=30)
)
def test_items_are_told_by_time_then_by_place_in_the_file_then_as_they_happened(
    acts: list[tuple[str, int, bool]],
) -> None:
    scripts: dict[str, dict[int, Act]] = {}
    for meter, hour, opens in acts:
        scripts.setdefault(meter, {})[hour * HOUR_MS] = OFF if opens else close
    played, _ = play_scripted(scenario(spec("m2"), spec("m3"), spec("m1")), scripts)
    places = {"m2": 0, "m3": 1, "m1": 2}
    order = [(item.true_ms, places[item.meter]) for item in played.items]
    assert order == sorted(order)
    for meter in places:
        own = [item.fields for item in played.items if item.meter == meter]
        assert all(one["to"] == next_one["from"] for one, next_one in pairwise(own))


def test_an_input_of_the_world_is_told_after_what_was_due_before_it() -> None:
    events = (event(HOUR_MS, model.SetMainsSpec(on=False)), event(HOUR_MS, model.SetLoadSpec(400)))
    script = {HOUR_MS - 1: OFF, HOUR_MS: close}
    played, _ = play_scripted(scenario(spec("m1"), events=events), {"m1": script})
    assert [(item.event, item.true_ms - START_MS) for item in played.items] == [
        ("supply", HOUR_MS - 1),
        ("input", HOUR_MS),
        ("input", HOUR_MS),
        ("supply", HOUR_MS),
    ]
    assert [item.fields for item in played.items if item.event == "input"] == [
        {"do": "mains_off"},
        {"do": "set_load", "load_w": 400},
    ]


def test_the_end_is_played_including_its_own_instant() -> None:
    played, _ = play_scripted(scenario(spec("m1"), hours=1), {"m1": {HOUR_MS: OFF, HOUR_MS + 1: close}})
    assert [item.fields["to"] for item in played.items] == [Supply.OFF]


@given(st.integers(-100, 100), st.integers(0, 23 * HOUR_MS))
def test_what_a_meter_does_is_told_at_the_true_instant_of_its_tick(drift_ppm: int, tick: int) -> None:
    played, _ = play_scripted(scenario(spec("m1", drift_ppm)), {"m1": {tick: OFF}})
    (item,) = played.items
    true_after_ms = item.true_ms - START_MS
    assert (true_after_ms - 1) * (1_000_000 + drift_ppm) < tick * 1_000_000
    assert true_after_ms * (1_000_000 + drift_ppm) >= tick * 1_000_000


@example(-100, 1)  # two instants in one tick
@given(st.integers(-100, 100), st.integers(0, 24 * HOUR_MS))
def test_an_answer_to_an_event_is_told_at_the_instant_of_the_event(drift_ppm: int, after_ms: int) -> None:
    told = event(after_ms, model.EmergencyCreditSpec())
    played, meters = play_scripted(scenario(spec("m1", drift_ppm), events=(told,)), {})
    ((tick, _),) = meters["m1"].heard
    assert tick == after_ms * (1_000_000 + drift_ppm) // 1_000_000
    (item,) = played.items
    assert item.true_ms == told.at_ms
    assert item.fields["object"] == "emergency/meter"
    assert item.fields["reason"] == "unsupported"


# ------------------------------------------------------------------ what reaches a meter


def test_each_event_of_a_card_meter_reaches_it_as_what_it_knows() -> None:
    hour = HOUR_MS
    at_ms = START_MS + hour
    table: list[tuple[Do, object]] = [
        (
            model.WitnessSpec(Source.CARD, 86_400_000, None, True, 1_000),
            CardPass(1, date_ms=UtcMs(at_ms + 86_400_000)),
        ),
        (
            model.WitnessSpec(Source.HEADEND, None, 5, False, 1_000),
            CardPass(1, date_ms=UtcMs(5), date_source=Source.HEADEND),
        ),
        (model.SetClockSpec(-1_000, None), UnsignedDate(UtcMs(at_ms - 1_000))),
        (model.SetClockSpec(None, 77), UnsignedDate(UtcMs(77))),
        (model.RtcLostSpec(), TicksLost()),
        (model.SetMainsSpec(on=False), MainsOff()),
        (model.SetMainsSpec(on=True), MainsOn()),
        (model.HoldSpec("h", 10, 20, 1), CardPass(1, suspend_from_ms=UtcMs(10), suspend_until_ms=UtcMs(20))),
        (
            model.ShortenHoldSpec("h", 30, 2),
            CardPass(1, suspend_from_ms=UtcMs(30), suspend_until_ms=UtcMs(30)),
        ),
        (
            model.LiftHoldSpec("h", 2),
            CardPass(1, suspend_from_ms=UtcMs(at_ms), suspend_until_ms=UtcMs(at_ms)),
        ),
        (
            model.ProgrammedCutSpec("c", 99, None, None),
            CardPass(1, programmed_cut="c", programmed_cut_ms=UtcMs(99)),
        ),
        (model.CancelCutSpec("c"), CardPass(1, cancel_cut="c")),
        (
            model.TopUpSpec("p", 20_000_000, DocumentChannel.CARD),
            CardPass(1, payment="p", top_up_ueur=20_000_000),
        ),
        (model.ReleaseSpec(72), CardPass(1, restart=True)),
        (model.PressSpec(ButtonName.BREAKER), Button(ButtonName.BREAKER)),
        (model.SetLoadSpec(400), SetLoad(400)),
        (model.OvercurrentSpec(), Overcurrent()),
    ]
    for do, expected in table:
        _, meters = play_scripted(scenario(spec("m1"), events=(event(hour, do),)), {})
        assert meters["m1"].heard == [(hour, expected)], do


def test_a_shortened_hold_on_a_card_begins_where_the_hold_began() -> None:
    events = (event(1, model.HoldSpec("h", 10, 99, 1)), event(2, model.ShortenHoldSpec("h", 50, 2)))
    _, meters = play_scripted(scenario(spec("m1"), events=events), {})
    assert meters["m1"].heard[-1] == (2, CardPass(2, suspend_from_ms=UtcMs(10), suspend_until_ms=UtcMs(50)))


def test_an_event_reaches_the_meters_it_names_and_no_other() -> None:
    events = (event(5, model.SetLoadSpec(1), "m1", "m3"), event(6, model.SetLoadSpec(2), "m3"))
    _, meters = play_scripted(scenario(spec("m1"), spec("m2"), spec("m3"), events=events), {})
    assert {meter: len(meters[meter].heard) for meter in meters} == {"m1": 1, "m2": 0, "m3": 2}


def test_a_household_draws_its_own_load_until_the_file_says_another() -> None:
    events = (event(3 * HOUR_MS, model.SetLoadSpec(123)),)
    _, meters = play_scripted(scenario(spec("m1", load_w=None), events=events), {})
    ticks = [tick for tick, _ in meters["m1"].heard]
    assert meters["m1"].heard[-1] == (3 * HOUR_MS, SetLoad(123))
    assert len(ticks) > 8
    assert all(tick % 900_000 == 0 for tick in ticks)
    assert meters["m1"].point.load_w > 0


def test_after_lost_ticks_the_counter_stands_still_while_the_mains_are_off() -> None:
    events = (
        event(1 * HOUR_MS, model.RtcLostSpec()),
        event(2 * HOUR_MS, model.SetMainsSpec(on=False)),
        event(4 * HOUR_MS, model.EmergencyCreditSpec()),
        event(5 * HOUR_MS, model.SetMainsSpec(on=True)),
        event(6 * HOUR_MS, model.OvercurrentSpec()),
    )
    played, meters = play_scripted(scenario(spec("m1"), events=events), {"m1": {2 * HOUR_MS + 60_000: OFF}})
    assert meters["m1"].heard == [
        (1 * HOUR_MS, TicksLost()),
        (2 * HOUR_MS, MainsOff()),
        (2 * HOUR_MS, Document(b"")),
        (2 * HOUR_MS, TicksLost()),
        (2 * HOUR_MS, MainsOn()),
        (3 * HOUR_MS, Overcurrent()),
    ]
    told = {item.event: item.true_ms - START_MS for item in played.items}
    assert told["order"] == 4 * HOUR_MS
    assert told["supply"] == 5 * HOUR_MS + 60_000


# ------------------------------------------------------------------ expectations and decisions


def test_a_failed_expectation_tells_what_led_there() -> None:
    played, _ = play_scripted(
        scenario(spec("m1"), spec("m2"), expects=(expect(2 * HOUR_MS, ("supply", "on"), ("cuts", 1)),)),
        {"m1": {HOUR_MS: OFF, HOUR_MS + 1: fault}, "m2": {HOUR_MS: OFF}},
    )
    (failure,) = played.failures
    assert failure.item.fields == {"ok": False, "key": "supply", "expected": "on", "found": "off"}
    assert [(item.meter, item.event) for item in failure.led_there] == [("m1", "supply"), ("m1", "fault")]
    oks = [item.fields["ok"] for item in played.items if item.event == "expect"]
    assert oks == [False, True]


def test_what_led_there_begins_with_the_last_change_of_supply_however_long_ago() -> None:
    script: dict[int, Act] = {HOUR_MS: OFF}
    script |= {2 * HOUR_MS + second * 1_000: fault for second in range(40)}
    played, _ = play_scripted(
        scenario(spec("m1"), expects=(expect(3 * HOUR_MS, ("supply", "on")),)), {"m1": script}
    )
    (failure,) = played.failures
    assert [item.event for item in failure.led_there] == ["supply", *["fault"] * LED_THERE_MAX]


def test_cuts_are_changes_to_off_for_any_cause_but_safety() -> None:
    script: dict[int, Act] = {}
    for hour, reason in enumerate(SupplyReason):
        script[hour * HOUR_MS] = open_for(reason)
        script[hour * HOUR_MS + 1_000] = close
    expects = (expect(20 * HOUR_MS, ("cuts", len(SupplyReason) - 2)),)
    played, _ = play_scripted(scenario(spec("m1"), expects=expects), {"m1": script})
    assert played.failures == ()


def test_the_digest_of_decisions_is_that_of_their_sorted_lines() -> None:
    scripts = {"m2": {HOUR_MS: OFF}, "m1": {HOUR_MS: OFF, 2 * HOUR_MS: close, 3 * HOUR_MS + 999: OFF}}
    played, _ = play_scripted(scenario(spec("m2"), spec("m1"), spec("m3")), scripts)
    hour_s = START_MS // 1_000 + 3_600
    lines = f"m1 {hour_s} opened credit\nm1 {hour_s + 7_200} opened credit\nm2 {hour_s} opened credit\n"
    assert played.decisions_sha256 == sha256(lines.encode()).hexdigest()


def test_the_digest_of_no_decision_is_that_of_nothing() -> None:
    assert digest_of_decisions([]) == sha256(b"").hexdigest()


def test_a_balance_is_settled_to_the_instant_of_the_expectation_and_left_as_it_was() -> None:
    drawing = replace(spec("m1", load_w=1_000), balance_q=0)
    expects = (expect(HOUR_MS, ("balance_eur", "-0.30")), expect(2 * HOUR_MS, ("balance_eur", "-0.6")))
    played, meters = play_scripted(scenario(drawing, expects=expects), {})
    assert played.failures == ()
    assert meters["m1"].point.credit.settled_at == 0


# ------------------------------------------------------------------ tracing


def judged(point: ServicePoint, at: int) -> None:
    point.recorder.journal(Tick(at), GateJudged(False, Because.HOLD, QUESTION))


def test_a_trace_tells_everything_of_one_meter_and_counts_all() -> None:
    scripts = {"m1": {HOUR_MS: judged, HOUR_MS + 1: OFF}, "m2": {HOUR_MS: judged, HOUR_MS + 1: OFF}}
    told = scenario(
        spec("m1"), spec("m2"), expects=(expect(2 * HOUR_MS, ("supply", "on"), meters=("m1", "m2")),)
    )
    plain, _ = play_scripted(told, scripts)
    traced, _ = play_scripted(told, scripts, trace="m2")
    assert [item.event for item in plain.items] == ["supply", "supply", "expect", "expect"]
    assert [(item.meter, item.event) for item in traced.items] == [
        ("m2", "verdict"),
        ("m2", "supply"),
        ("m2", "expect"),
    ]
    assert len(traced.failures) == len(plain.failures) == 2
    assert traced.decisions_sha256 == plain.decisions_sha256


def test_the_same_scenario_gives_the_same_lines() -> None:
    told = scenario(
        spec("m1", 20, load_w=None),
        spec("m2", -20, load_w=None),
        events=(event(5, model.EmergencyCreditSpec()),),
    )
    first, second = (play_scripted(told, {"m1": {HOUR_MS: OFF}})[0] for _ in range(2))
    assert list(map(json_line, first.items)) == list(map(json_line, second.items))
