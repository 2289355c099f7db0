"""What wakes the service, and what it then does (design §6): APScheduler wakes, it never decides.

Measured on 3.11: a clock set ahead runs a dated job at once, one set past it loses the job without a word,
and one set back stops every job for as long as it was set. So there is one job without a date or an
argument, "look"; what is due is worked out from the database with the time as data; and a wake-up that
stays away is noticed by the loop's own clock, which nobody can set.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from msgspec import Struct
from sqlalchemy import Engine

from controller.database.engine import reading, writing
from controller.leases.acts import renew_leases, upkeep_mark
from controller.office.audit import SERVICE
from controller.office.people import Actor
from controller.orders.acting import acting
from controller.orders.upkeep import UpkeepDone, keep_up
from protocols.documents.envelope import Signer
from protocols.documents.roles import Root
from protocols.errors import RelanceError
from protocols.instants import MINUTE_MS, SECOND_MS
from protocols.timekeeping import Timekeeper

logger = logging.getLogger(__name__)

TICK_MS: Final = 10 * SECOND_MS
# Leases are worked out anew after any act, and at least this often, since names run out by themselves.
_PLAN_AGAIN_MS: Final = 10 * MINUTE_MS


class Done(Struct, frozen=True, kw_only=True):
    """What a tick did."""

    upkeep: UpkeepDone
    leases: int


class Jobs:
    """`tick` is the decision function; `run` wakes it by APScheduler, `run_by` by a clock that is stepped."""

    def __init__(
        self,
        engine: Engine,
        root: Root,
        signer: Signer,
        timekeeper: Timekeeper,
        lock: asyncio.Lock,
        done: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._root = root
        self._actor = Actor(SERVICE, signer)
        self._timekeeper = timekeeper
        self._lock = lock
        self._done = done
        self._woken = asyncio.Event()
        # Only spares work: without it the next tick comes to the same plan again.
        self._planned: tuple[tuple[int, int], int] | None = None

    def tick(self, now_ms: int) -> Done:
        """Do what is due at `now_ms`. Idempotent: a second call at once finds nothing to do."""
        with writing(self._engine) as session:
            upkeep = keep_up(session, now_ms)
        with reading(self._engine) as session:
            mark = upkeep_mark(session)
        if self._planned is not None:
            planned_mark, planned_ms = self._planned
            if planned_mark == mark and 0 <= now_ms - planned_ms < _PLAN_AGAIN_MS:
                return Done(upkeep=upkeep, leases=0)
        with acting(self._engine, self._root, self._actor, now_ms, "renewal") as act:
            leases = renew_leases(act)
            self._planned = upkeep_mark(act.session), now_ms
        return Done(upkeep=upkeep, leases=leases)

    async def tick_now(self) -> Done:
        """A tick at the present instant, beside whatever else writes."""
        async with self._lock:
            done = await asyncio.to_thread(self.tick, self._timekeeper.now_ms())
        self._done()
        return done

    async def run(self) -> None:
        """Tick when woken, for ever."""
        # The zone is named so that nobody's TZ decides; an interval has no use for it.
        scheduler = AsyncIOScheduler(timezone="UTC")
        # Missed runs are made up for by one: a run is a look, and one look sees all.
        scheduler.add_job(
            self._woken.set,
            IntervalTrigger(seconds=TICK_MS // SECOND_MS, timezone="UTC"),
            misfire_grace_time=None,
            coalesce=True,
        )
        scheduler.start()
        try:
            while True:
                await self._tick_safely()
                await self._wait()
        finally:
            scheduler.shutdown(wait=False)

    async def run_by(self, every_ms: int = TICK_MS) -> None:
        """Tick by the timekeeper's own rhythm: a demo steps it."""
        while True:
            await self._tick_safely()
            await self._timekeeper.sleep_until(self._timekeeper.now_ms() + every_ms)

    async def _wait(self) -> None:
        self._woken.clear()
        try:
            async with asyncio.timeout(2 * TICK_MS / SECOND_MS):
                await self._woken.wait()
        except TimeoutError:
            logger.warning("jobs: the wake-up did not come; was the clock set back?")

    async def _tick_safely(self) -> None:
        try:
            await self.tick_now()
        except RelanceError as error:
            # A database that is away, say; the next tick finds the same work.
            logger.warning("jobs: %s", error)
