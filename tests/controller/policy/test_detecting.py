"""Offsets that cluster, progress that says unknown, releases that count supply, and `why METER`."""

from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policy import drafting
from controller.policy.drafting import Sheet
from controller.policy.explaining import EventFact, MeterFact, explain
from controller.policy.moratoriums import Reach, progress, reach_of
from controller.policy.offsets import Claim, offset_clusters
from controller.policy.orders_life import DeliveryState
from controller.policy.releasing import MeterSupply, Scope, release_progress, release_targets
from controller.policy.syncing import Standing
from emulator.firmware.effects import Noted
from protocols.documents.orders import Named
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.reasons import Source, Supply
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench

BRUSSELS = ZoneInfo("Europe/Brussels")


def claims(*offsets_ms: int, source: str = "headend") -> list[Claim]:
    return [Claim(meter=f"m{n}", source=source, offset_ms=ms) for n, ms in enumerate(offsets_ms)]


def test_a_fleet_told_a_date_a_day_ahead_is_one_cluster_with_a_name() -> None:
    spread = [DAY_MS + seconds * 1_000 for seconds in range(-5, 6)]
    (found,) = offset_clusters(claims(*spread, 3 * HOUR_MS, 40, 0))
    assert (found.source, found.meters, found.meaning) == ("headend", 11, "a day ahead")
    assert abs(found.offset_ms - DAY_MS) <= 1_000


@given(st.lists(st.integers(-120_000, 120_000), max_size=30))
def test_small_offsets_are_no_incident(offsets_ms: list[int]) -> None:
    assert offset_clusters(claims(*offsets_ms)) == []


@given(st.lists(st.integers(-(10**10), 10**10), max_size=60))
def test_every_cluster_is_narrow_and_counts_each_meter_once(offsets_ms: list[int]) -> None:
    found = offset_clusters(claims(*offsets_ms), meters_min=1)
    large = [ms for ms in offsets_ms if abs(ms) > 120_000]
    assert sum(cluster.meters for cluster in found) == len(large)
    for cluster in found:
        assert sum(abs(ms - cluster.offset_ms) <= 120_000 for ms in large) >= cluster.meters


def test_offsets_that_only_lie_in_a_row_are_no_cluster() -> None:
    """Drifting crystals: each near its neighbour, together nowhere."""
    assert offset_clusters(claims(*range(200_000, 1_200_000, 100_000))) == []


def test_of_each_meter_the_last_word_counts() -> None:
    early = claims(*[DAY_MS] * 6)
    assert offset_clusters([*early, *claims(*[0] * 6)]) != []
    late = [Claim(meter=f"m{n}", source="headend", offset_ms=HOUR_MS) for n in range(6)]
    assert [each.meaning for each in offset_clusters([*early, *late])] == ["an hour ahead: summer time"]


@given(st.dictionaries(st.sampled_from(DeliveryState), st.integers(0, 1_000)), st.booleans())
def test_progress_adds_up_and_stored_is_only_the_meters_own_word(
    counts: dict[DeliveryState, int], online: bool
) -> None:
    shown = progress((reach_of(state, link_online=online), count) for state, count in counts.items())
    assert shown.total == sum(counts.values())
    assert shown.stored == counts.get(DeliveryState.STORED, 0) + counts.get(DeliveryState.EFFECTIVE, 0)
    if not online:
        assert shown.sent == 0


def test_what_was_sent_to_a_link_that_is_away_is_unknown() -> None:
    assert reach_of(DeliveryState.SENT, link_online=False) is Reach.UNKNOWN


def test_a_release_goes_to_those_that_never_said_too() -> None:
    meters = [MeterSupply("a", Supply.ON), MeterSupply("b", Supply.OFF), MeterSupply("c", None)]
    assert release_targets(meters, Scope.OFF) == ("b", "c")
    assert release_targets(meters, Scope.ALL) == ("a", "b", "c")


def test_a_release_is_counted_by_what_meters_say() -> None:
    shown = release_progress(
        [
            (MeterSupply("a", Supply.ON), DeliveryState.EFFECTIVE),
            (MeterSupply("b", Supply.OFF), DeliveryState.STORED),
            (MeterSupply("c", Supply.OFF), DeliveryState.SENT),
            (MeterSupply("d", None), DeliveryState.TIMED_OUT),
        ]
    )
    assert (shown.restored, shown.stored, shown.sent, shown.unknown) == (1, 1, 1, 1)
    assert shown.still_off == ("b", "c")


# -- why ------------------------------------------------------------------------------------------


def told(bench: Workbench) -> list[EventFact]:
    """What a real meter noted, as it comes in."""
    notes = [effect for effect in bench.effects if isinstance(effect, Noted)]
    return [
        EventFact(
            number=number,
            time_ms=bench.began_ms + note.at,
            record=msgspec.json.encode(note.record).decode(),
        )
        for number, note in enumerate(notes, start=1)
    ]


def why(bench: Workbench, *standing: Standing) -> str:
    fact = MeterFact(
        id="m1",
        supply=bench.supply,
        supply_reason=bench.meter.point.reason,
        clock="trusted",
        next_possible_ms=None,
        reported_ms=bench.now_ms,
    )
    return "\n".join(explain(fact, told(bench), list(standing), bench.now_ms, BRUSSELS))


def test_a_cut_is_explained_by_its_own_verdict() -> None:
    bench = Workbench(balance_q=QUANTA_PER_EUR // 10)
    start_ms = MONDAY_MS + 9 * HOUR_MS
    bench.permit((start_ms, start_ms + 3 * HOUR_MS))
    for _ in range(20):
        for source in (Source.HEADEND, Source.TIMESERVER):
            bench.witness(source)
        bench.wait(30 * MINUTE_MS)
    assert bench.supply == Supply.OFF
    text = why(bench)
    assert "supply from on to off by credit" in text
    assert "Its gate was open: clock trusted" in text
    assert "The window was 2020-07-06T07:00:00Z (Monday 6 July 2020 09:00 (Europe/Brussels))" in text
    assert "Holds it knew of: none" in text


def test_the_absence_of_a_cut_is_explained_by_the_hold_that_forbade_it() -> None:
    bench = Workbench(balance_q=QUANTA_PER_EUR // 10)
    bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS), names=(Named("hold/mora", 0, (1,)),))
    bench.hold("mora", MONDAY_MS, MONDAY_MS + 10 * DAY_MS)
    bench.wait(3 * HOUR_MS)
    assert bench.supply == Supply.ON
    text = why(bench)
    assert "a cut for credit was considered at" in text
    assert "a hold forbids it: hold/mora until 2020-07-15T22:00:00Z" in text


def test_a_wrong_date_is_told_with_its_source_and_how_wrong_it_was() -> None:
    bench = Workbench()
    bench.witness(Source.TIMESERVER)
    bench.witness(Source.HEADEND, DAY_MS)
    text = why(bench)
    assert "headend told it a date 24 h ahead of its own clock" in text
    assert "disagrees" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (DeliveryState.STORED, "the meter has it"),
        (DeliveryState.SENT, "the meter has not confirmed it (sent)"),
    ],
)
def test_a_hold_is_told_with_whether_the_meter_has_it(state: DeliveryState, words: str) -> None:
    sheet = Sheet(id="o1", rev=1, now_ms=MONDAY_MS, basis="test")
    order = drafting.declare_moratorium(sheet, "mora", MONDAY_MS, MONDAY_MS + DAY_MS)
    assert words in why(Workbench(), Standing(order, state))


def test_a_meter_that_never_spoke_is_unknown() -> None:
    silent = MeterFact(
        id="m1", supply=None, supply_reason=None, clock=None, next_possible_ms=None, reported_ms=None
    )
    assert explain(silent, [], [], MONDAY_MS, BRUSSELS)[0] == "m1 has never reported: its state is unknown."
