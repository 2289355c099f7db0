"""What counts as worse between two runs, as a table, and what is said of a measurement that moved."""

import pytest
from hypothesis import given

from hil.record.model import Dut, Measurement, RunRecord, StoryRecord, StoryVerdict
from hil.reports.comparing import RunDifference, Turn, compare, turn_of
from tests.hil.recorded import RELEASE, alike_runs, night, run_record, story

# Rows: before; columns: after. W worse, B better, o otherwise, = nothing changed; none: not in the run.
TURNS = """
          passed marginal not_run failed error none
passed    =      W        W       W      W     W
marginal  B      =        W       W      W     W
not_run   B      B        =       W      W     o
failed    B      B        o       =      o     o
error     B      B        o       o      =     o
none      o      o        o       W      W     =
"""
_NAMES = {verdict.name.lower(): verdict for verdict in StoryVerdict} | {"none": None}
_SIGNS = {"W": Turn.WORSE, "B": Turn.BETTER, "o": Turn.OTHER}


def _turns() -> list[tuple[StoryVerdict | None, StoryVerdict | None, str]]:
    heads, *rows = (line.split() for line in TURNS.strip().splitlines())
    return [
        (_NAMES[before], _NAMES[after], sign)
        for before, *signs in rows
        for after, sign in zip(heads, signs, strict=True)
    ]


def run_with(verdict: StoryVerdict | None) -> RunRecord:
    return run_record(*([] if verdict is None else [story("one", verdict)]))


@pytest.mark.parametrize(("before", "after", "sign"), _turns())
def test_the_table_of_turns(before: StoryVerdict | None, after: StoryVerdict | None, sign: str) -> None:
    compared = compare(run_with(before), run_with(after))
    assert [each.turn for each in compared.stories] == ([] if sign == "=" else [_SIGNS[sign]])
    assert compared.is_worse == (sign == "W")
    assert compared.same_stories == (1 if before is after is not None else 0)


@given(alike_runs(), alike_runs())
def test_what_was_better_one_way_was_not_better_the_other_way(one: RunRecord, other: RunRecord) -> None:
    there, back = compare(one, other), compare(other, one)
    assert {each.name for each in there.stories} == {each.name for each in back.stories}
    returned = {each.name: each.turn for each in back.stories}
    for each in there.stories:
        assert each.turn is turn_of(each.before, each.after)
        if each.turn is Turn.BETTER:
            assert returned[each.name] is not Turn.BETTER
    assert {(each.story, each.name) for each in there.measurements} == {
        (each.story, each.name) for each in back.measurements
    }


@given(alike_runs())
def test_a_run_is_as_good_as_itself(record: RunRecord) -> None:
    compared = compare(record, record)
    assert (compared.differences, compared.stories, compared.measurements) == ((), (), ())
    assert compared.same_stories == len(record.stories)


def measured(*measurements: Measurement, verdict: StoryVerdict = StoryVerdict.PASSED) -> StoryRecord:
    return story("one", verdict, measurements=measurements)


# value, low, high, margin of both; then: moved, room in per cent, turn.
MOVES = [
    ((812, None, 5_000, 500), (4_900, None, 5_000, 500), 4_088, -98, Turn.WORSE),  # passed to marginal
    ((4_900, None, 5_000, 500), (812, None, 5_000, 500), -4_088, 4_088, Turn.BETTER),
    ((812, None, 5_000, 500), (1_649, None, 5_000, 500), 837, -20, Turn.OTHER),
    ((0, 0, 0, 0), (1, 0, 0, 0), 1, None, Turn.WORSE),  # no room before
    ((5, 0, 10, 0), (5, 0, 8, 0), 0, -40, Turn.OTHER),  # the limit came nearer
    ((5, None, None, 0), (9, None, None, 0), 4, None, Turn.OTHER),
]


@pytest.mark.parametrize(("before", "after", "moved", "percent", "turn"), MOVES)
def test_a_move_is_told_in_its_unit_and_against_the_room_to_the_limit(
    before: tuple[int, int | None, int | None, int],
    after: tuple[int, int | None, int | None, int],
    moved: int,
    percent: int | None,
    turn: Turn,
) -> None:
    old, new = (Measurement("m", each[0], "ms", *each[1:]) for each in (before, after))
    compared = compare(run_record(measured(old)), run_record(measured(new)))
    (change,) = compared.measurements
    assert (change.moved, change.room_change_percent, change.turn) == (moved, percent, turn)
    assert compared.is_worse == (turn is Turn.WORSE)


def test_other_units_are_not_compared() -> None:
    other = Measurement("release_to_supply", 5, "s", None, 5, 0)
    (change,) = compare(run_record(measured(RELEASE)), run_record(measured(other))).measurements
    assert (change.moved, change.room_change_percent) == (None, None)


def test_a_measurement_that_is_missing_is_told_and_its_story_judges() -> None:
    compared = compare(run_record(measured(RELEASE)), run_record(measured()))
    (change,) = compared.measurements
    assert (change.before, change.after, change.turn) == (RELEASE, None, Turn.OTHER)
    assert not compared.is_worse


def test_what_got_worse_comes_first_and_the_largest_loss_of_room_before_the_others() -> None:
    names = ("a", "b", "c")
    before = measured(*(Measurement(name, 0, "s", None, 100, 10) for name in names))
    after = measured(
        *(
            Measurement(name, value, "s", None, 100, 10)
            for name, value in zip(names, (20, 95, 60), strict=True)
        )
    )
    compared = compare(run_record(before), run_record(after))
    assert [each.name for each in compared.measurements] == ["b", "c", "a"]


def test_what_a_story_measures_again_at_each_edge_is_compared_one_by_one() -> None:
    def at_edges(*late_s: int) -> RunRecord:
        return run_record(measured(*(Measurement("late", each, "s", 0, 60, 5) for each in late_s)))

    compared = compare(at_edges(30, 30, 30), at_edges(30, 58))
    assert [(each.name, each.moved, each.turn) for each in compared.measurements] == [
        ("late (2)", 28, Turn.WORSE),
        ("late (3)", None, Turn.OTHER),
    ]
    assert compared.same_measurements == 1


def test_another_bench_meter_or_program_is_named() -> None:
    before = night()
    after = run_record(
        bench="rack 2", dut=Dut("sound", "m7", "guarded", "x", "gas"), commit="", version="1.0"
    )
    assert compare(before, after).differences == (
        RunDifference("bench", "virtual", "rack 2"),
        RunDifference("serial number", "m00042", "m7"),
        RunDifference("profile", "wallonia-smart", "x"),
        RunDifference("energy", "electricity", "gas"),
        RunDifference("relance", "0.9.0", "1.0"),
        RunDifference("commit", "1a2b3c4d5e6f", ""),
    )
