"""Flags of the file reach real meters: no meter has one until a person orders it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Engine

from controller.database.engine import reading
from controller.households.flags_due import FlagDue, flags_due, order_due
from controller.meters.choosing import METER_FIELDS
from controller.meters.views import meter_names, show_meter
from controller.office.people import Actor
from controller.orders.acting import acting
from controller.orders.views import list_deliveries
from controller.query.rules import read_query
from protocols.instants import HOUR_MS, MINUTE_MS
from protocols.reasons import FlagName
from tests.controller.households.households import ean, take_file
from tests.controller.service_bench import World, controller_with, make_link
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS


def play(engine: Engine, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with controller_with(engine, make_link("k1", ("m1", "m2"))) as world:
            await story(world)

    asyncio.run(run())


def due(engine: Engine, now_ms: int) -> list[FlagDue]:
    with reading(engine) as session:
        return flags_due(session, now_ms)


def test_a_household_is_known_before_its_meter_speaks_and_protected_once_somebody_orders_it(
    engine: Engine,
) -> None:
    rows = (f"{ean(1)},m1,Namur,medical dispute", f"{ean(2)},m2,Namur,", f"{ean(3)},,Mons,protected")
    take_file(engine, "ean,meter,area,flags", *rows)
    with reading(engine) as session:
        assert show_meter(session, "m1").expected

    async def story(world: World) -> None:
        world.connect("k1")
        await world.wait(10 * MINUTE_MS, MINUTE_MS)
        with reading(engine) as session:
            chosen = meter_names(session, read_query("group==area/Namur", METER_FIELDS, "q"), world.now_ms)
            view = show_meter(session, "m1")
        assert chosen == ("m1", "m2")
        assert (view.expected, view.link, view.supply) == (False, "k1", "on")
        assert view.household is not None

        found = due(engine, world.now_ms)
        silent = FlagDue(ean(3), ean(3), FlagName.PROTECTED, spoken=False)
        assert found == [
            silent,
            FlagDue("m1", ean(1), FlagName.DISPUTE, spoken=True),
            FlagDue("m1", ean(1), FlagName.MEDICAL, spoken=True),
        ]
        anna = Actor("anna", SIGNERS["anna"])
        with acting(engine, ROOT, anna, world.now_ms, "the DSO's file") as act:
            order_due(act, found[1:])
        assert due(engine, world.now_ms) == [silent]
        await world.settle()
        await world.wait(2 * HOUR_MS)
        with reading(engine) as session:
            reached = {
                (each.meter, each.object): each.state
                for meter in ("m1", "m2")
                for each in list_deliveries(session, meter=meter)
                if each.object.startswith("flag/")
            }
        assert reached == {("m1", f"flag/{name}"): "effective" for name in ("dispute", "medical")}

    play(engine, story)


@pytest.mark.parametrize("flags", ["medical", "protected", "dispute medical protected"])
def test_a_flag_is_due_until_an_order_sets_it(engine: Engine, flags: str) -> None:
    async def story(world: World) -> None:
        world.connect("k1")
        await world.wait(10 * MINUTE_MS, MINUTE_MS)
        take_file(engine, "ean,meter,flags", f"{ean(1)},m1,{flags}")
        names = flags.split()
        while names:
            found = due(engine, world.now_ms)
            assert [each.flag for each in found] == names
            with acting(engine, ROOT, Actor("anna", SIGNERS["anna"]), world.now_ms) as act:
                order_due(act, found[:1])
            names = names[1:]
        assert due(engine, world.now_ms) == []

    play(engine, story)
