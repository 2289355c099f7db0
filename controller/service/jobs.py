"""The service's periodic jobs (design §6). APScheduler only wakes them; it never decides what is due.

Measured with APScheduler 3.11: when the clock is set ahead, a dated job runs at once; when it is set past the
job's grace time, the job is dropped; when it is set back, every job stops for that long. So there is
only one job, without a date or an argument. What is due is worked out from the database, with the time as an
argument. A wake-up that does not come is noticed by the event loop's monotonic clock, which nobody can set.
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
from controller.office.issuers_store import IssuersSealed, issuers_in_force
from controller.office.people import Actor
from controller.office.root_chain import RootChain
from controller.office.root_store import newer_root, root_chain
from controller.orders.acting import acting
from controller.orders.outbox import spread_issuers, spread_root
from controller.orders.reviving import revive_early_ended
from controller.orders.upkeep import UpkeepDone, keep_up
from controller.service.clock import ServiceClock
from controller.service.supervising import STORE_ERRORS, Trouble
from controller.timing.store import ClockWritten, write_clock
from protocols.documents.envelope import Signer
from protocols.documents.roles import Root
from protocols.instants import MINUTE_MS, SECOND_MS

logger = logging.getLogger(__name__)

TICK_MS: Final = 10 * SECOND_MS
# Leases are planned again after any act, and at least this often, since holds end by themselves.
_PLAN_AGAIN_MS: Final = 10 * MINUTE_MS


class Done(Struct, frozen=True, kw_only=True):
    """What one tick did: the upkeep, and how many leases were issued."""

    upkeep: UpkeepDone
    leases: int


class Jobs:
    """`tick` does what is due; `run` calls it by APScheduler, `run_by` by a timekeeper that is stepped."""

    def __init__(
        self,
        engine: Engine,
        root: Root,
        signer: Signer,
        clock: ServiceClock,
        lock: asyncio.Lock,
        done: Callable[[], None],
        leads: Callable[[], bool] = lambda: True,
        rooted: Callable[[Root, bytes, RootChain], None] | None = None,
        issued: Callable[[IssuersSealed], None] | None = None,
        issuers: IssuersSealed | None = None,
    ) -> None:
        self._issued = issued
        self._issuers = issuers
        self._leads = leads
        self._engine = engine
        self._root = root
        self._actor = Actor(SERVICE, signer)
        self._clock = clock
        self._lock = lock
        self._done = done
        self._rooted = rooted
        self._woken = asyncio.Event()
        self._trouble = Trouble("jobs")
        # Only saves work: without it the next tick would make the same plan again.
        self._planned: tuple[tuple[int, int, int], int] | None = None

    def tick(self, clock: ClockWritten) -> Done:
        """Do what is due now, as the service believes. Idempotent: a second call at once finds nothing to do.

        While the clock is doubtful nothing ends, and no lease is renewed.
        """
        now, now_ms = clock.judged, clock.judged.estimate_ms
        self._take_newer_root()
        self._take_newer_issuers()
        with writing(self._engine) as session:
            write_clock(session, clock)
            if now.trusted and now.latest_ms is not None:
                revive_early_ended(session, self._root, now.latest_ms, now_ms)
            upkeep = keep_up(session, now_ms, now.over_ms)
        if not now.trusted or not self._leads():
            # Not trusted, or another run with our key issues the leases. Protection was kept up above.
            return Done(upkeep=upkeep, leases=0)
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

    def _take_newer_root(self) -> None:
        """Work under the store's root where it is newer, and send it to every meter."""
        with reading(self._engine) as session:
            newer = newer_root(session, self._root)
            if newer is None:
                return
            chain = root_chain(session)
        self._root, envelope = newer
        self._planned = None
        if self._rooted is not None:
            self._rooted(self._root, envelope, chain)
        with writing(self._engine) as session:
            spread_root(session, chain.steps_from)
        logger.warning("jobs: root %d is in force now, and goes to every meter", self._root.version)

    def _take_newer_issuers(self) -> None:
        """Sign and answer by the store's issuers where they are newer, and send them to every meter."""
        with reading(self._engine) as session:
            sealed = issuers_in_force(session)
        before = self._issuers
        if sealed is None or sealed == before:
            return
        self._issuers = sealed
        if self._issued is not None:
            self._issued(sealed)
        if before is not None and sealed.issuers.version <= before.issuers.version:
            # The same document, with one more signature: meters that hold it keep it.
            return
        with writing(self._engine) as session:
            spread_issuers(session, sealed.envelope)
        logger.warning("jobs: issuers %d are in force now, and go to every meter", sealed.issuers.version)

    async def tick_now(self) -> Done:
        """One tick at the present instant, under the lock of this process's writers."""
        async with self._lock:
            done = await asyncio.to_thread(self._tick_by_the_clock)
        self._done()
        return done

    def wake(self) -> None:
        """Tick at once: the clock is trusted again."""
        self._woken.set()

    async def run(self) -> None:
        """Tick at once, and whenever woken, until cancelled."""
        # The zone is named so that APScheduler does not read TZ; an interval needs no zone.
        scheduler = AsyncIOScheduler(timezone="UTC")
        # However many runs were missed, one is enough: a tick does all that is due.
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
        """Tick every `every_ms` by the timekeeper, which the demo steps, until cancelled."""
        while True:
            await self._tick_safely()
            await self._clock.sleep_until(self._clock.now_ms() + every_ms)

    def _tick_by_the_clock(self) -> Done:
        with reading(self._engine) as session:
            self._clock.look(session)
        return self.tick(self._clock.written())

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
        except STORE_ERRORS as error:
            # For instance the database cannot be reached; the next tick finds the same work.
            self._trouble.met(error)
        else:
            self._trouble.over()
