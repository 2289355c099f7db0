"""What people record, and what the counts of any day say of it, on each database."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete
from sqlmodel import select

from controller.database.campaign_tables import (
    ContactRow,
    HappeningRow,
    NoticeRow,
)
from controller.database.engine import reading, writing
from controller.orders.acting import acting
from controller.reactivation import contacts, outbox
from controller.reactivation.acts import bounced_by_hand, collect, move_deadline, plan_reminders, record
from controller.reactivation.contacts import WrongContactsError, read_contacts, take_contacts
from controller.reactivation.rules import Happening, LearnedBy, Means
from controller.reactivation.store import campaign_named, households
from controller.reactivation.views import unreached, visits
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS
from tests.controller.households.households import ean
from tests.controller.reactivation.campaign import (
    ANNE,
    DEADLINE_MS,
    NAME,
    NO_ROOT,
    OPENED_MS,
    at,
    counts,
    dispatch,
    happen,
    open_june,
    plan,
    populate,
)
from tests.controller.reactivation.remote import deliver


@pytest.fixture
def june(engine: Engine) -> Engine:
    populate(engine, 4)
    open_june(engine)
    return engine


def test_a_day_is_asked_as_it_was_and_as_it_was_known(june: Engine) -> None:
    """A terminal's list of 10 June comes in on the 12th; the technician's word of the 11th is withdrawn."""
    assert happen(june, 1, "at_terminal", "card", at("12 09:00"), at("10 17:00"))
    assert happen(june, 2, "card_back", "technician", at("11 15:00"))
    assert not happen(june, 2, "card_back", "technician", at("11 16:00")), "the same again is nothing new"
    with acting(june, NO_ROOT, ANNE, at("13 09:00")) as act:
        args = (NAME, "m00002", Happening.CARD_BACK, LearnedBy.TECHNICIAN, act.now_ms)
        assert record(act, *args, proof="the wrong door", withdrawn=True)
    ten, eleven, today = at("10 23:59"), at("11 23:59"), at("14 12:00")
    as_was, as_known = counts(june, ten, today), counts(june, ten)
    assert (as_was.at_terminal, as_known.at_terminal) == (1, 0)
    assert (counts(june, eleven).done, counts(june, eleven, today).done) == (1, 0)
    for found in (as_was, as_known, counts(june, today)):
        assert found.nothing + found.card_in_meter + found.at_terminal + found.done + found.left == 4
        assert sum(found.reached.values()) == 4


def test_what_is_refused_changes_nothing(june: Engine) -> None:
    with pytest.raises(InputError, match=r"--on: 2020-06-06T10:00:00Z is to come"):
        happen(june, 1, "card_back", "clerk", at("06 11:00"), at("06 12:00"))
    with (
        pytest.raises(RefusedError, match=r'"m9": is no household of june-2020'),
        acting(june, NO_ROOT, ANNE, at("06 11:00")) as act,
    ):
        record(act, NAME, "m9", Happening.MET, LearnedBy.CALL, act.now_ms)
    with (
        pytest.raises(RefusedError, match="card_back by clerk is not recorded"),
        acting(june, NO_ROOT, ANNE, at("06 11:00")) as act,
    ):
        record(act, NAME, "m00001", Happening.CARD_BACK, LearnedBy.CLERK, act.now_ms, withdrawn=True)
    with (
        pytest.raises(RefusedError, match="no letter of june-2020 has been sent"),
        acting(june, NO_ROOT, ANNE, at("06 11:00")) as act,
    ):
        bounced_by_hand(act, NAME, "m00001", Means.LETTER, "moved")
    with pytest.raises(RefusedError, match="june-2020 is open already"):
        open_june(june)
    with (
        pytest.raises(InputError, match="is over; allowed: an instant to come"),
        acting(june, NO_ROOT, ANNE, at("07-05 11:00")) as act,
    ):
        move_deadline(act, NAME, at("07-04 11:00"))
    with reading(june) as session:
        assert session.exec(select(HappeningRow)).all() == []


def test_a_connected_meter_that_has_taken_the_order_is_done_and_proved(engine: Engine) -> None:
    populate(engine, 3)
    deliver(engine, "o1", [(1, "effective", at("09 10:00")), (2, "sent", None)])
    open_june(engine, "o1")
    with acting(engine, NO_ROOT, ANNE, at("10 10:00")) as act:
        assert collect(act, NAME) == 1
        assert collect(act, NAME) == 0
    found = counts(engine, at("10 11:00"))
    assert (found.done, found.proved, found.nothing) == (1, 1, 2)
    assert counts(engine, at("09 09:00"), at("10 11:00")).done == 0
    with reading(engine) as session:
        (row,) = session.exec(select(HappeningRow)).all()
        assert (row.what, row.channel, row.proof) == ("remote", "mqtt", "order o1, receipt 7")
    assert plan(engine, at("10 12:00")).done == 1
    with acting(engine, NO_ROOT, ANNE, at("10 13:00")) as act:
        args = (NAME, "m00001", Happening.REMOTE, LearnedBy.MQTT, act.now_ms)
        assert record(act, *args, proof="the wrong meter", withdrawn=True)
        assert collect(act, NAME) == 0, "what a person took back stays so"
    with reading(engine) as session:
        remote = {
            name: each.remote
            for name, each in households(
                session, campaign_named(session, NAME), [ean(1), ean(2), ean(3)]
            ).items()
        }
    assert remote == {ean(1): True, ean(2): True, ean(3): False}


def test_a_plan_is_warned_of_whom_nobody_has_reached(june: Engine) -> None:
    now_ms = at("10 10:00")
    happen(june, 1, "card_back", "technician", now_ms)
    happen(june, 2, "absent", "technician", now_ms)
    happen(june, 3, "met", "technician", now_ms)
    with reading(june) as session:
        (found,) = unreached(session, ["m00001", "m00002", "m00003"])
        assert (found.nobody, found.undone) == (("m00002",), ("m00003",))
        (fleet,) = unreached(session, None)
        assert fleet.nobody == ("m00002", "m00004")
        assert unreached(session, ["m00001", "m77777"]) == []
        doors = visits(session, NAME).doors
    assert [(each.meter, each.absent, each.reached) for each in doors] == [
        ("m00002", 1, "nobody"),
        ("m00003", 0, "met"),
        ("m00004", 0, "nobody"),
    ]


def test_doors_are_sorted_where_parts_of_an_address_are_missing(june: Engine) -> None:
    rows = [
        ["ean", "town", "street"],
        [ean(1), "", "B"],
        [ean(2), "Namur", ""],
        [ean(3), "", ""],
        [ean(4), "", "A"],
    ]
    with acting(june, NO_ROOT, ANNE, OPENED_MS) as act:
        take_contacts(act, read_contacts(iter(enumerate(rows, 1)), "x.csv"))
        postcodes = [["ean", "postcode"], [ean(3), ""], [ean(4), "4000"]]
        take_contacts(act, read_contacts(iter(enumerate(postcodes, 1)), "x.csv"))
    with reading(june) as session:
        doors = visits(session, NAME).doors
    assert [each.meter for each in doors] == ["m00004", "m00001", "m00002", "m00003"]


def test_planning_goes_on_after_any_batch_and_plans_each_once(june: Engine) -> None:
    after: str | None = ""
    planned = []
    while after is not None:
        with acting(june, NO_ROOT, ANNE, at("04 12:00")) as act:
            found = plan_reminders(act, NAME, "first", tuple(Means), after, limit=1)
        planned.append(found.planned)
        after = found.after
    assert planned == [1, 1, 1, 1, 0]
    assert plan(june, at("04 12:00")).before == 4
    with reading(june) as session:
        assert len(session.exec(select(NoticeRow)).all()) == 4


def test_a_day_is_asked_with_its_own_deadline_and_what_was_unknown_then(
    june: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed on the 4th, sent again on the 6th; the deadline is moved on the 5th."""

    def killed(*_given: object, **_more: object) -> None:
        raise KeyboardInterrupt

    plan(june, at("04 12:00"), by=[Means.SMS])
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "write_sms_file", killed)
        with pytest.raises(KeyboardInterrupt):
            dispatch(june, at("04 12:10"), tmp_path)
    sent = dispatch(june, at("04 12:20"), tmp_path).sent
    with acting(june, NO_ROOT, ANNE, at("05 09:00")) as act:
        assert move_deadline(act, NAME, DEADLINE_MS + DAY_MS) == sent, "as `status` counts"
    assert dispatch(june, at("06 12:00"), tmp_path, again=True).sent == 1
    found = {day: counts(june, at(f"{day} 23:00"), at("30 09:00")) for day in ("03", "04", "05", "06")}
    assert {day: each.reached["unknown"] for day, each in found.items()} == {
        "03": 0,
        "04": 1,
        "05": 1,
        "06": 0,
    }
    assert {day: each.told_otherwise for day, each in found.items()} == {
        "03": 0,
        "04": 0,
        "05": sent,
        "06": sent,
    }
    assert {day: each.before_opening for day, each in found.items()} == {
        "03": True,
        "04": False,
        "05": False,
        "06": False,
    }


def test_a_move_counts_whom_it_leaves_with_another_date_as_the_status_does(
    june: Engine, tmp_path: Path
) -> None:
    """One of four came back."""
    plan(june, at("05 12:00"), by=[Means.LETTER])
    dispatch(june, at("05 12:00"), tmp_path)
    with acting(june, NO_ROOT, ANNE, at("06 12:00")) as act:
        assert bounced_by_hand(act, NAME, "m00001", Means.LETTER, "moved")
    later_ms = DEADLINE_MS + DAY_MS
    for deadline_ms, told in ((later_ms, 3), (DEADLINE_MS, 0), (later_ms, 3)):
        with acting(june, NO_ROOT, ANNE, at("07 12:00")) as act:
            assert move_deadline(act, NAME, deadline_ms) == told
        assert counts(june, at("07 12:00")).told_otherwise == told


def test_what_was_sent_later_was_not_known_before(june: Engine, tmp_path: Path) -> None:
    """Sent on the 5th, and one came back on the 6th."""
    plan(june, at("05 12:00"), by=[Means.LETTER])
    assert dispatch(june, at("05 12:00"), tmp_path).sent == 4
    with acting(june, NO_ROOT, ANNE, at("06 12:00")) as act:
        assert bounced_by_hand(act, NAME, "m00001", Means.LETTER, "moved")
    today = at("08 12:00")
    written = {
        day: counts(june, today, at(f"{day} 23:59")).reached["written"] for day in ("04", "05", "06", "07")
    }
    assert written == {"04": 0, "05": 4, "06": 3, "07": 3}
    assert counts(june, at("05 23:59"), today).reached["written"] == 4, "by what is known now it stood then"
    assert not counts(june, today, at("04 10:00")).before_opening
    assert counts(june, today, at("03 23:59")).before_opening


# -- contacts -------------------------------------------------------------------------------------

TABLE = """
email    | anna                 | an address such as anna@example.be
email    | anna@localhost       | an address such as anna@example.be
phone    | 12                   | such as +32 470 12 34 56
phone    | call me              | such as +32 470 12 34 56
phone    | 0470 12 34           | such as +32 470 12 34 56
phone    | 470123456            | such as +32 470 12 34 56
ean      | 541448860000000012   | after 54144886000000001 that is 1, so some digit is wrong
ean      | 5.41449E+17          | a spreadsheet has rounded it
ean      | 541448860000099992   | a household that `relance meters import` has named
"""


@pytest.mark.parametrize("line", TABLE.strip().splitlines())
def test_a_wrong_contact_stores_nothing_of_the_file(june: Engine, line: str) -> None:
    head, cell, allowed = (part.strip() for part in line.split("|"))
    good = {"ean": ean(1), "email": "new@example.be", "phone": "0471000000"}
    rows = [list(good), list(good.values()), list(({**good, "ean": ean(2)} | {head: cell}).values())]
    with pytest.raises(WrongContactsError) as caught, acting(june, NO_ROOT, ANNE, OPENED_MS) as act:
        take_contacts(act, read_contacts(iter(enumerate(rows, 1)), "x.csv"))
    (problem,) = caught.value.problems
    assert (problem.row, problem.column, problem.value) == (3, head, cell)
    assert allowed in problem.allowed
    with reading(june) as session:
        assert session.get(ContactRow, ean(1)).email == "h1@example.be"  # type: ignore[union-attr] # is there


def test_a_contact_is_there_once_and_a_file_again_changes_nothing(june: Engine) -> None:
    rows = [["ean", "phone"], [ean(1), "+32 471/12.34.56"], [ean(2), ""]]
    for changed in (2, 0):
        with acting(june, NO_ROOT, ANNE, OPENED_MS) as act:
            assert take_contacts(act, read_contacts(iter(enumerate(rows, 1)), "x.csv")).changed == changed
    with reading(june) as session:
        found = {row.ean: row for row in session.exec(select(ContactRow))}
        assert (found[ean(1)].phone, found[ean(1)].email) == ("+32471123456", "h1@example.be")
        assert found[ean(2)].phone is None
    twice = [["ean", "phone"], [ean(1), "0470123456"], [ean(1), "0470123457"]]
    with pytest.raises(WrongContactsError), acting(june, NO_ROOT, ANNE, OPENED_MS) as act:
        take_contacts(act, read_contacts(iter(enumerate(twice, 1)), "x.csv"))


def test_a_file_of_contacts_has_a_limit_and_all_that_is_wrong_is_named_by_row(
    june: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [["ean", "phone"], [ean(9), "0470123456"], [ean(1), "12"], [ean(8), ""], [ean(2), "13"]]
    read = read_contacts(iter(enumerate(rows, 1)), "x.csv")
    with pytest.raises(WrongContactsError) as caught, acting(june, NO_ROOT, ANNE, OPENED_MS) as act:
        take_contacts(act, read)
    found = [(each.row, each.column) for each in caught.value.problems]
    assert (found, caught.value.wrong) == ([(2, "ean"), (3, "phone"), (4, "ean"), (5, "phone")], 4)
    monkeypatch.setattr(contacts, "_ROWS_MAX", 3)
    with pytest.raises(InputError, match=r"x\.csv: more than 3 rows; allowed: several files"):
        read_contacts(iter(enumerate(rows, 1)), "x.csv")


# -- whatever happens -----------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(Happening), st.sampled_from(LearnedBy), st.booleans()),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(STEPS)
def test_whatever_is_recorded_and_withdrawn_no_past_day_changes(
    june: Engine, steps: list[tuple[int, Happening, LearnedBy, bool]]
) -> None:
    with writing(june) as session:
        session.execute(delete(HappeningRow))
    known = []
    for day, (number, what, channel, withdraws) in enumerate(steps, 1):
        now_ms = OPENED_MS + day * DAY_MS
        with acting(june, NO_ROOT, ANNE, now_ms) as act:
            try:
                record(act, NAME, ean(number), what, channel, now_ms, withdrawn=withdraws)
            except RefusedError:
                assert withdraws, "only what is not there cannot be withdrawn"
        known.append((now_ms, counts(june, now_ms)))
    for now_ms, as_it_was in known:
        assert counts(june, now_ms) == as_it_was
