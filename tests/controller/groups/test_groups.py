"""Free groups beside a model of sets; the column of a household and the table of members always agree."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from controller.database.engine import reading, writing
from controller.database.tables import HouseholdGroupRow, HouseholdRow, LinkRow, MeterRow
from controller.groups import acts
from controller.groups.acts import Regrouped, change_group
from controller.groups.views import GroupView, list_groups
from controller.meters.choosing import METER_FIELDS
from controller.office.audit import recent
from controller.office.people import Actor
from controller.query.rules import read_query
from protocols.documents.envelope import Signer
from protocols.errors import InputError, RefusedError
from protocols.limits import GROUPS_PER_HOUSEHOLD_MAX
from tests.controller.households.households import ean, members, named_groups, stored, take_file

ANNE = Actor("anne", Signer.from_seed(bytes(32)))
HEADS = "ean,meter,area,energy"


def change(engine: Engine, name: str, *chosen: str, where: str = "", joins: bool = True) -> Regrouped:
    query = read_query(where, METER_FIELDS, "--where") if where else None
    return change_group(engine, name, query or chosen, ANNE, 7, joins=joins)


@pytest.fixture
def peopled(engine: Engine) -> Engine:
    """Five households in two areas; only the meter of the first has spoken."""
    rows = [f"{ean(n)},{'m1' if n == 1 else ''},{'Mons' if n < 3 else 'Namur'},gas" for n in range(1, 6)]
    take_file(engine, HEADS, *rows)
    with writing(engine) as session:
        session.add(LinkRow(id="k1", state="online", sequence=1, meters=1, seen_ms=1))
        session.flush()
        session.add(MeterRow(id="m1", link="k1", first_seen_ms=1))
    return engine


def test_a_group_is_listed_with_its_households_and_how_many_have_spoken(peopled: Engine) -> None:
    assert change(peopled, "winter", "m1", ean(4)) == Regrouped(2, 0)
    assert change(peopled, "winter", ean(1), ean(5)) == Regrouped(1, 1)
    with reading(peopled) as session:
        assert list_groups(session) == [
            GroupView("winter", "free", 3, 1),
            GroupView("area/Mons", "area", 2, 1),
            GroupView("area/Namur", "area", 3, 0),
            GroupView("energy/gas", "energy", 5, 1),
        ]
        assert [group.name for group in list_groups(session, "area")] == ["area/Mons", "area/Namur"]
        assert [group.name for group in list_groups(session, "free")] == ["winter"]
        assert list_groups(session, "dso") == []


def test_a_query_takes_those_that_never_spoke_too_and_one_that_matches_nobody_nobody(peopled: Engine) -> None:
    assert change(peopled, "a", where="group==area/Mons") == Regrouped(2, 0)
    assert change(peopled, "a", where="group==area/Nobody") == Regrouped(0, 0)
    assert members(peopled) == {("a", ean(1)), ("a", ean(2))}
    assert change(peopled, "a", where="id==m1", joins=False) == Regrouped(1, 0)
    assert members(peopled) == {("a", ean(2))}


def test_the_audit_says_who_changed_which_group_and_for_how_many(peopled: Engine) -> None:
    change(peopled, "a", "m1", ean(2))
    change(peopled, "a", "m1")
    change(peopled, "a", "m1", joins=False)
    with reading(peopled) as session:
        found = [entry.act for entry in recent(session) if entry.act.act == "group"]
    assert [(each.actor, each.subject, each.detail) for each in found] == [
        ("anne", "a", {"does": "remove", "households": 1}),
        ("anne", "a", {"does": "add", "households": 2}),
    ]


def test_what_is_refused_changes_nothing(peopled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        RefusedError, match=r'"m9": no household is known .* `relance meters import` names it'
    ):
        change(peopled, "a", "m1", "m9")
    for number in range(GROUPS_PER_HOUSEHOLD_MAX):
        change(peopled, f"g{number}", "m1")
    before = stored(peopled)
    with pytest.raises(RefusedError, match=f"EAN {ean(1)}: is in 16 groups; allowed: 16"):
        change(peopled, "one-more", ean(2), "m1")
    monkeypatch.setattr(acts, "GROUP_ACT_MAX", 1)
    with pytest.raises(InputError, match="2 households; allowed: at most 1"):
        change(peopled, "a", where="area==Mons")
    assert stored(peopled) == before


NAMES = st.sampled_from(["a", "b", "c"])
EANS = st.lists(st.integers(1, 5), min_size=1, unique=True)
STEPS = st.tuples(NAMES, EANS, st.booleans()) | st.tuples(
    st.just("file"), EANS, st.sampled_from(["", "a", "c b"])
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(STEPS, max_size=6))
def test_whatever_people_and_files_do_members_are_those_of_a_set(
    peopled: Engine, steps: list[tuple[str, list[int], bool | str]]
) -> None:
    with writing(peopled) as session:
        session.execute(delete(HouseholdGroupRow))
        session.execute(HouseholdRow.__table__.update().values(groups=None))  # type: ignore[attr-defined]
    model: set[tuple[str, str]] = set()
    for name, numbers, how in steps:
        chosen = {ean(number) for number in numbers}
        if isinstance(how, str):
            take_file(peopled, "ean,groups", *(f"{each},{how}" for each in chosen))
            model = {pair for pair in model if pair[1] not in chosen}
            model |= {(group, each) for group in how.split() for each in chosen}
        else:
            named = {(name, each) for each in chosen}
            found = change(peopled, name, *chosen, joins=how)
            assert found.changed == len(named - model if how else named & model)
            model = model | named if how else model - named
        assert members(peopled) == model
        assert named_groups(stored(peopled).values()) == model
