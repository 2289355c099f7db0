"""A file of households in the store: all or nothing, the same file twice, and a model in plain Python."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete
from sqlmodel import Session

from controller.database.engine import reading, writing
from controller.database.tables import HouseholdGroupRow, HouseholdRow, LinkRow, MeterRow, TenancyRow
from controller.groups.acts import change_group
from controller.households import importing
from controller.households.commissioning import commission
from controller.households.staging import ChangedValue, Counts
from controller.office.audit import recent
from controller.office.people import Actor
from protocols.documents.envelope import Signer
from protocols.errors import InputError
from tests.controller.households.households import ean, members, named_groups, stored, take_file

HEADS = "ean,meter,area,groups,flags"


def test_a_file_makes_households_known(engine: Engine) -> None:
    found = take_file(engine, HEADS, f"{ean(1)},m1,Liège,winter b,medical", f"{ean(2)},,,,")
    assert (found.rows, found.counts, found.changes) == (2, Counts(2, 0, 0), ())
    assert stored(engine) == {
        ean(1): {"ean": ean(1), "meter": "m1", "area": "Liège", "groups": "b winter", "flags": "medical"},
        ean(2): {"ean": ean(2), "meter": ean(2)},
    }
    assert members(engine) == {("winter", ean(1)), ("b", ean(1))}
    assert found.new_words == {"area": ["Liège"], "groups": ["b", "winter"]}


def test_a_changed_row_says_what_it_changes_and_a_missing_column_nothing(engine: Engine) -> None:
    take_file(engine, HEADS, f"{ean(1)},m1,Namur,a,medical", f"{ean(2)},m2,Namur,a,")
    found = take_file(engine, "EAN;Area;Meter", f"{ean(2)};Mons;", f"{ean(1)};Namur;")
    assert found.counts == Counts(0, 1, 1)
    assert found.changes == (ChangedValue(2, ean(2), "area", "Namur", "Mons"),)
    assert stored(engine)[ean(2)] == {"ean": ean(2), "meter": "m2", "area": "Mons", "groups": "a"}
    assert members(engine) == {("a", ean(1)), ("a", ean(2))}
    emptied = take_file(engine, "ean,area,groups", f"{ean(1)},,")
    assert [(each.column, each.before, each.after) for each in emptied.changes] == [
        ("area", "Namur", None),
        ("groups", "a", None),
    ]
    assert members(engine) == {("a", ean(2))}


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        (
            [f"{ean(1)},,,,", f"{ean(2)},,,,", f"{ean(1)},,,,"],
            [(4, "ean", "each EAN once; it is in row 2 already")],
        ),
        (
            [f"{ean(1)},m7,,,", f"{ean(2)},m7,,,"],
            [
                (2, "meter", f"a meter at one connection only; this one is at {ean(2)}"),
                (3, "meter", f"a meter at one connection only; this one is at {ean(1)}"),
            ],
        ),
        ([f"{ean(1)},m9,,,"], [(2, "meter", f"a meter at one connection only; this one is at {ean(9)}")]),
        (
            [f"{ean(1)},,,,", "123,,,,ill"],
            [(3, "ean", "18 digits"), (3, "flags", "protected, medical, dispute")],
        ),
    ],
    ids=["twice", "a shared meter", "a meter elsewhere", "wrong cells"],
)
def test_one_wrong_row_and_nothing_is_stored(
    engine: Engine, lines: list[str], problems: list[tuple[int, str, str]]
) -> None:
    take_file(engine, HEADS, f"{ean(9)},m9,,,")
    before = stored(engine)
    found = take_file(engine, HEADS, *lines)
    assert [(each.row, each.column) for each in found.problems] == [each[:2] for each in problems]
    for problem, (_, _, allowed) in zip(found.problems, problems, strict=True):
        assert problem.allowed.startswith(allowed)
    assert found.wrong == len(problems)
    assert stored(engine) == before


def test_a_meter_that_is_there_twice_is_named_beside_wrong_cells(engine: Engine) -> None:
    """A row that is wrong is not staged: whether it would free a meter is not known, and not told."""
    take_file(engine, HEADS, f"{ean(8)},m8,,,", f"{ean(9)},m9,,,")
    wrong, twice = f"{ean(9)},m10,,,ill", (f"{ean(1)},m7,,,", f"{ean(2)},m7,,,")
    found = take_file(engine, HEADS, wrong, *twice, f"{ean(3)},m9,,,", f"{ean(8)},,,,", f"{ean(8)},,,,")
    assert [(each.row, each.column, each.value) for each in found.problems] == [
        (2, "flags", "ill"),
        (3, "meter", "m7"),
        (4, "meter", "m7"),
        (7, "ean", ean(8)),
    ]
    assert found.wrong == 4


def test_a_file_replaces_no_meter_that_is_in_the_fleet_heard_or_not(engine: Engine) -> None:
    take_file(engine, HEADS, f"{ean(1)},m1,,,", f"{ean(2)},m2,,,")
    with writing(engine) as session:
        session.add(LinkRow(id="k1", state="online", sequence=1, meters=1, seen_ms=1))
        session.flush()
        session.add(MeterRow(id="m1", link="k1", first_seen_ms=1, last_seen_ms=1))
        session.add(MeterRow(id="m2", link="k1", first_seen_ms=1))
    found = take_file(engine, HEADS, f"{ean(1)},m3,,,", f"{ean(2)},m4,,,", f"{ean(5)},m4,,,")
    assert [
        (each.row, each.allowed.partition(", ")[2]) for each in found.problems if "there" in each.allowed
    ] == [
        (2, "m1: it has spoken, and holds money"),
        (3, "m2: it is commissioned, and orders and payments wait for it"),
    ]
    assert [each.row for each in found.problems] == [2, 3, 3, 4], "all that is wrong is told at once"


def test_households_may_exchange_their_meters(engine: Engine) -> None:
    take_file(engine, HEADS, f"{ean(1)},m1,,,", f"{ean(2)},m2,,,")
    assert take_file(engine, HEADS, f"{ean(1)},m2,,,", f"{ean(2)},m1,,,").counts == Counts(0, 2, 0)
    assert [row["meter"] for row in stored(engine).values()] == ["m2", "m1"]


def test_a_dry_run_says_the_same_and_stores_nothing(engine: Engine) -> None:
    lines = (HEADS, f"{ean(1)},m1,Namur,a,")
    dry = take_file(engine, *lines, by=None)
    assert stored(engine) == {}
    assert take_file(engine, *lines) == dry


def test_the_audit_has_what_was_stored_and_nothing_else(engine: Engine) -> None:
    take_file(engine, HEADS, f"{ean(1)},m1,Namur,a,", at_ms=7)
    take_file(engine, HEADS, f"{ean(1)},m1,Namur,a,")
    take_file(engine, HEADS, f"{ean(2)},,,,", by=None)
    with reading(engine) as session:
        acts = [entry.act for entry in recent(session)]
    assert [(each.act, each.actor, each.subject, each.at_ms) for each in acts] == [
        ("import", "anne", "fleet.csv", 7)
    ]
    assert acts[0].detail == {"rows": 1, "new": 1, "changed": 0}


def test_all_wrong_cells_are_counted_and_the_first_are_kept(engine: Engine) -> None:
    found = take_file(engine, "ean", *(["x"] * (importing.PROBLEMS_MAX + 5)))
    assert (len(found.problems), found.wrong) == (importing.PROBLEMS_MAX, importing.PROBLEMS_MAX + 5)


def test_a_column_that_is_the_same_in_every_row_is_told_without_comparing_each_with_each(
    engine: Engine,
) -> None:
    count = importing.PROBLEMS_MAX + 50
    same_meter = take_file(engine, "ean,meter", *(f"{ean(n)},m1" for n in range(count)))
    assert (len(same_meter.problems), same_meter.wrong) == (importing.PROBLEMS_MAX, count)
    assert same_meter.problems[0].allowed.endswith(f"this one is at {ean(count - 1)}")
    same_ean = take_file(engine, "ean", *[ean(1)] * count)
    assert (len(same_ean.problems), same_ean.wrong) == (importing.PROBLEMS_MAX, count - 1)
    assert stored(engine) == {}


def test_a_file_longer_than_allowed_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "HOUSEHOLDS_MAX", 2)
    with pytest.raises(InputError, match="more than 2 rows; allowed: several files"):
        take_file(engine, "ean", *map(ean, range(3)))
    assert stored(engine) == {}


def test_what_people_do_while_a_file_is_compared_is_not_lost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_file(engine, HEADS, f"{ean(1)},,Namur,a,", f"{ean(2)},,Namur,,")
    anne = Actor("anne", Signer.from_seed(bytes(32)))

    @contextmanager
    def after_others(connection: Connection) -> Iterator[Session]:
        monkeypatch.setattr(importing, "writing", writing)
        change_group(engine, "b", (ean(1),), anne, 1, joins=True)
        commission(engine, "m9", ean(1), None, anne, 1)
        with writing(connection) as session:
            yield session

    monkeypatch.setattr(importing, "writing", after_others)
    found = take_file(engine, "ean,area", f"{ean(1)},Mons")
    assert [(each.column, each.after) for each in found.changes] == [("area", "Mons")]
    assert stored(engine)[ean(1)] == {"ean": ean(1), "meter": "m9", "area": "Mons", "groups": "a b"}
    assert members(engine) == {("a", ean(1)), ("b", ean(1))}


# -- against a model ------------------------------------------------------------------------------

CELLS = {
    "area": st.sampled_from(["", "Namur", "Liège", 'a "b", c']),
    "category": st.sampled_from(["", "protected"]),
    "groups": st.sampled_from(["", "a", "b a", "c"]),
    "flags": st.sampled_from(["", "medical", "dispute medical"]),
}
FILES = st.lists(st.sampled_from(sorted(CELLS)), unique=True).flatmap(
    lambda heads: st.dictionaries(
        st.integers(1, 5), st.fixed_dictionaries({head: CELLS[head] for head in heads}), min_size=1
    )
)


def lines_of(file: dict[int, dict[str, str]]) -> list[str]:
    heads = list(next(iter(file.values())))

    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    return [
        ",".join(["ean", *heads]),
        *(",".join([ean(number), *(quoted(row[head]) for head in heads)]) for number, row in file.items()),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(FILES, min_size=1, max_size=3))
def test_the_store_knows_what_the_last_file_said_of_each_column(
    engine: Engine, files: list[dict[int, dict[str, str]]]
) -> None:
    with writing(engine) as session:
        for table in (HouseholdRow, HouseholdGroupRow):
            session.execute(delete(table))
    model: dict[int, dict[str, str]] = {}
    for file in files:
        before = {number: dict(row) for number, row in model.items()}
        for number, row in file.items():
            model.setdefault(number, {}).update(row)
        found = take_file(engine, *lines_of(file))
        new = len(file.keys() - before.keys())
        same = sum(1 for number in file if number in before and known(before[number]) == known(model[number]))
        assert found.counts == Counts(new, len(file) - new - same, same)
        assert {change.ean for change in found.changes} == {
            ean(number)
            for number in file
            if number in before and known(before[number]) != known(model[number])
        }
        assert take_file(engine, *lines_of(file)).counts == Counts(0, 0, len(file)), "twice changes nothing"
    rows = stored(engine)
    assert rows == {
        ean(number): {"ean": ean(number), "meter": ean(number), **known(row)} for number, row in model.items()
    }
    assert members(engine) == named_groups(rows.values())


def known(row: dict[str, str]) -> dict[str, str]:
    return {
        name: " ".join(sorted(value.split())) if name in {"groups", "flags"} else value
        for name, value in row.items()
        if value
    }


def test_a_file_of_before_a_move_says_that_it_gives_a_leavers_words_back(engine: Engine) -> None:
    heads = "ean,meter,category,language,flags"
    rows = f"{ean(1)},m1,social,fr,medical", f"{ean(2)},m2,social,de,"
    take_file(engine, heads, *rows)
    for number, language in ((1, "nl"), (2, "fr")):  # two have left, and the first of them spoke Dutch
        left = TenancyRow(
            ean=ean(1), number=number, meter="m1", until_ms=number, recorded_by="a", recorded_ms=2
        )
        left.category, left.language = "social", language
        with writing(engine) as session:
            session.add(left)
            row = session.get_one(HouseholdRow, ean(1))
            row.category = row.language = row.flags = None
            session.add(row)
    for told, meters in (("social,fr,", ("m1",)), (",nl,medical", ()), (",fr,", ("m1",))):
        found = take_file(engine, heads, f"{ean(1)},m1,{told}", rows[1], by=None)
        assert (found.leavers, found.of_leavers) == (meters, len(meters))
    take_file(engine, heads, *rows)
    again = take_file(engine, heads, *rows)
    assert (again.counts, again.of_leavers) == (Counts(0, 0, 2), 0), "what is there already is no news"
