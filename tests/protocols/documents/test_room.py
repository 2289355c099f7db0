"""One person's room: bounded, never refused, the same in any order; and two people undo what one did."""

from collections.abc import Mapping, Sequence
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from protocols.documents.bodies import Body, HoldBody, LiftBody, Named, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.merging import (
    CATCH_ALL,
    NOTHING,
    Protection,
    Revision,
    declare,
    in_force,
    knows,
    lower,
    named_in_lease,
)
from protocols.documents.orders import Order, Scope, body_of, make_body
from protocols.documents.room import catch_all_of, is_beyond, join_in_table, without_what_is_over
from protocols.limits import HOLDS_PER_KEY_MAX, REV_MAX, REV_STEP_MAX, REVISIONS_MAX
from protocols.reasons import Refusal

Table = Mapping[str, Protection]
Signed = tuple[Order, str]
HOLDERS = ("anna", "bert")
NAMES = tuple(f"h{number:02}" for number in range(HOLDS_PER_KEY_MAX + 4))


def order(kind: Kind, name: str, rev: int, body: Body) -> Order:
    return Order(
        id="o",
        kind=kind,
        object=f"{KINDS[kind].prefix}/{name}",
        scope=Scope(fleet=True),
        rev=rev,
        issued_at_ms=1_600_000_000_000,
        not_before_ms=1_600_000_000_000,
        not_after_ms=1_700_000_000_000,
        basis="",
        body=make_body(body),
    )


def hold(name: str, rev: int, from_ms: int, until_ms: int) -> Order:
    base_ms = 1_600_000_000_000
    return order(Kind.HOLD, name, rev, HoldBody(base_ms + from_ms, base_ms + until_ms))


def told(signed: Sequence[Signed], table: Table | None = None) -> Table:
    def join(held: Table, each: Signed) -> Table:
        joined = join_in_table(held, *each)
        return held if isinstance(joined, Refusal) else joined

    return reduce(join, signed, {} if table is None else table)


def signed_holds(names: Sequence[str] = NAMES) -> st.SearchStrategy[Signed]:
    spans = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda ends: (min(ends), max(ends) + 1))
    return st.builds(
        lambda holder, name, rev, span: (hold(name, rev, *span), holder),
        st.sampled_from(HOLDERS),
        st.sampled_from(names),
        st.integers(1, REVISIONS_MAX),
        spans,
    )


# Enough that most examples go beyond a quota.
MANY = st.lists(signed_holds(), min_size=24, max_size=48)


@given(st.data(), MANY)
def test_any_order_and_any_repetition_end_in_the_same_table(
    data: st.DataObject, signed: list[Signed]
) -> None:
    again = data.draw(st.lists(st.sampled_from(signed), max_size=10)) if signed else []
    assert told(data.draw(st.permutations(signed + again))) == told(signed)


@given(MANY)
def test_nothing_that_protects_is_lost_or_refused(signed: list[Signed]) -> None:
    table = told(signed)
    for document, holder in signed:
        own, rest = (in_force(table.get(name, NOTHING)) for name in (document.object, catch_all_of(holder)))
        body = body_of(document, HoldBody)
        assert any(
            force is not None and force.from_ms <= body.from_ms and body.until_ms <= force.until_ms
            for force in (own, rest)
        )
        assert not isinstance(join_in_table(table, document, holder), Refusal)


@given(st.lists(signed_holds([f"n{number}" for number in range(60)]), max_size=80))
def test_a_persons_room_is_bounded(signed: list[Signed]) -> None:
    table = told(signed)
    for holder in HOLDERS:
        own = [name for name, held in table.items() if any(each.holder == holder for each in held.above)]
        assert len(own) <= HOLDS_PER_KEY_MAX + 1
        catch_all = table.get(catch_all_of(holder), NOTHING)
        assert len(catch_all.above) <= 1


@given(MANY, st.lists(signed_holds(), max_size=5))
def test_one_persons_junk_changes_nothing_of_anothers(junk: list[Signed], honest: list[Signed]) -> None:
    by_anna, by_bert = [(each, "anna") for each, _ in junk], [(each, "bert") for each, _ in honest]

    def of_bert(table: Table) -> dict[str, tuple[Revision, ...]]:
        own = {
            name: tuple(each for each in held.above if each.holder == "bert") for name, held in table.items()
        }
        return {name: revisions for name, revisions in own.items() if revisions}

    assert of_bert(told([*by_anna, *by_bert, *by_anna])) == of_bert(told(by_bert))


@given(MANY)
def test_two_people_lift_all_that_is_beyond_a_quota_with_one_document(signed: list[Signed]) -> None:
    table = told(signed)
    for holder in HOLDERS:
        name = catch_all_of(holder)
        lifted = told([(order(Kind.LIFT_HOLD, name.partition("/")[2], 10**9, LiftBody()), "")], table)
        assert in_force(lifted[name]) is None
        assert {each: held for each, held in lifted.items() if each != name} == {
            each: held for each, held in table.items() if each != name
        }


# What one person may do to one hold: climb by steps, leap, fill up.
REVS = st.one_of(
    st.lists(st.integers(1, REV_MAX), max_size=60),
    st.integers(1, REV_STEP_MAX).map(lambda step: [step * number for number in range(1, 1_001)]),
    st.integers(1, REV_MAX - 10**6).map(lambda base: [base + number for number in range(40)]),
)


@given(REVS, st.integers(2**22, 2**32))
def test_what_one_person_climbed_two_people_lift_with_one_document(revs: list[int], floor: int) -> None:
    held = NOTHING
    for rev in revs:
        joined = declare(held, rev, 10, 20, "anna")
        held = held if isinstance(joined, Refusal) else joined
    # Nobody could foretell the floor's number, so nobody has put a revision right above it.
    if any(floor < rev <= floor + REV_STEP_MAX for rev in revs):
        return
    lifted = lower(held, floor, 0, 0)
    assert isinstance(lifted, Protection)
    assert in_force(lifted) is None


def test_a_lease_names_a_catch_all_by_its_interval() -> None:
    full = told([(hold(name, 1, 5, 6), "anna") for name in NAMES[:HOLDS_PER_KEY_MAX]])
    name = catch_all_of("anna")
    assert name not in full
    table = told([(hold("x", 7, 10, 20), "anna"), (hold("y", 9, 15, 30), "anna")], full)
    named = named_in_lease(name, table[name])
    assert named == Named(name, 0, (1_600_000_000_010, 1_600_000_000_030))
    assert knows(table[name], named)
    less = told([(hold("x", 7, 10, 20), "anna")], full)
    assert not knows(less[name], named), "a part of it has not come"
    assert not knows(None, named)
    assert knows(told([(hold("z", 1, 0, 99), "anna")], table)[name], named), "more is held"


def test_nobody_declares_a_catch_all_and_it_protects_all_the_same() -> None:
    table = told([(hold(f"{CATCH_ALL}bert".partition("/")[2], REV_MAX, 10, 20), "anna")])
    assert set(table) == {catch_all_of("anna")}


def test_what_an_older_firmware_stored_has_no_quota_and_is_repeated_as_one() -> None:
    old = {f"hold/old{n}": Protection(None, (Revision(1, 10, 20),)) for n in range(64)}
    table = told([(hold("old0", 1, 1, 2), "anna")], old)
    assert len(table["hold/old0"].above) == 1
    assert not is_beyond(old, hold("new", 1, 1, 2), "anna")
    assert set(told([(hold("new", 1, 1, 2), "anna")], old)) == {*old, "hold/new"}


def test_holds_that_are_over_make_room() -> None:
    full = told([(hold(name, 1, 5, 6 + place), "anna") for place, name in enumerate(NAMES[:8])])
    assert is_beyond(full, hold("x", 1, 5, 6), "anna")
    assert not is_beyond(full, hold(NAMES[0], 2, 5, 6), "anna")
    rest = without_what_is_over(full, "anna", 1_600_000_000_008)
    assert set(rest) == {f"hold/{name}" for name in NAMES[3:8]}
    assert without_what_is_over(full, "bert", 1_700_000_000_000) == full


def test_releases_without_a_number_are_remembered_up_to_a_bound() -> None:
    table = told([(order(Kind.RELEASE, f"r{n:02}", 1, ReleaseBody(24)), "anna") for n in range(40)])
    assert set(table) == {f"release/r{n:02}" for n in range(8)}
