"""A moratorium for a group reaches whoever is in it or is not known, and nobody known to be outside.

The first property is played beside a model of sets; the stories after it with real meters on links.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete
from sqlmodel import col, select

from controller.connections.moving import move_out
from controller.database.engine import reading, writing
from controller.database.tables import (
    DeliveryRow,
    HouseholdGroupRow,
    HouseholdRow,
    LinkRow,
    MeterRow,
    OrderRow,
    OutboxRow,
)
from controller.exchange.sync_answer import welcome
from controller.leases.acts import leases_held
from controller.meters.grouped import read_group
from controller.moratoriums.acts import StillInForceError, declare, extend, lift
from controller.moratoriums.views import HoldView, list_holds
from controller.orders import acts as order_acts
from controller.orders import store as orders
from controller.orders.active import active_orders
from controller.orders.reviving import revive_early_ended
from controller.orders.standing import standing_of
from controller.orders.upkeep import keep_up
from controller.why.forecast import orders_that_bear
from protocols.documents import drafting
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.explanation import ProtectedNow
from tests.controller.connections.bench import ANNA, DORA, ERIC, NOW_MS, act_of, people, replaced, reports
from tests.controller.households.households import ean, take_file
from tests.controller.service_bench import World, controller_with, make_link, seal_order
from tests.emulator.firmware.guarded.workbench import ROOT

NAMUR = Scope(group="area/Namur")
WINTER = Scope(group="winter")
METERS = ("m1", "m2", "m3", "m4")
UNTIL_MS = NOW_MS + 30 * DAY_MS


def given_to(engine: Engine, name: str = "flood") -> set[str]:
    """The meters that have a delivery of a hold."""
    with reading(engine) as session:
        ids = select(OrderRow.id).where(OrderRow.object == f"hold/{name}", OrderRow.state == "active")
        return set(session.exec(select(DeliveryRow.meter).where(col(DeliveryRow.order_id).in_(ids))))


def queued_for(engine: Engine) -> set[str]:
    with reading(engine) as session:
        return set(session.exec(select(OutboxRow.meter).where(col(OutboxRow.order_id).is_not(None))))


def view_of(engine: Engine, name: str = "flood") -> HoldView:
    with reading(engine) as session:
        return next(hold for hold in list_holds(session) if hold.name == name)


def speaks(engine: Engine, *meters: str) -> None:
    """These meters join by a report, as `exchange.intake` takes it."""
    with writing(engine) as session:
        if session.get(LinkRow, "k1") is None:
            session.add(LinkRow(id="k1", state="online", sequence=1, meters=1, seen_ms=1))
            session.flush()
        new = [name for name in meters if session.get(MeterRow, name) is None]
        session.add_all(MeterRow(id=name, link="k1", first_seen_ms=1) for name in new)
        session.flush()
        welcome(session, meters, NOW_MS)


def ticks(engine: Engine) -> None:
    with writing(engine) as session:
        keep_up(session, NOW_MS, NOW_MS)


def loses(engine: Engine, meter: str) -> None:
    """The store is restored to a moment before it knew of this meter."""
    with writing(engine) as session:
        for table in (DeliveryRow, OutboxRow):
            session.execute(delete(table).where(col(table.meter) == meter))
        session.execute(delete(MeterRow).where(col(MeterRow.id) == meter))


def emptied(engine: Engine) -> None:
    with writing(engine) as session:
        tables = (DeliveryRow, OutboxRow, OrderRow, MeterRow, HouseholdGroupRow, HouseholdRow)
        for table in tables:
            session.execute(delete(table))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("Namur", "Mons", "", "speaks", "ticks", "loses", "declares")),
        st.integers(0, len(METERS) - 1),
    ),
    max_size=12,
)


@pytest.mark.parametrize("scope", [NAMUR, WINTER], ids=["area", "free group"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(steps=STEPS)
def test_whoever_is_inside_or_unknown_gets_it_in_whatever_order_and_no_one_else(
    engine: Engine, scope: Scope, steps: list[tuple[str, int]]
) -> None:
    emptied(engine)
    by_area = scope is NAMUR
    take_file(engine, "ean,meter,area,groups", f"{ean(99)},m99,Namur,winter")
    said: dict[str, str] = {}
    known: set[str] = set()
    declared: set[str] | None = None

    def reached(among: Collection[str]) -> set[str]:
        unknown = {"", "nothing"} if by_area else {"nothing"}
        return {name for name in among if said.get(name, "nothing") in unknown | {"Namur"}}

    for what, number in [*steps, ("declares", 0), ("ticks", 0)]:
        name = METERS[number]
        if what == "speaks":
            speaks(engine, name)
            known.add(name)
            if declared is not None:
                declared |= reached([name])
        elif what == "loses":
            loses(engine, name)
            known.discard(name)
            if declared is not None:
                declared.discard(name)
        elif what == "declares":
            if declared is None:
                with act_of(engine) as act:
                    declare(act, "flood", NOW_MS, UNTIL_MS, scope)
                declared = reached(known)
        elif what == "ticks":
            ticks(engine)
            if declared is not None:
                declared |= reached(known)
        else:
            group = "winter" if what == "Namur" else ""
            take_file(engine, "ean,meter,area,groups", f"{ean(number)},{name},{what},{group}")
            said[name] = what
        if declared is not None:
            assert given_to(engine) == declared
            assert queued_for(engine) == declared, "what is given is queued too: nothing was sent yet"
    assert declared is not None
    assert declared >= reached(known)


def run_story(engine: Engine, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with controller_with(engine, make_link("link-1", METERS[:3])) as world:
            world.permit()
            await story(world)

    asyncio.run(run())


def holders(world: World, name: str = "hold/flood") -> set[str]:
    """The meters that hold it themselves."""
    return {meter for meter in METERS[:3] if name in world.meter(meter).memory.protections}


def test_real_meters_hold_it_and_a_lease_names_it_for_those_that_do(any_store: Engine) -> None:
    take_file(any_store, "ean,meter,area", f"{ean(1)},m1,Namur", f"{ean(2)},m2,Mons")

    def leased() -> set[str]:
        with reading(any_store) as session:
            held = leases_held(session)
        return {
            meter for meter, lease in held.items() if any(each.object == "hold/flood" for each in lease.names)
        }

    async def story(world: World) -> None:
        world.declare("flood", world.now_ms, world.now_ms + 9 * DAY_MS, NAMUR)
        await world.settle()
        await world.tick()
        assert (holders(world), leased()) == ({"m1", "m3"}, {"m1", "m3"})
        assert not world.retained or all(b"area/Namur" not in each for each in world.retained.values())
        assert view_of(any_store).strangers == 1, "m3, which no file names"
        # m2 comes into the group, and m1 leaves it and keeps what it has.
        take_file(any_store, "ean,meter,area", f"{ean(1)},m1,Mons", f"{ean(2)},m2,Namur")
        await world.tick()
        await world.tick()
        assert (holders(world), leased()) == ({"m1", "m2", "m3"}, {"m1", "m2", "m3"})
        assert view_of(any_store).strangers == 2
        # A meter whose image was lost is sent it again, though it has left the group.
        world.meter("m1").memory.protections = {}
        world.connect("link-1")
        await world.settle()
        assert holders(world) == {"m1", "m2", "m3"}

    run_story(any_store, story)


@pytest.fixture
def two_areas(engine: Engine) -> Engine:
    """m1 and m3 in Namur, m2 in Mons, m4 in no file; m5 in Namur never spoke."""
    rows = ("1,m1,Namur", "2,m2,Mons", "3,m3,Namur", "5,m5,Namur")
    lines = (f"{ean(int(row[0]))}{row[1:]}" for row in rows)
    take_file(engine, "ean,meter,area", *lines)
    speaks(engine, *METERS)
    return engine


def test_who_never_spoke_is_unknown_and_not_among_those_it_was_sent_to(two_areas: Engine) -> None:
    with act_of(two_areas) as act:
        declare(act, "flood", NOW_MS, UNTIL_MS, NAMUR)
        declare(act, "all", NOW_MS, UNTIL_MS)
    flood, everybody = view_of(two_areas), view_of(two_areas, "all")
    assert (flood.group, flood.fleet, flood.basis) == ("area/Namur", False, "work order 7")
    assert (flood.progress.unknown, flood.progress.total, flood.never_spoken) == (3, 3, 1)
    assert (everybody.group, everybody.progress.total, everybody.never_spoken) == (None, 4, 1)
    assert (flood.strangers, everybody.strangers) == (0, 0), "nobody has stored it yet"


def test_extended_it_goes_to_the_group_and_to_all_that_had_it(two_areas: Engine) -> None:
    with act_of(two_areas) as act:
        declare(act, "flood", NOW_MS, UNTIL_MS, NAMUR)
    take_file(two_areas, "ean,meter,area", f"{ean(1)},m1,Mons", f"{ean(2)},m2,Namur")
    with act_of(two_areas) as act:
        status = extend(act, "flood", UNTIL_MS + DAY_MS)
    assert status.order.scope == NAMUR
    assert given_to(two_areas) == {"m1", "m2", "m3", "m4"}
    assert view_of(two_areas).until_ms == UNTIL_MS + DAY_MS


@pytest.mark.parametrize(("said", "stands"), [("", "work order 7"), ("law of 1 May", "law of 1 May")])
def test_an_extension_stands_on_the_ground_before_it_unless_another_is_said(
    two_areas: Engine, said: str, stands: str
) -> None:
    with act_of(two_areas) as act:
        declare(act, "flood", NOW_MS, UNTIL_MS, NAMUR)
        extend(replace(act, basis=said), "flood", UNTIL_MS + DAY_MS)
    assert view_of(two_areas).basis == stands


def test_a_group_may_have_more_meters_than_one_statement_takes(
    two_areas: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.database.bulk.METERS_AT_ONCE", 1)
    with act_of(two_areas) as act:
        declare(act, "flood", NOW_MS, UNTIL_MS, NAMUR)
        extend(act, "flood", UNTIL_MS + DAY_MS)
    assert given_to(two_areas) == queued_for(two_areas) == {"m1", "m3", "m4"}


def test_several_hold_a_meter_the_latest_end_first_and_lifting_one_leaves_the_others(
    two_areas: Engine,
) -> None:
    with act_of(two_areas) as act:
        declare(act, "short", NOW_MS, NOW_MS + DAY_MS)
        declare(act, "flood", NOW_MS, UNTIL_MS, NAMUR)
        declare(act, "long", NOW_MS, UNTIL_MS + DAY_MS)

    def held(meter: str) -> list[str]:
        with reading(two_areas) as session:
            active = active_orders(session, [meter])[meter]
        parts = orders_that_bear(active, standing_of(active, NOW_MS + HOUR_MS), NOW_MS + HOUR_MS)
        return [part.object for part in parts if isinstance(part, ProtectedNow)]

    assert (held("m1"), held("m2")) == (
        ["hold/long", "hold/flood", "hold/short"],
        ["hold/long", "hold/short"],
    )
    with act_of(two_areas, DORA) as act:
        drafted = lift(act, "flood").order.id
    with act_of(two_areas, ERIC) as act:
        order_acts.sign(act, drafted)
    assert held("m1") == held("m2") == ["hold/long", "hold/short"]
    ticks(two_areas)
    assert given_to(two_areas) == {*METERS}, "the lift alone, by all"


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ("area/Namurr", 'no household is in the group "area/Namurr"; did you mean area/Namur?'),
        ("wintre", 'no household is in the group "wintre"; `relance groups list`'),
    ],
)
def test_a_group_that_nobody_is_in_is_refused(two_areas: Engine, group: str, told: str) -> None:
    with act_of(two_areas) as act, pytest.raises(RefusedError, match=told.replace("?", r"\?")):
        declare(act, "flood", NOW_MS, UNTIL_MS, Scope(group=group))


@pytest.mark.parametrize("text", ["region/Namur", "area/", "area/Na*", "a b", "", "area/" + "x" * 64])
def test_what_is_no_group_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(InputError, match=r"--group: .*; allowed: "):
        read_group(text, "--group")


def test_harm_for_a_group_is_refused_and_so_is_a_second_declaration(two_areas: Engine) -> None:
    with writing(two_areas) as session:
        sheet = orders.draw_sheet(session, Kind.LIFT_HOLD, "flood", NOW_MS, "t")
        lifting = drafting.lift_moratorium(sheet, "flood", NAMUR)
        release = drafting.release(sheet, ANNA.signer.keyid, 72, NAMUR)
        for order in (lifting, release):
            told = f'{order.kind} for group "area/Namur"; allowed: meters by name'
            with pytest.raises(InputError, match=told):
                orders.propose(session, seal_order(order), "dora", NOW_MS)
    with act_of(two_areas) as act:
        declare(act, "flood", NOW_MS, UNTIL_MS, NAMUR)
        with pytest.raises(StillInForceError):
            declare(act, "flood", NOW_MS, UNTIL_MS, Scope(group="area/Mons"))


def test_a_new_meter_in_the_place_of_one_is_given_it_as_a_member(
    engine: Engine,
) -> None:
    people(engine)
    with act_of(engine) as act:
        declare(act, "flood", NOW_MS, UNTIL_MS, NAMUR)
        declare(act, "own", NOW_MS, UNTIL_MS, Scope(meters=("m1",)))
    reports(engine, "m1", 0)
    carried = [status.order.object for status in replaced(engine, "m9").carried.protection]
    assert ("hold/own" in carried, "hold/flood" in carried) == (True, False)
    ticks(engine)
    assert given_to(engine) == {"m1", "m7", "m9"}


def test_who_had_left_the_group_gets_it_by_name_and_moving_out_lifts_nothing_of_a_group(
    engine: Engine,
) -> None:
    people(engine)
    with act_of(engine) as act:
        declare(act, "flood", NOW_MS, UNTIL_MS, NAMUR)
    reports(engine, "m1", 0)
    take_file(engine, "ean,area", f"{ean(1)},Mons")
    carried = [status.order.object for status in replaced(engine, "m9").carried.protection]
    assert "hold/flood" in carried
    take_file(engine, "ean,area", f"{ean(1)},Namur")
    ticks(engine)
    with act_of(engine) as act:
        drafts = move_out(act, "m9", NOW_MS).drafts
    assert "hold/flood" not in {each.order.object for each in drafts}
    assert view_of(engine).group == "area/Namur", "though the latest order is for m9 alone"


def test_what_a_wrong_clock_ended_comes_back_for_all_that_had_it(two_areas: Engine) -> None:
    with act_of(two_areas) as act:
        declare(act, "flood", NOW_MS, UNTIL_MS, NAMUR)
    take_file(two_areas, "ean,area", f"{ean(1)},Mons", f"{ean(2)},Namur")
    with writing(two_areas) as session:
        session.execute(delete(OutboxRow))
        keep_up(session, UNTIL_MS + 90 * DAY_MS, UNTIL_MS + 90 * DAY_MS)
        assert list_holds(session) == []
        assert revive_early_ended(session, ROOT, NOW_MS, NOW_MS) == 1
    assert given_to(two_areas) == {*METERS}
    assert "m1" in queued_for(two_areas)
