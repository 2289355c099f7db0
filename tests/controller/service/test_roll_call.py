"""Who runs `relance serve` sees its fleet come: each count once, when it has stood still."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from controller.database.engine import writing
from controller.database.tables import LinkRow, MeterRow
from controller.service.roll_call import Roll, RollCall
from tests.emulator.firmware.guarded.workbench import MONDAY_MS

PATIENCE_S = 20.0


def call(store: Engine, told: list[Roll]) -> RollCall:
    return RollCall(store, told.append, look_every_s=0.001)


def test_links_and_meters_are_counted_and_offline_links_apart(any_store: Engine) -> None:
    with writing(any_store) as session:
        for number, state in ((1, "online"), (2, "online"), (3, "offline"), (4, "unverified")):
            session.add(LinkRow(id=f"l{number}", state=state, sequence=1, meters=1, seen_ms=MONDAY_MS))
        session.flush()
        session.add(MeterRow(id="m1", link="l1", first_seen_ms=MONDAY_MS))

    async def story() -> list[Roll]:
        told: list[Roll] = []
        running = asyncio.create_task(call(any_store, told).run())
        async with asyncio.timeout(PATIENCE_S):
            while not told:  # noqa: ASYNC110 # it has no event
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return told

    assert asyncio.run(story()) == [Roll(links=4, online=2, meters=1)]


@given(st.lists(st.integers(0, 2), max_size=12))
def test_a_count_is_told_once_when_it_has_stood_still(counts: list[int]) -> None:
    told: list[Roll] = []
    calling = RollCall(None, told.append)  # type: ignore[arg-type] # it counts nothing here
    for count in counts:
        calling.hear(Roll(links=count, online=count, meters=0))
    stood = [count for count, next_one in pairwise(counts) if count == next_one]
    expected = [count for place, count in enumerate(stood) if place == 0 or count != stood[place - 1]]
    assert [roll.links for roll in told] == expected
