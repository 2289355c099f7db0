"""Protection joins: any order, any repetition, the same end; and one person never shrinks it."""

from functools import reduce
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocols.documents.bodies import Named
from protocols.documents.merging import (
    NO_TIME,
    NOTHING,
    Protection,
    Revision,
    declare,
    highest_known,
    holds_rev,
    in_force,
    knows,
    lower,
    named_in_lease,
    remember,
)
from protocols.instants import LATEST_MS
from protocols.limits import REV_MAX, REVISIONS_MAX
from protocols.reasons import Refusal


class Act(NamedTuple):
    """One document about the object: a declaration by one person, or a floor by two."""

    floor: bool
    rev: int
    from_ms: int
    until_ms: int


def apply(protection: Protection, act: Act) -> Protection:
    """A refusal changes nothing."""
    carry_out = lower if act.floor else declare
    outcome = carry_out(protection, act.rev, act.from_ms, act.until_ms)
    return protection if isinstance(outcome, Refusal) else outcome


def after(*acts: Act, held: Protection = NOTHING) -> Protection:
    return reduce(apply, acts, held)


SPANS = st.one_of(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda edges: (min(edges), max(edges))),
    st.integers(0, 40).map(lambda at: (at, at)),
)


def acts(revs: st.SearchStrategy[int], floor: st.SearchStrategy[bool]) -> st.SearchStrategy[Act]:
    return st.builds(lambda floor, rev, span: Act(floor, rev, *span), floor, revs, SPANS)


# At most REVISIONS_MAX different revs, so that nothing merges; documents of one rev may differ.
FEW = st.lists(acts(st.integers(1, REVISIONS_MAX), st.booleans()), max_size=24)
ANY_REV = st.one_of(st.integers(1, 60), st.integers(990, 2_100), st.integers(1, REV_MAX))
ONE_PERSON = st.lists(acts(ANY_REV, st.just(value=False)), max_size=50)
ANYTHING = st.lists(acts(ANY_REV, st.booleans()), max_size=50)


def hull_of_what_stays(told: list[Act]) -> tuple[int, int] | None:
    """The rule in one breath, as an oracle: the highest floors, and all that is above them."""
    floor_rev = max((act.rev for act in told if act.floor), default=0)
    staying = [act for act in told if (act.rev == floor_rev if act.floor else act.rev > floor_rev)]
    spans = [act for act in staying if act.from_ms < act.until_ms]
    return (min(act.from_ms for act in spans), max(act.until_ms for act in spans)) if spans else None


@given(data=st.data(), told=FEW)
def test_any_order_and_any_repetition_end_in_the_same_value(data: st.DataObject, told: list[Act]) -> None:
    again = data.draw(st.lists(st.sampled_from(told), max_size=8)) if told else []
    shuffled = data.draw(st.permutations([*told, *again]))

    assert after(*shuffled) == after(*told)


@given(told=FEW)
def test_in_force_are_the_highest_floor_and_all_above_it(told: list[Act]) -> None:
    assert in_force(after(*told)) == hull_of_what_stays(told)


@given(data=st.data(), told=ONE_PERSON)
def test_without_floors_that_holds_for_any_number_of_revisions_and_for_leaps(
    data: st.DataObject, told: list[Act]
) -> None:
    again = data.draw(st.lists(st.sampled_from(told), max_size=8)) if told else []
    shuffled = data.draw(st.permutations([*told, *again]))

    assert after(*shuffled) == after(*told)
    assert in_force(after(*told)) == hull_of_what_stays(told)


@given(data=st.data(), told=st.lists(acts(st.integers(1, 60), st.booleans()), max_size=60))
def test_beyond_sixteen_a_floor_may_leave_more_in_force_but_never_less(
    data: st.DataObject, told: list[Act]
) -> None:
    held = after(*data.draw(st.permutations(told)))
    least = hull_of_what_stays(told)

    if least is not None:
        found = in_force(held)
        assert found is not None
        assert found[0] <= least[0]
        assert found[1] >= least[1]


@given(told=ANYTHING, act=acts(ANY_REV, st.just(value=False)))
def test_one_person_never_shrinks_what_is_in_force(told: list[Act], act: Act) -> None:
    before, now = in_force(after(*told)), in_force(after(*told, act))
    if before is not None:
        assert now is not None
        assert now[0] <= before[0]
        assert now[1] >= before[1]


@given(told=ANYTHING, act=acts(ANY_REV, st.booleans()))
def test_a_document_repeated_at_once_changes_nothing(told: list[Act], act: Act) -> None:
    once = after(*told, act)
    assert apply(once, act) == once


@given(told=ANYTHING)
def test_a_floor_only_rises_and_memory_is_bounded(told: list[Act]) -> None:
    held = NOTHING
    for act in told:
        held, before = apply(held, act), held
        assert held.floor_rev >= before.floor_rev
        assert len(held.above) <= REVISIONS_MAX
        assert len(held.lifted) <= REVISIONS_MAX
        assert all(len(each.merged) <= REVISIONS_MAX for each in held.above)
        assert all(each.rev > held.floor_rev for each in held.above)
        assert [each.rev for each in held.above] == sorted({each.rev for each in held.above})


@given(told=ANYTHING)
def test_two_floors_numbered_after_the_highest_known_lift_anything(told: list[Act]) -> None:
    assume(all(act.rev < REV_MAX - 2 for act in told if act.floor))
    held = after(*told)
    assume(highest_known(held) < REV_MAX - 2)
    for _ in range(2):
        outcome = lower(held, highest_known(held) + 1, *NO_TIME)
        assert isinstance(outcome, Protection)
        held = outcome
    assert held.above == ()
    assert in_force(held) is None


@given(told=ANYTHING, named=ANY_REV)
def test_a_meter_knows_no_rev_that_it_was_never_told(told: list[Act], named: int) -> None:
    held = after(*told)
    told_of = {act.rev for act in told if not act.floor}
    floors = [act.rev for act in told if act.floor]

    if knows(held, Named("hold/a", revs=(named,))):
        assert named in told_of or named <= max(floors, default=0)


@given(data=st.data(), told=FEW, missed=st.sets(st.integers(0, 23)))
def test_a_meter_that_knows_what_a_lease_names_protects_exactly_as_the_controller_means(
    data: st.DataObject, told: list[Act], missed: set[int]
) -> None:
    """The point of naming: whoever has missed a document of the controller's may not cut."""
    # One document per rev here: a lease names numbers, and the controller gives each number once.
    once = list({act.rev: act for act in told}.values())
    controller = after(*once)
    meter = after(*data.draw(st.permutations([act for at, act in enumerate(once) if at not in missed])))
    named = named_in_lease("hold/a", controller)
    assert isinstance(named, Named)

    if knows(meter, named):
        assert in_force(meter) == in_force(controller)


# `+3 10-20`: one person declares revision 3; `=3 10-20`: two set a floor; `=3 -`: two lift.


def parse(line: str) -> list[Act]:
    def act(text: str) -> Act:
        number, span = text.split()
        from_ms, until_ms = NO_TIME if span == "-" else map(int, span.split("-"))
        return Act(number[0] == "=", int(number[1:]), from_ms, until_ms)

    return [act(text) for text in line.split(",")]


@pytest.mark.parametrize(
    ("told", "span"),
    [
        ("+1 10-20", "10-20"),
        ("+1 10-20, +2 15-30", "10-30"),  # extended
        ("+2 15-30, +1 10-20", "10-30"),
        ("+1 10-20, +1 12-40", "10-40"),  # one rev, two contents: both protect
        ("+1 10-20, +2 12-14", "10-20"),  # one person cannot shorten
        ("+1 10-20, =2 12-14", "12-14"),  # two can
        ("=2 12-14, +1 10-20", "12-14"),  # and a late declaration below changes nothing
        ("+1 10-20, =2 -", "nothing"),  # lifted
        ("=2 -, +1 10-20", "nothing"),
        ("=2 -, +2 10-20", "nothing"),
        ("=2 -, +3 10-20", "10-20"),  # declared anew
        ("+3 10-20, =2 -", "10-20"),
        ("=4 10-20, =2 -", "10-20"),  # a lower floor never replaces a higher one
        ("=2 -, =4 10-20", "10-20"),
        ("=2 10-12, =2 18-20", "10-20"),  # two floors of one rev join
        ("=2 -, =2 18-20", "18-20"),
        ("+1 10-20, +9000 10-90", "10-90"),  # a leap protects
        ("+1 10-20, +9000 10-90, =3 -", "nothing"),  # but two people need not outbid it
        ("+1 10-20, +9000 10-90, =3 -, +9000 10-90", "nothing"),  # nor is it back when repeated
        ("+1 10-20, +9000 10-90, =3 -, +4 10-15", "10-15"),
        ("+5001 10-90, =5000 -", "10-90"),  # no leap, seen from the floor that came late
        ("+1 10-20, +1001 10-90, =3 -", "10-90"),  # a step of 1000 is none
        ("+1 10-20, +1002 10-90, =1 -", "10-90"),
        ("+2001 10-90, =1 -, =1001 -, +2001 10-90", "10-90"),  # lifted as a leap, it may come as a step
    ],
)
def test_what_is_in_force_after_a_few_documents(told: str, span: str) -> None:
    found = in_force(after(*parse(told)))
    assert ("nothing" if found is None else f"{found[0]}-{found[1]}") == span


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ("+1 1-2", 1),
        ("+1 1-2, +1001 1-2", 1001),
        ("+1 1-2, +1002 1-2", 2),
        ("+1002 1-2, +1 1-2", 2),  # whichever came first
        ("+1002 1-2, +1 1-2, +500 1-2", 1002),  # a step on the way makes it none
        (f"=7 -, +{REV_MAX} 1-2, +{REV_MAX - 1} 1-2", 9),
    ],
)
def test_a_leap_counts_as_the_next_rev(told: str, counts: int) -> None:
    assert highest_known(after(*parse(told))) == counts


@pytest.mark.parametrize(
    ("told", "floor", "revs", "known"),
    [
        ("+1 1-2", 0, (1,), True),
        ("+1 1-2", 0, (1, 2), False),  # revision 2 never came: no cut
        ("+1 1-2, +3 1-2", 0, (2,), False),  # a gap is a gap
        ("+1 1-2", 0, (), True),
        ("+1 1-2", 1, (), False),  # a declaration is no floor
        ("=5 -", 3, (4, 5), True),  # a floor above all that is named
        ("=5 -", 3, (6,), False),
        ("=5 -", 6, (), False),
        ("+1 1-2, +9000 1-2", 0, (1, 9000), True),  # a leap is known by its signed number
        ("+1 1-2, +9000 1-2, =3 -", 3, (9000,), False),  # a lifted one is not
    ],
)
def test_what_a_meter_knows_of_what_a_lease_names(
    told: str, floor: int, revs: tuple[int, ...], known: bool
) -> None:
    assert knows(after(*parse(told)), Named("hold/a", floor, revs)) is known


def test_a_meter_that_holds_nothing_of_an_object_knows_only_nothing_of_it() -> None:
    assert knows(None, Named("hold/a"))
    assert not knows(None, Named("hold/a", 1))
    assert not knows(None, Named("hold/a", 0, (1,)))


def test_the_seventeenth_revision_merges_the_two_lowest_which_stay_known_but_cannot_be_named() -> None:
    sixteen = [Act(floor=False, rev=rev, from_ms=rev, until_ms=rev + 1) for rev in range(1, 17)]
    held = after(*sixteen)
    assert named_in_lease("hold/a", held) == Named("hold/a", 0, tuple(range(1, 17)))

    more = after(Act(floor=False, rev=17, from_ms=17, until_ms=18), held=held)

    assert more.above[0] == Revision(2, 1, 3, merged=(1,))
    assert knows(more, Named("hold/a", 0, tuple(range(1, 17))))
    assert named_in_lease("hold/a", more) is Refusal.TOO_MANY
    assert in_force(apply(more, Act(floor=True, rev=1, from_ms=0, until_ms=0))) == (1, 18)
    assert in_force(apply(more, Act(floor=True, rev=2, from_ms=0, until_ms=0))) == (3, 18)


def test_of_a_merged_revision_the_lowest_numbers_stay_known_and_the_rest_can_only_forbid_a_cut() -> None:
    forty = after(*(Act(floor=False, rev=rev, from_ms=rev, until_ms=rev + 1) for rev in range(1, 41)))

    assert forty.above[0] == Revision(25, 1, 26, merged=tuple(range(1, 17)))
    assert knows(forty, Named("hold/a", 0, tuple(range(1, 17))))
    assert not knows(forty, Named("hold/a", 0, (17,)))
    # Told again, a forgotten number is forgotten again.
    assert apply(forty, Act(floor=False, rev=17, from_ms=17, until_ms=18)) == forty


def test_no_number_of_lifted_leaps_fills_the_memory() -> None:
    held = NOTHING
    for number in range(3 * REVISIONS_MAX):
        held = apply(held, Act(floor=False, rev=10_000 + number, from_ms=1, until_ms=2))
        held = apply(held, Act(floor=True, rev=number + 1, from_ms=0, until_ms=0))
        assert in_force(held) is None
    assert held.lifted == tuple(range(10_000, 10_000 + REVISIONS_MAX))


@pytest.mark.parametrize("told", ["+1 5-5, +1 7-7", "=1 5-5, =1 7-7", "+1 -, +1 5-5"])
def test_one_empty_interval_is_as_good_as_another(told: str) -> None:
    assert after(*parse(told)) == after(*reversed(parse(told)))


def test_refusals_say_which_rule_they_break() -> None:
    floor = after(*parse("=5 -"))
    lifted_leap = after(*parse("+1 1-2, +9000 1-2, =3 -"))

    assert declare(floor, 5, 1, 2) is Refusal.BELOW_FLOOR
    assert declare(lifted_leap, 9000, 1, 2) is Refusal.BELOW_FLOOR
    assert lower(floor, 4, 1, 2) is Refusal.STALE_REV


def test_a_flag_is_set_for_ever_and_cleared_by_an_empty_floor() -> None:
    held = after(Act(False, 1, 5, LATEST_MS))
    assert in_force(held) == (5, LATEST_MS)
    assert in_force(apply(held, Act(True, 2, *NO_TIME))) is None


def test_a_release_is_remembered_once_and_protects_at_no_date() -> None:
    held = remember(NOTHING, 3)
    assert isinstance(held, Protection)
    assert holds_rev(held, 3)
    assert not holds_rev(held, 2)
    assert remember(held, 3) == held
    assert in_force(held) is None
    assert knows(held, Named("release/a", 0, (3,)))
