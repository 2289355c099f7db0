"""The benchmark programs run, on a tiny size, and give figures that make sense. Nothing here is timed."""

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from math import inf
from pathlib import Path

import pytest

from benchmarks import (
    before,
    cards,
    dlms,
    faces,
    fan_out,
    firmware,
    fleet_file,
    flood,
    release,
    reminders,
    report,
    signatures,
    wire,
)
from benchmarks.brokers import EMBEDDED
from benchmarks.contact_line import Traffic, one_way
from benchmarks.controller_service import FLEET_KEY
from benchmarks.datetime_loop import datetime_meter, live_all
from benchmarks.figures import Figure, Goal, figure_of, number_text, ratios
from benchmarks.households import DAYS, START_MS, QuarterMeter, commission, jump, lives, tick
from controller.exchange.key_book import KeyBook
from controller.exchange.words import IntakeRefusal, hear
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.world.loads import QUARTER_MS
from protocols.instants import DAY_MS, datetime_from_ms
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.carriage import Arrival
from protocols.link.topics import Channel, place_of, topic_of
from protocols.units import eur_from_quanta

Measure = Callable[[], list[Figure]]

# A quarter of an hour of 1 kW at 0.25 EUR/kWh.
QUARTER_EUR_MAX = Decimal("0.0625")

TINY: dict[str, Measure] = {
    "jump": lambda: firmware.measure_jump(firmware.Size(1, 1, 10, firmware.RHYTHMS[:2]), print),
    "gate": lambda: firmware.measure_gate(firmware.Size(1, 1, 10), print),
    "memory": lambda: firmware.measure_memory(firmware.Size(1, 1, 10), print),
    "signatures": lambda: signatures.measure_signatures(signatures.Size(3, 1), print),
    "intake": lambda: signatures.measure_intake(signatures.Size(3, 1), print),
    "wire": lambda: wire.measure_wire(wire.Size(8, 2, 1, (EMBEDDED,)), print),
    "cards": lambda: cards.measure_cards(cards.Size(1, 4, 1), print),
    "faces": lambda: faces.measure_faces(faces.Size(3, 1), print),
    "suite": lambda: faces.measure_suite(faces.SuiteSize(2, 1), print),
    "dlms": lambda: dlms.measure_dlms(dlms.Size(20, 1), print),
    "import": lambda: fleet_file.measure_import(fleet_file.Size(rows=50), print),
    "pages": lambda: fleet_file.measure_pages(fleet_file.Size(meters=20, pages=2), print),
    "reminders": lambda: reminders.measure_reminders(reminders.Size(households=20), print),
    "fan-out": lambda: fan_out.measure_fan_out(fan_out.Size(6, 1, (EMBEDDED,)), print),
    "service": lambda: fan_out.measure_service_memory(fan_out.Size(meters=20), print),
    "floods": lambda: flood.measure_floods(
        flood.Size(4, 3, 0.01, 0.05, 500, (EMBEDDED,), ("births of controllers",)), print
    ),
    "release": lambda: release.measure_release(release.Size(4, 1, (EMBEDDED,)), print),
}


@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_gives_figures_above_zero(name: str) -> None:
    figures = TINY[name]()
    assert figures
    for figure in figures:
        assert figure.value > 0, figure
        assert figure.spread is None or figure.spread[0] <= figure.value <= figure.spread[1]
    assert len({(figure.name, figure.note) for figure in figures}) == len(figures)


@pytest.mark.parametrize(
    ("data_bytes", "block_bytes", "wire_bytes", "turns"),
    [
        (5, 32, 9, 1),  # one block: three bytes before, one behind
        (32, 32, 36, 1),
        (33, 32, 45, 3),  # two blocks, and the one that says that the first has come
        (254, 254, 258, 1),
        (257, 254, 269, 3),
    ],
)
def test_by_t1_a_command_is_cut_into_blocks(
    data_bytes: int, block_bytes: int, wire_bytes: int, turns: int
) -> None:
    assert one_way(data_bytes, block_bytes) == Traffic(wire_bytes, turns)


def test_the_line_is_busy_for_twelve_units_a_character_and_twenty_two_a_turn() -> None:
    assert Traffic(100, 2).seconds(9_600) == pytest.approx((1_200 + 44) / 9_600)


@pytest.mark.parametrize("name", flood.FLOODS)
def test_a_flood_has_the_form_of_honest_words_and_proves_nothing(name: str) -> None:
    _, burst = flood.FLOODS[name]
    sent = list(burst(0))
    assert bool(sent) == (name != "no flood")
    for place, payload in sent:
        assert place_of(topic_of(place)) == place
        assert len(payload) <= PAYLOAD_BYTES_MAX
        heard = hear(Arrival(place, payload), KeyBook.of(FLEET_KEY))
        if place.channel in {Channel.CONTROLLER, Channel.TIME_ASK}:
            assert heard is IntakeRefusal.NOT_EXPECTED, "others hear these"
        elif isinstance(heard, IntakeRefusal):
            assert heard is IntakeRefusal.NOT_AUTHENTIC
        else:
            assert heard.unverified
            assert not heard.authentic
    assert not {payload for _, payload in sent} & {payload for _, payload in burst(1)}


def test_the_tick_that_is_measured_against_cuts_the_same_households_no_sooner() -> None:
    lived = lives(30, 1)
    jumping, ticking = ([commission(life, kind) for life in lived] for kind in (GuardedMeter, QuarterMeter))
    jump(jumping, lived)
    tick(ticking, lived)
    cuts = [(_cut_at(one), _cut_at(other)) for one, other in zip(jumping, ticking, strict=True)]
    assert any(exact for exact, _ in cuts)
    for exact, rounded in cuts:
        assert (exact is None) == (rounded is None)
        if exact is not None and rounded is not None:
            assert rounded - exact >= 0
            assert rounded % QUARTER_MS == 0
    assert all(meter.memory.tick == DAYS * DAY_MS for meter in (*jumping, *ticking))


@pytest.mark.parametrize("loads_per_day", [0, 1])
def test_the_datetime_loop_opens_for_the_same_households_in_the_same_quarter_of_an_hour(
    loads_per_day: int,
) -> None:
    lived = lives(firmware.Size().meters, loads_per_day)
    jumping = [commission(life) for life in lived]
    jump(jumping, lived)
    looping = [(datetime_meter(life), life) for life in lived]
    live_all(looping)
    exact = [_cut_at(meter) for meter in jumping]
    assert [meter.opened for meter, _ in looping] == [
        [] if at is None else [datetime_from_ms(START_MS + -(-at // QUARTER_MS) * QUARTER_MS)] for at in exact
    ]
    assert any(at is not None for at in exact)
    for jumped, (looped, _) in zip(jumping, looping, strict=True):
        credit = jumped.point.credit
        # Who is cut within a quarter of an hour has drawn less than who is cut at its end.
        assert abs(Decimal(eur_from_quanta(credit.balance_q, 6)) - looped.balance) < QUARTER_EUR_MAX
        assert abs(Decimal(eur_from_quanta(credit.emergency_left_q, 6)) - looped.emergency) < QUARTER_EUR_MAX


def _cut_at(meter: GuardedMeter) -> int | None:
    return None if meter.memory.opening is None else meter.memory.opening.tick


def test_a_meter_is_as_small_as_was_promised_also_with_all_orders_about_money() -> None:
    figures = {figure.name: figure for figure in firmware.measure_memory(firmware.Size(1, 1, 10), print)}
    plain = figures["state of a meter"]
    full = figures["state of a meter with all that is ordered about money"]
    assert plain.met, plain
    assert full.met, full
    assert full.value > plain.value + 500, "the orders were obeyed"


def test_two_meters_share_what_came_to_the_whole_fleet() -> None:
    one, two = (commission(life) for life in lives(2, 0))
    calendars = [meter.memory.calendars["calendar/season"] for meter in (one, two)]
    assert calendars[0] is calendars[1]
    assert (
        0 < firmware.own_bytes(one, two).state < firmware.own_bytes(one, commission(lives(1, 0)[0])).state * 4
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.4567, "0.457"), (25.0, "25"), (134_567.0, "135 000"), (999.6, "1 000"), (inf, "never")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_goal_is_met_at_its_edge() -> None:
    assert figure_of("x", [24.0, 25.0, 26.0], "×", goal=Goal("at least", 25)).met is True
    assert figure_of("x", [2.1], "s", goal=Goal("at most", 2)).met is False
    assert figure_of("x", [2.1], "s").met is None


def test_a_ratio_is_taken_within_a_repetition() -> None:
    assert ratios([10.0, 40.0], [1.0, 2.0]) == [10.0, 20.0]


def test_page_and_json_hold_every_figure() -> None:
    figures = [("Part", figure_of("thing", [1.0, 3.0, 2.0], "×", goal=Goal("at least", 2.5), note="a note"))]
    page = report.page(figures, {"processor": "one"}, "2020-07-02")
    assert "| thing | 2 × | 1 – 3 | ≥ 2.5 | no | a note |" in page
    found = json.loads(report.as_json(figures, {"processor": "one"}))
    assert found["machine"] == {"processor": "one"}
    assert (found["figures"][0]["value"], found["figures"][0]["met"]) == (2.0, False)


def test_an_unknown_benchmark_gets_one_line() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "jupm"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "jupm" in done.stderr


def test_two_checkouts_are_compared_turn_by_turn_in_what_both_measure() -> None:
    ours = [{"a": 10.0, "new": 1.0}, {"a": 30.0, "new": 1.0}, {"a": 9.0, "new": 1.0}]
    others = [{"a": 10.0, "old": 1.0}, {"a": 10.0, "old": 1.0}, {"a": 10.0, "old": 1.0}]
    (found,) = before.compare(ours, others)
    assert (found.name, found.value, found.spread) == ("a", 1.0, (0.9, 3.0))
