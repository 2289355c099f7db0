"""A list of work: what is wrong is named, a row is whole or not at all, and again it changes nothing."""

import shutil
import tempfile
from collections import Counter
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from controller.connections import replacing
from controller.connections.moving import list_tenancies
from controller.connections.removing import remove_meter
from controller.connections.replacing import OldDisplay
from controller.connections.retiring import list_retired
from controller.connections.work_rows import COLUMNS, Doing, Work, WorkList, read_works
from controller.connections.working import SecretFolder, Worked, WorkState, work_off
from controller.database.engine import open_store, reading, writing
from controller.database.tables import MeterRow, RetiredRow
from controller.households.commissioning import (
    Commissioned,
    MeterPlace,
    commission,
    commission_in,
    commission_plainly,
    write_secrets,
)
from controller.households.table_file import rows_of
from controller.meters.admission import Admission, set_admission
from controller.office.audit import recent, verify_audit
from controller.orders.acting import Act
from protocols.errors import RefusedError
from protocols.instants import DAY_MS, iso_from_ms, ms_from_iso
from tests.controller.connections.bench import ANNA, NOW_MS, act_of, people
from tests.controller.households.households import ean, stored


def listed(*lines: str) -> WorkList:
    return read_works(rows_of([f"{line}\n".encode() for line in lines], "w.csv"), "w.csv")


def done(engine: Engine, *lines: str, secrets: SecretFolder | None = None) -> list[Worked]:
    found = listed(*lines)
    assert not found.wrong, found

    def begin() -> AbstractContextManager[Act]:
        return act_of(engine)

    return [each for some in work_off(begin, found.works, secrets) for each in some]


def told(worked: list[Worked]) -> list[tuple[str, WorkState]]:
    return [(each.work.meter, each.state) for each in worked]


# -- the file -------------------------------------------------------------------------------------


def test_rows_are_read_as_the_single_commands_would_be_told() -> None:
    found = listed(
        "Do;EAN;meter;new;link;on;balance_eur;unconfirmed;basis",
        f"commission;{ean(1)};m1;;k1;;;;",
        f" MOVE-OUT ;;{ean(2)};;;2020-06-09T12:00+02:00;;;",
        f"replace;{ean(3)};m3;n3;;;12.34;missing;order 7",
        "remove;;m4;;;;;;",
    )
    at_ms = ms_from_iso("2020-06-09T12:00+02:00")
    assert found.works == (
        Work(row=2, do=Doing.COMMISSION, meter="m1", ean=ean(1), link="k1"),
        Work(row=3, do=Doing.MOVE_OUT, meter=ean(2), on_ms=at_ms),
        Work(
            row=4,
            do=Doing.REPLACE,
            meter="m3",
            ean=ean(3),
            new="n3",
            display=OldDisplay(12_340_000, shows_coming=False),
            basis="order 7",
        ),
        Work(row=5, do=Doing.REMOVE, meter="m4"),
    )


@pytest.mark.parametrize(
    ("row", "column", "allowed"),
    [
        (",,m1,,,,,,", "do", "commission, move-out, replace, remove"),
        ("bury,,m1,,,,,,", "do", "commission, move-out, replace, remove"),
        (f"commission,{ean(1)},,,,,,,", "meter", "commission needs it"),
        (f"commission,{ean(1)[:-1]}0,m1,,,,,,", "ean", "18 digits, the last one the check digit"),
        (f"commission,{ean(1)},m 1,,,,,,", "meter", "1 to 64 letters, digits, dots, dashes and underscores"),
        (f"commission,{ean(1)},m1,n1,,,,,", "new", "nothing: commission does not take it"),
        ("move-out,,m1,,,2020-06-09T12:00,,,", "on", "offset"),
        ("move-out,,m1,,,,,,", "on", "move-out needs it"),
        ("move-out,,m1,,,2026-W48-1T12:00Z,,,", "on", "a date and time with its offset"),
        (f"replace,{ean(1)},m1,n1,,,1.2.3,,", "balance_eur", "an amount in euro such as 12.34"),
        (f"replace,{ean(1)},m1,n1,,,NaN,,", "balance_eur", "an amount in euro such as 12.34"),
        (f"replace,{ean(1)},m1,n1,,,,shown,", "unconfirmed", "together with balance_eur"),
        (f"replace,{ean(1)},m1,n1,,,1,perhaps,", "unconfirmed", "shown or missing"),
        (f"remove,,m1,,,,,,{'x' * 257}", "basis", "up to 256 characters on one line"),
        ("remove,,m1", "", "9, as row 1 has heads"),
    ],
)
def test_each_wrong_cell_is_named_and_nothing_of_the_list_is_carried_out(
    row: str, column: str, allowed: str
) -> None:
    found = listed(",".join(COLUMNS), "remove,,m9,,,,,,", row)
    assert (found.works, found.wrong) == ((), 1)
    (problem,) = found.problems
    assert (problem.row, problem.column) == (3, column)
    assert allowed in problem.allowed
    assert "allowed" not in problem.allowed


# -- what becomes of it ---------------------------------------------------------------------------

LEFT = iso_from_ms(NOW_MS - DAY_MS)
WORK = (
    "do,ean,meter,new,link,on,balance_eur,basis",
    f"move-out,,m1,,,{LEFT},,",
    f"replace,{ean(1)},m1,n1,,,2.50,",
    f"commission,{ean(2)},m2,,k1,,,",
    "remove,,m2,,,,,house pulled down",
    f"commission,{ean(2)},m7,,,,,",
)


def test_a_list_is_carried_out_in_its_sequence_and_again_changes_nothing(peopled: Engine) -> None:
    first = done(peopled, *WORK)
    assert not [each.why for each in first if each.why]
    assert told(first) == [(meter, WorkState.DONE) for meter in ("m1", "m1", "m2", "m2", "m7")]
    assert [each.carried_ueur for each in first] == [0, 2_500_000, 0, 0, 0]
    with reading(peopled) as session:
        retired = {each.meter: (each.successor, each.basis) for each in list_retired(session)}
        assert [each.until_ms for each in list_tenancies(session, ean(1))] == [NOW_MS - DAY_MS]
    assert retired == {"m1": ("n1", "work order 7"), "m2": (None, "house pulled down")}
    before, entries = stored(peopled), audited(peopled)
    again = done(peopled, *WORK)
    # m2 has left since: to bring it back is a person's act, and not what a list says by the way.
    states = [WorkState.BEFORE, WorkState.BEFORE, WorkState.REFUSED, WorkState.BEFORE, WorkState.BEFORE]
    assert [each.state for each in again] == states
    assert (stored(peopled), audited(peopled)) == (before, entries)


def test_a_row_that_is_refused_leaves_nothing_and_the_others_are_done(
    peopled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_given: object) -> None:
        raise RefusedError("in the middle")

    monkeypatch.setattr(replacing, "carry_protection", ended)
    before = stored(peopled)
    worked = done(
        peopled,
        "do,ean,meter,new,balance_eur",
        f"replace,{ean(1)},m1,n1,1.00",
        f"commission,{ean(2)},m2,,",
        f"commission,{ean(9)},m9,,",
    )
    assert [each.state for each in worked] == [WorkState.REFUSED, WorkState.DONE, WorkState.REFUSED]
    assert (worked[0].why, ean(9) in worked[2].why) == ("in the middle", True)
    assert stored(peopled) == before, "m1 is where it was, and m2 was named there"
    with reading(peopled) as session:
        assert session.get(RetiredRow, "m1") is None


def test_what_goes_into_meters_is_written_once_also_by_whoever_was_interrupted_after_it(
    peopled: Engine, tmp_path: Path
) -> None:
    out = SecretFolder(folder=tmp_path / "secrets", fleet_key=b"f" * 32, root=b"{}")
    ready = out.file_for("m2", ean(2))
    assert ready is not None
    write_secrets(ready, "m2", ean(2))
    lines = ("do,ean,meter", f"commission,{ean(2)},m2")
    assert told(done(peopled, *lines, secrets=out)) == [("m2", WorkState.DONE)]
    (tmp_path / "secrets" / "m2.json").write_text("another's")
    (refused,) = done(peopled, *lines, secrets=out)
    assert (refused.state, "exists already" in refused.why) == (WorkState.REFUSED, True)
    assert (tmp_path / "secrets" / "m2.json").read_text() == "another's"


# -- all at once ----------------------------------------------------------------------------------

METERS = ("m1", "m2", "m7", "n1", "n2")
PLACES = st.builds(
    MeterPlace,
    st.sampled_from(METERS),
    st.sampled_from([ean(1), ean(2), ean(3)]),
    st.sampled_from([None, "k1"]),
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(PLACES, max_size=3),
    st.lists(PLACES, max_size=3),
    st.booleans(),
    st.sampled_from([None, "m1", "m2"]),
)
def test_all_at_once_is_one_after_another_or_is_left_alone(
    empty_store: Path, before: list[MeterPlace], wanted: list[MeterPlace], closed: bool, removed: str | None
) -> None:
    """Two stores: in one all at once, in the other one by one. What is stored and recorded is the same."""
    found: list[tuple[object, ...]] = []
    for at_once in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(empty_store, f"{folder}/relance.db")
            engine = open_store(f"sqlite:///{folder}/relance.db")
            people(engine)
            prepare(engine, before, removed, closed=closed)
            made = commissioned(engine, wanted, at_once=at_once)
            kept = fleet(engine)
            engine.dispose()
        if at_once and made is None:
            return
        found.append((made, kept))
    assert found[0] == found[1]


def prepare(engine: Engine, places: list[MeterPlace], removed: str | None, *, closed: bool) -> None:
    for each in places:
        with suppress(RefusedError):
            commission(engine, each.meter, each.ean, each.link, ANNA, NOW_MS)
    if removed is not None:
        with suppress(RefusedError), act_of(engine) as act:
            remove_meter(act, removed)
    if closed:
        with writing(engine) as session:
            set_admission(session, Admission.CLOSED, "anna", NOW_MS)


def commissioned(engine: Engine, wanted: list[MeterPlace], *, at_once: bool) -> list[Commissioned] | None:
    with writing(engine) as session:
        if at_once:
            return commission_plainly(session, wanted, ANNA, NOW_MS)
        return [commission_in(session, each.meter, each.ean, each.link, ANNA, NOW_MS) for each in wanted]


def fleet(engine: Engine) -> tuple[object, ...]:
    """Who is where, and how often each act on each subject is in the audit."""
    with reading(engine) as session:
        meters = {row.id: row.link for row in session.exec(select(MeterRow))}
        acts = Counter((entry.act.act, entry.act.subject) for entry in recent(session, 1_000))
        assert verify_audit(session) is None
    return (stored(engine), meters, acts)


def audited(engine: Engine) -> int:
    with reading(engine) as session:
        return recent(session, 1)[0].number
