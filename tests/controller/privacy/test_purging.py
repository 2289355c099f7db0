"""A purge takes what is over and nothing else, in steps that may be killed and run again."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import Engine, delete
from sqlmodel import Session, col, func, select

from controller.database.campaign_tables import (
    CampaignHouseholdRow,
    CampaignRow,
    ContactRow,
    HappeningRow,
    NoticeRow,
)
from controller.database.engine import reading, writing
from controller.database.tables import (
    AccessedRow,
    AccessRow,
    AuditRow,
    ClaimRow,
    EventRow,
    LinkRow,
    MeterRow,
    OrderRow,
    PaymentRow,
    ReadingRow,
    Table,
    TenancyRow,
)
from controller.moratoriums.acts import declare
from controller.office.audit import recent, verify_audit
from controller.orders.acting import acting
from controller.privacy import purging
from controller.privacy.accesses import Looker, list_accesses, note_access
from controller.privacy.purging import Doors, Over, Purged, as_of_ms, count_over, purge
from controller.privacy.rules import Cutoffs, Limits, Stamp, readings_to_take
from protocols.cutting.zones import load_zone
from protocols.errors import RefusedError
from protocols.instants import DAY_MS, HOUR_MS
from tests.controller.connections.bench import ANNA
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT

ZONE = load_zone("Europe/Brussels")
NOW_MS = MONDAY_MS + 3_000 * DAY_MS
LIMITS = Limits(readings=10, readings_by_day=40, readings_by_month=100, events=50, accesses=60, left=70)
LOOKER = Looker(operator="anna", os_user="jo")


def old(days: float) -> int:
    return NOW_MS - int(days * DAY_MS)


def add(engine: Engine, *rows: object) -> None:
    with writing(engine) as session:
        for row in rows:
            session.add(row)


def event(number: int, days: float, tag: str = "supply", time_days: float | None = None) -> EventRow:
    time_ms = old(days if time_days is None else time_days)
    return EventRow(meter="m1", number=number, time_ms=time_ms, received_ms=old(days), event=tag, record="{}")


def claim(number: int, days: float, source: str = "headend") -> ClaimRow:
    return ClaimRow(
        meter="m1", number=number, source=source, verdict="agrees", time_ms=1, received_ms=old(days)
    )


def access(number: int, at_ms: int) -> AccessRow:
    return AccessRow(number=number, at_ms=at_ms, os_user="jo", command="meters show", shown=1)


def a_reading(number: int, days: float, received_ms: int | None = -1, meter: str = "m1") -> ReadingRow:
    return ReadingRow(
        meter=meter,
        number=number,
        time_ms=old(days),
        energy_wh=number,
        balance_ueur=0,
        supply="on",
        received_ms=old(days) if received_ms == -1 else received_ms,
    )


def purged(engine: Engine, now_ms: int = NOW_MS, limits: Limits = LIMITS) -> Purged:
    return purge(doors_of(engine), limits, ZONE, "anna", now_ms)


def doors_of(engine: Engine) -> Doors:
    return Doors(lambda: reading(engine), lambda: writing(engine))


def until_all_is_gone(engine: Engine) -> Over:
    """As often as it says that more is over."""
    gone = dict.fromkeys(Over.__struct_fields__, 0)
    while True:
        done = purged(engine)
        gone = {kind: rows + getattr(done.over, kind) for kind, rows in gone.items()}
        if done.as_of_ms == NOW_MS and not done.more:
            return Over(**gone)


def numbers(engine: Engine, table: type[EventRow | ClaimRow | ReadingRow]) -> list[int]:
    with reading(engine) as session:
        return list(session.exec(select(table.number).order_by(col(table.number))))


def test_of_a_black_box_the_last_entry_of_each_kind_stays(engine: Engine) -> None:
    add(engine, event(1, 90, "clock"), event(2, 80), event(3, 70), event(4, 60, "verdict"), event(5, 40))
    add(engine, claim(6, 90), claim(7, 80, "card"), claim(8, 70))
    assert until_all_is_gone(engine) == Over(events=2, claims=1)
    assert (numbers(engine, EventRow), numbers(engine, ClaimRow)) == ([1, 4, 5], [7, 8])


def test_an_entry_that_our_clock_or_the_meters_dates_too_early_stays(engine: Engine) -> None:
    """The one before it came later than the limit: so this one did too."""
    add(engine, event(1, 49), event(2, 900), event(3, 90, time_days=20), event(4, 1))
    assert until_all_is_gone(engine).events == 0


def test_a_young_entry_keeps_those_after_it_in_its_own_life_alone(engine: Engine) -> None:
    lives = (("m1", 0), ("m1", 1), ("m2", 0))
    for meter, epoch in lives:
        for number, days in enumerate((90, 80, 10 if (meter, epoch) == ("m1", 1) else 70, 60, 1)):
            one, other = event(number, days), claim(number, days)
            one.meter = other.meter = meter
            one.epoch = other.epoch = epoch
            add(engine, one, other)
    assert until_all_is_gone(engine) == Over(events=10, claims=10)
    with reading(engine) as session:
        rows = session.exec(select(EventRow.meter, EventRow.epoch, EventRow.number)).all()
    assert sorted(rows) == [("m1", 0, 4), ("m1", 1, 2), ("m1", 1, 3), ("m1", 1, 4), ("m2", 0, 4)]


AHEAD_DAYS = -30 * 365


def test_a_row_of_a_clock_that_was_years_ahead_keeps_nothing_and_goes_with_those_after_it(
    engine: Engine,
) -> None:
    for row in (event, claim):
        add(engine, *(row(number, days) for number, days in enumerate((90, AHEAD_DAYS, 80, 70, 1))))
    with writing(engine) as session:
        for entry in session.exec(select(EventRow).where(EventRow.number == 1)):
            entry.time_ms = old(85)
    add(engine, *(access(number, old(days)) for number, days in enumerate((90, AHEAD_DAYS, 80, 70, 1))))
    days = (120, 119, AHEAD_DAYS, 118, 1)
    add(
        engine,
        *(a_reading(number, 118.5 if each < 0 else each, old(each)) for number, each in enumerate(days)),
    )
    assert until_all_is_gone(engine) == Over(readings=4, events=4, claims=4, accesses=4)
    assert (numbers(engine, EventRow), numbers(engine, ReadingRow)) == ([4], [4])


def test_a_row_of_a_clock_that_was_ahead_stays_until_one_after_it_is_over(engine: Engine) -> None:
    """When it was written nobody knows, only that it was before the next one: that may be this week."""
    for row in (event, claim):
        add(engine, *(row(number, days) for number, days in enumerate((90, AHEAD_DAYS, 30, 80, 1))))
    add(engine, *(access(number, old(days)) for number, days in enumerate((90, AHEAD_DAYS, 30, 80, 1))))
    assert until_all_is_gone(engine) == Over(events=1, claims=1, accesses=1)
    assert numbers(engine, EventRow) == [1, 2, 3, 4]


def steps_to_find(engine: Engine, rows: int) -> int:
    """How many thousand steps SQLite takes to count what is over of so many accesses and entries."""
    with writing(engine) as session:
        for table in (AccessRow, EventRow, ClaimRow):
            session.execute(delete(table))
    dates = [old(90 - number / rows) for number in range(rows)]
    add(engine, *(access(number, at_ms) for number, at_ms in enumerate(dates)))
    add(engine, *(row(n, 90 - n / rows) for n in range(rows) for row in (event, claim)))
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with reading(engine) as session:
        sqlite: Any = session.connection().connection.driver_connection
        sqlite.set_progress_handler(count, 1_000)
        over = count_over(session, LIMITS, ZONE, NOW_MS, NOW_MS)
        sqlite.set_progress_handler(None, 0)
    assert (over.accesses, over.events, over.claims) == (rows, rows - 1, rows - 1)
    return steps


def test_twice_as_many_rows_take_about_twice_as_long_to_find(sqlite_store: Engine) -> None:
    """Others wait for the store while a purge takes rows, and a life may have a hundred thousand."""
    assert steps_to_find(sqlite_store, 4_000) < 3 * steps_to_find(sqlite_store, 2_000)


def test_readings_are_rolled_up_and_those_of_an_earlier_version_wait_for_their_turn(engine: Engine) -> None:
    add(engine, *(a_reading(number, 300 - number / 4) for number in range(1_198)))
    add(engine, a_reading(1, 200, None, "m2"), a_reading(2, 199, None, "m2"))
    until_all_is_gone(engine)
    with reading(engine) as session:
        rows = session.exec(select(ReadingRow)).all()
        ages = [(NOW_MS - row.time_ms) / DAY_MS for row in rows if row.meter == "m1"]
        others = [row.received_ms for row in rows if row.meter == "m2"]
    assert max(ages) < 100
    assert 2 <= sum(age >= 40 for age in ages) <= 3
    assert 30 <= sum(10 <= age < 40 for age in ages) <= 32
    assert sum(age < 10 for age in ages) == 37
    assert others == [NOW_MS, NOW_MS], "as of now they count"


def test_a_reading_that_our_clock_dates_too_early_stays(engine: Engine) -> None:
    """What came after a reading of this week came this week, whatever our clock and the meter's said then."""
    add(engine, a_reading(1, 60.01), a_reading(2, 60), a_reading(3, 5), a_reading(4, 60), a_reading(5, 60))
    assert until_all_is_gone(engine).readings == 1
    assert numbers(engine, ReadingRow) == [2, 3, 4, 5]


def test_who_looked_and_the_words_of_who_has_left_go_and_the_money_stays(engine: Engine) -> None:
    for days in (90, 61, 59):
        note_access(engine, LOOKER, "meters show", ["m1"], old(days))
    add(
        engine,
        *(
            TenancyRow(
                ean="e",
                number=number,
                meter="m1",
                until_ms=old(days),
                category="protected",
                language="fr",
                flags="medical",
                balance_ueur=7,
                recorded_by="anna",
                recorded_ms=old(days),
            )
            for number, days in enumerate((90, 69))
        ),
    )
    assert until_all_is_gone(engine) == Over(accesses=2, left=1)
    with reading(engine) as session:
        assert [each.at_ms for each in list_accesses(session, None, 9)] == [old(59)]
        assert [row.access for row in session.exec(select(AccessedRow))] == [3]
        rows = session.exec(select(TenancyRow).order_by(col(TenancyRow.number))).all()
        found = [(row.category, row.language, row.flags, row.balance_ueur) for row in rows]
    assert found == [
        (None, None, None, 7),
        ("protected", "fr", "medical", 7),
    ]


def test_contacts_addresses_and_proofs_go_by_age_and_what_happened_stays(engine: Engine) -> None:
    """Two reactivations: one whose deadline is long past, one that is open still."""
    for name, deadline, closed in (("before", 80, old(79)), ("now", 5, None)):
        add(
            engine,
            CampaignRow(
                **dict.fromkeys(("query", "basis", "zone", "sender", "phone", "language", "opened_by"), "x"),
                name=name,
                deadline_ms=old(deadline),
                opened_ms=old(100),
                closed_ms=closed,
            ),
            *(CampaignHouseholdRow(campaign=name, ean=f"{name}{n}", tenancies=0) for n in range(2)),
            *(
                NoticeRow(
                    campaign=name,
                    ean=f"{name}{n}",
                    wave="w",
                    means="email",
                    message_id=f"{name}{n}",
                    address="h@example.be",
                    reason="h@example.be: away",
                    state=state,
                    not_before_ms=old(90),
                    planned_ms=old(90),
                    sent_ms=old(89),
                )
                for n, state in enumerate(("sent", "sending"))
            ),
            *(
                HappeningRow(
                    campaign=name,
                    number=n,
                    ean=f"{name}{n}",
                    what="card_back",
                    channel="clerk",
                    proof="photo 118",
                    recorded_by="anna",
                    happened_ms=old(99),
                    learned_ms=old(days),
                )
                for n, days in enumerate((99, 61))
            ),
        )
    contacts = {"before0": 61, "before1": 59, "now0": 61, "none": None}
    add(
        engine,
        *(ContactRow(ean=ean, told_ms=None if age is None else old(age)) for ean, age in contacts.items()),
    )
    limits = structs.replace(LIMITS, contacts=60, reminders=70)
    gone: Counter[str] = Counter()
    while (done := purged(engine, limits=limits)).over.rows or done.as_of_ms < NOW_MS:
        gone.update(structs.asdict(done.over))
    assert +gone == Counter(contacts=1, reminders=1, proofs=1)
    with reading(engine) as session:
        assert set(session.exec(select(ContactRow.ean))) == {"before1", "now0", "none"}
        notices = session.exec(select(NoticeRow).where(NoticeRow.address == "")).all()
        assert [(row.message_id, row.state, row.reason, row.sent_ms) for row in notices] == [
            ("before0", "sent", "", old(89))
        ]
        blank = session.exec(select(HappeningRow).where(HappeningRow.proof == "")).all()
        assert [(row.campaign, row.number, row.what) for row in blank] == [("before", 0, "card_back")]


def test_ledger_orders_and_audit_are_never_touched(engine: Engine) -> None:
    add(engine, LinkRow(id="k1", state="online", sequence=1, meters=1, seen_ms=1))
    add(engine, MeterRow(id="m1", link="k1", first_seen_ms=1))
    with acting(engine, ROOT, ANNA, old(400)) as act:
        declare(act, "h", old(400), old(300))
    payment = PaymentRow(
        id="p",
        meter="m1",
        issuer="controller",
        number=1,
        total_ueur=1,
        amount_ueur=1,
        created_by="anna",
        created_ms=old(900),
    )
    add(engine, payment)
    add(engine, event(1, 90), event(2, 80))

    def counted(session: Session) -> list[int]:
        return [session.exec(select(func.count()).select_from(row)).one() for row in (PaymentRow, OrderRow)]

    with reading(engine) as session:
        before, audited = counted(session), session.exec(select(func.count()).select_from(AuditRow)).one()
    until_all_is_gone(engine)
    with reading(engine) as session:
        assert counted(session) == before
        assert verify_audit(session) is None
        assert session.exec(select(func.count()).select_from(AuditRow)).one() == audited + 1
        last = recent(session)[0].act
    assert (last.act, last.actor, last.subject, last.detail["rows"]) == ("purge", "anna", "events", 1)


def test_one_purge_goes_a_month_beyond_the_last_one_and_never_back(engine: Engine) -> None:
    add(engine, event(1, 500), event(2, 1))
    first = purged(engine)
    assert first.as_of_ms == old(500) + (LIMITS.events + 31) * DAY_MS
    assert purged(engine).as_of_ms == first.as_of_ms + 31 * DAY_MS
    until_all_is_gone(engine)
    far = purged(engine, NOW_MS + 4_000 * DAY_MS)
    assert far.as_of_ms == NOW_MS + 31 * DAY_MS, "a clock that is years ahead takes a month"
    with pytest.raises(RefusedError, match=r"the last one was as of .*, which is to come"):
        purged(engine)


def test_a_plan_counts_what_the_purge_then_takes(engine: Engine) -> None:
    add(engine, *(a_reading(number, 60 - number / 4) for number in range(230)))
    add(engine, event(1, 90), event(2, 80), event(3, 55), claim(1, 90), claim(2, 80), claim(3, 2))
    note_access(engine, LOOKER, "meters show", ["m1"], old(61))
    while True:
        with reading(engine) as session:
            as_of = as_of_ms(session, LIMITS, NOW_MS)
            planned = count_over(session, LIMITS, ZONE, as_of, NOW_MS)
        done = purged(engine)
        assert (done.as_of_ms, done.over) == (as_of, planned)
        if as_of == NOW_MS:
            break
    assert purged(engine).over == Over()


class _KilledError(Exception):
    """The process ends here."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None)
@given(kills=st.lists(st.integers(1, 6), max_size=4))
def test_killed_at_any_step_it_ends_in_the_same_rows(sqlite_store: Engine, kills: list[int]) -> None:
    with writing(sqlite_store) as session:
        for table in reversed(Table.metadata.sorted_tables):
            session.execute(table.delete())
    times = {number: old(60 - number / 4) for number in range(200)}
    limits = Cutoffs(old(LIMITS.readings), old(LIMITS.readings_by_day), old(LIMITS.readings_by_month))
    expected = set(times)
    for turn in range(3):
        mine = [Stamp(number, at_ms, at_ms) for number, at_ms in times.items() if number % 3 == turn]
        expected -= set(readings_to_take(mine, limits, ZONE))
    add(sqlite_store, *(a_reading(number, 60 - number / 4, meter=f"m{number % 3}") for number in times))
    add(sqlite_store, *(event(number, 120 - number) for number in range(60)))
    for steps in kills:
        left = steps

        @contextmanager
        def until_killed() -> Iterator[Session]:
            nonlocal left
            left -= 1
            with writing(sqlite_store) as session:
                yield session
                if left < 0:
                    raise _KilledError

        try:
            purge(Doors(lambda: reading(sqlite_store), until_killed), LIMITS, ZONE, "anna", NOW_MS)
        except _KilledError:
            continue
    until_all_is_gone(sqlite_store)
    assert numbers(sqlite_store, ReadingRow) == sorted(expected)
    assert numbers(sqlite_store, EventRow) == [59]


@pytest.mark.parametrize(("at_once", "taken"), [(2, 6), (3, 5), (100, 6)])
def test_a_purge_takes_so_many_rows_and_the_next_one_goes_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, at_once: int, taken: int
) -> None:
    monkeypatch.setattr(purging, "ROWS_MAX", 5)
    monkeypatch.setattr(purging, "_ROWS_AT_ONCE", 2)
    monkeypatch.setattr(purging, "_FOUND_AT_ONCE", at_once)
    add(engine, *(event(number, 81 - number / 100) for number in range(8)))
    done = purged(engine)
    assert (done.more, done.over.events) == (True, taken)
    assert until_all_is_gone(engine).events == 7 - taken
    assert numbers(engine, EventRow) == [7]


# -- who looked -----------------------------------------------------------------------------------


def test_of_a_long_list_it_is_only_kept_that_there_was_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.privacy.accesses.NAMED_MAX", 2)
    note_access(engine, LOOKER, "meters list", ["m1", "m2", "m3"], NOW_MS)
    note_access(engine, Looker(operator=None, os_user="jo"), "meters show", ["m2"], NOW_MS + HOUR_MS)
    note_access(engine, LOOKER, "meters list", [], NOW_MS)
    with reading(engine) as session:
        found = [(each.command, each.operator, each.whole_list) for each in list_accesses(session, "m2", 9)]
        assert found == [("meters show", None, False), ("meters list", "anna", True)]
        assert [each.command for each in list_accesses(session, "m9", 9)] == ["meters list"]
        assert session.exec(select(func.count()).select_from(AccessRow)).one() == 2
