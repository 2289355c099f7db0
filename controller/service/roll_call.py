"""Tells a person at the terminal of `relance serve` who is there: how many links, how many meters.

A fleet of a thousand links connects within seconds: a count is told once it has stood still.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import col, func, select

from controller.database.engine import reading
from controller.database.tables import LinkRow, MeterRow
from controller.meters.registry import BY_CARD, LinkState
from controller.meters.retired import in_fleet

_LOOK_EVERY_S: Final = 2.0


class Roll(Struct, frozen=True, kw_only=True):
    """Who has come: links, how many of them are online, and meters."""

    links: int
    online: int
    meters: int


_STATES: Final = select(LinkRow.state, func.count()).where(LinkRow.id != BY_CARD).group_by(col(LinkRow.state))


class RollCall:
    """`run` looks again and again, and hands each new roll to `tell`, once it is the same at two looks."""

    def __init__(
        self, engine: Engine, tell: Callable[[Roll], None], look_every_s: float = _LOOK_EVERY_S
    ) -> None:
        self._engine = engine
        self._tell = tell
        self._look_every_s = look_every_s
        self._told: Roll | None = None
        self._seen: Roll | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            # First wait: links answer a new service's birth within a moment.
            await asyncio.sleep(self._look_every_s)
            self.hear(await asyncio.to_thread(self._count))

    def hear(self, roll: Roll) -> None:
        """Tell this roll if the look before has seen the same, and the one told last was another."""
        if roll == self._seen and roll != self._told:
            self._told = roll
            self._tell(roll)
        self._seen = roll

    def _count(self) -> Roll:
        with reading(self._engine) as session:
            states = dict(iter(session.exec(_STATES)))
            meters = session.exec(select(func.count()).select_from(MeterRow).where(in_fleet())).one()
        return Roll(links=sum(states.values()), online=states.get(LinkState.ONLINE, 0), meters=meters)
