"""The acts of people on the guarded fleet, and what is measured meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine
from sqlmodel import col, select

from controller.database.engine import reading
from controller.database.tables import DeliveryRow
from controller.demo import night
from controller.demo.choices import chance
from controller.demo.conductor import Acts, Conductor
from controller.demo.guarded_fleet import GuardedFleet
from controller.demo.operators import Operators
from controller.demo.population import Reactivation, ShopPayment, TwinHousehold
from controller.orders.life import DeliveryState
from controller.service.serve import Service
from emulator.firmware.events import Document, DocumentChannel
from protocols.cutting.planning import PlanRefusedError
from protocols.instants import HOUR_MS, MINUTE_MS
from protocols.link.carriage import NotConnectedError
from protocols.reasons import FlagName, Supply
from protocols.words.en.plans import findings_in_words

# The share of the fleet on the wrong list, in percent; and how many meters were meant, but at most one in
# `_MEANT_ONE_IN` of the list.
WRONG_SCOPE_PERCENT: Final = 40
MEANT: Final = 12
_MEANT_ONE_IN: Final = 4
# Meters in one cut order; a scope could hold a few more.
_METERS_PER_ORDER: Final = 400
# How often the service plans its leases; it also does after each act that changes what they must name.
_JOBS_EVERY_MS: Final = 3 * HOUR_MS
_JOBS_AFTER_MS: Final = MINUTE_MS
_COPY_AFTER_MS: Final = 2 * HOUR_MS
_RELEASE_PATIENCE_S: Final = 60.0
_POLL_EVERY_S: Final = 0.02


@dataclass(slots=True)
class MeasuredRelease:
    """The release of act two, and how fast it was.

    `seconds`: for each meter that was off, from the commit until its report of supply was stored.
    """

    order_id: str = ""
    off_before: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """What the acts recorded for the report."""

    refused_plan: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()
    wrong_scope: tuple[str, ...] = ()
    meant: tuple[str, ...] = ()
    paid_ueur: int = 0
    release: MeasuredRelease = field(default_factory=MeasuredRelease)
    order_ids: dict[str, str] = field(default_factory=dict)


class GuardedActs:
    """The script of acts; `part` is added to the conductor."""

    def __init__(
        self,
        homes: Sequence[TwinHousehold],
        seed: int,
        fleet: GuardedFleet,
        operators: Operators,
        service: Service,
        store: Engine,
        conductor: Conductor,
        stir: Callable[[], None],
    ) -> None:
        self.record = Record()
        self._homes = homes
        self._seed = seed
        self._fleet = fleet
        self._operators = operators
        self._service = service
        self._store = store
        self._conductor = conductor
        self.part = Acts(conductor, self._script(), stir)

    def _script(self) -> list[tuple[int, Callable[[], Awaitable[None]]]]:
        script: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (night.CALENDAR_SET_MS, self._set_calendar),
            (night.DECLARED_MS, self._declare),
            (night.FLAGS_MS, self._set_flags),
            (night.EXTENDED_MS, self._extend),
            (night.EXTENDED_AGAIN_MS, self._extend_again),
            (night.PLANNED_SIGNED_MS, self._plan_cut),
            (night.WRONG_CUT_MS, self._order_wrong_cut),
        ]
        changing = (night.FLAGS_MS, night.EXTENDED_MS, night.EXTENDED_AGAIN_MS)
        ticks = {
            *range(night.START_MS + _JOBS_EVERY_MS, night.END_MS, _JOBS_EVERY_MS),
            *(at + _JOBS_AFTER_MS for at in changing),
        }
        script += [(at_ms, self._tick) for at_ms in sorted(ticks)]
        for home in self._homes:
            script += [
                (top_up.at_ms, self._payment(home, top_up))
                for top_up in home.top_ups
                if top_up.at_ms + _COPY_AFTER_MS < night.END_MS
            ]
        return script

    async def _tick(self) -> None:
        # The timeserver's answer comes after the tick, and is heard in time for the next.
        with suppress(NotConnectedError):  # the post finds a lost connection, and says so
            await self._service.clock.ask()
        await self._service.jobs.tick_now()

    async def _set_calendar(self) -> None:
        self.record.order_ids["calendar"] = self._operators.set_calendar()

    async def _declare(self) -> None:
        self.record.order_ids["declared"] = self._operators.declare()

    async def _set_flags(self) -> None:
        flags: list[tuple[str, FlagName]] = []
        for home in self._homes:
            flags += [(home.guarded, FlagName.PROTECTED)] if home.protected else []
            flags += [(home.guarded, FlagName.MEDICAL)] if home.medical else []
        self._operators.set_flags(flags)

    async def _extend(self) -> None:
        self.record.order_ids["extended"] = self._operators.extend(night.PLANNED_CUT_MS)

    async def _extend_again(self) -> None:
        self.record.order_ids["extended_again"] = self._operators.extend(night.MORATORIUM_ENDS_MS)

    async def _plan_cut(self) -> None:
        """The cut of 3 July, 23:01: the linter refuses it, and two people sign it without the linter."""
        self.record.planned = tuple(
            home.guarded for home in self._homes if home.reactivation is Reactivation.NOT
        )
        span_ms = (night.PLANNED_CUT_MS, night.PLANNED_UNTIL_MS)
        try:
            self._operators.cut(night.PLANNED_CUT, self.record.planned, span_ms)
        except PlanRefusedError as refused:
            self.record.refused_plan = findings_in_words(refused.findings, refused.policy)
        for name, meters in _batches(night.PLANNED_CUT, self.record.planned):
            self.record.order_ids[name] = self._operators.cut_unlinted(name, meters, span_ms)

    async def _order_wrong_cut(self) -> None:
        """Two people sign a list with 40 percent of the fleet; only a few meters were meant."""
        ranked = sorted(self._homes, key=lambda home: chance(self._seed, home.number, "wrong scope", 2**64))
        scope = [home.guarded for home in ranked[: len(ranked) * WRONG_SCOPE_PERCENT // 100]]
        meant = min(MEANT, -(-len(scope) // _MEANT_ONE_IN))
        self.record.meant, self.record.wrong_scope = tuple(scope[:meant]), tuple(scope)
        span_ms = (night.WRONG_CUT_MS, night.WRONG_CUT_UNTIL_MS)
        for name, meters in _batches(night.WRONG_CUT, scope):
            self.record.order_ids[name] = self._operators.cut(name, meters, span_ms)

    def _payment(self, home: TwinHousehold, top_up: ShopPayment) -> Callable[[], Awaitable[None]]:
        async def pay() -> None:
            self._operators.top_up(top_up.id, home.guarded, top_up.amount_ueur)
            # The shop waits for the service, which has heard every meter at the beginning.
            await self._service.booking.book_due()
            envelope = self._operators.statement_of(top_up.id)
            self.record.paid_ueur += top_up.amount_ueur
            if top_up.by_card:
                # The card is faster than the message: the meter gets the same statement twice.
                card = Document(envelope, DocumentChannel.CARD)
                await self._fleet.running(home.guarded).apply(home.guarded, card)
            if top_up.twice:
                self._fleet.bring(self._conductor.now_ms() + _COPY_AFTER_MS, home.guarded, Document(envelope))

        return pay

    async def release(self) -> None:
        """Release everybody in real time, and measure the time until each meter's report is stored."""
        found = self.record.release
        names = [home.guarded for home in self._homes]
        found.off_before = tuple(
            name for name in names if self._fleet.meter(name).glance.supply is Supply.OFF
        )
        found.order_id = await asyncio.to_thread(self._operators.release_all)
        committed_s = time.perf_counter()
        waiting = set(found.off_before)

        async def all_back() -> bool:
            await asyncio.sleep(_POLL_EVERY_S)
            effective = await asyncio.to_thread(self._effective, found.order_id)
            seen_s = time.perf_counter() - committed_s
            for meter in waiting & effective:
                found.seconds[meter] = seen_s
            waiting.difference_update(effective)
            return not waiting

        await self._conductor.run_at_rate_one(all_back, _RELEASE_PATIENCE_S)

    def _effective(self, order_id: str) -> set[str]:
        with reading(self._store) as session:
            return set(
                session.exec(
                    select(DeliveryRow.meter).where(
                        col(DeliveryRow.order_id) == order_id,
                        col(DeliveryRow.state) == DeliveryState.EFFECTIVE,
                    )
                )
            )


def _batches(name: str, meters: Sequence[str]) -> list[tuple[str, Sequence[str]]]:
    """The meters of one act in batches, one for each order, with the order's name."""
    batches = [
        meters[first : first + _METERS_PER_ORDER] for first in range(0, len(meters), _METERS_PER_ORDER)
    ]
    return [(name if index == 0 else f"{name}-{index + 1}", batch) for index, batch in enumerate(batches)]
