"""One run: a schedule is played, everything heals, and what must be true is judged."""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Final
from unittest.mock import patch

from msgspec import Struct
from sqlalchemy import text
from sqlmodel import Session

from controller.database.engine import reading
from emulator.firmware.events import Event, MainsOff, MainsOn, TicksLost
from emulator.fleet import files
from protocols.documents.kind_rule import Kind
from protocols.errors import RelanceError
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.link.topics import Channel
from protocols.reasons import Source
from tests.simulation import invariants
from tests.simulation import schedule as do
from tests.simulation.adversary import Adversary
from tests.simulation.book import Book
from tests.simulation.broker import Broker
from tests.simulation.clocks import Lying, SetClock
from tests.simulation.parts import (
    Controller,
    Fleet,
    PowerCutError,
    Timeserver,
    TornWrites,
    fleet_plan,
    secrets,
)
from tests.simulation.people import People
from tests.simulation.schedule import Schedule
from tests.simulation.truth import START_MS, Lots, Trace, Truth
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.watch import Watch

# How soon after an act of people the service's jobs run: they wake every ten seconds.
_JOBS_AFTER_MS: Final = 10 * SECOND_MS
_POWER_BACK_MS: Final = 10 * MINUTE_MS
_SETTLED_AFTER_MS: Final = (HOUR_MS, 8 * HOUR_MS, 16 * HOUR_MS)
_LOUD: Final = ("controller", "emulator", "protocols", "asyncio")

Runs = Controller | Timeserver | Fleet


class Violation(Struct, frozen=True):
    """An invariant that did not hold, and the facts."""

    invariant: str
    text: str


class Outcome(Struct, frozen=True):
    """What a run came to. `last`: the end of its trace; `cuts`: how many meters were truly cut."""

    digest: str
    violations: tuple[Violation, ...]
    last: tuple[str, ...]
    cuts: int


def simulate(schedule: Schedule) -> Outcome:
    """Play a schedule. The same schedule leads to the same outcome, digest and all."""
    work = Lots(schedule.seed, "disk")
    loop = VirtualLoop(lambda: work.below(4) / 1_000)
    with tempfile.TemporaryDirectory(dir=_memory_disk()) as folder:
        try:
            return loop.run_until_complete(_Run(schedule, Path(folder)).play())
        finally:
            loop.close()


class _Run:
    def __init__(self, schedule: Schedule, folder: Path) -> None:
        self._schedule = schedule
        self._violations: list[Violation] = []
        self._trace = Trace()
        self._truth = Truth()
        self._broker = Broker(schedule.seed, self._trace, self._truth, self._published)
        self._book = Book(secrets().root)
        self._watch = Watch(self._book, self._trace, self._broken)
        self._torn = TornWrites()
        self._service_clock, self._time_clock = SetClock(self._truth), SetClock(self._truth, "another")
        self._clerk_clock = SetClock(self._truth)
        self._headend = Lying(self._service_clock)
        self._controller = Controller(folder, self._broker, self._service_clock, self._headend, self._failed)
        self._timeserver = Timeserver(self._broker, self._time_clock, self._failed)
        plan = fleet_plan(schedule.seed, schedule.meters)
        self._fleet = Fleet(plan, folder, self._broker, self._watch.see, self._failed)
        self._people = People(self._controller, self._clerk_clock, self._book, self._trace, self._truth)
        self._adversary = Adversary(self._broker, self._truth, plan)
        self._later: set[asyncio.Task[None]] = set()
        self._copied: int | None = None
        self._owed: set[str] = set()
        self._cut = ""

    # -- the course of a run ----------------------------------------------------------------------------

    async def play(self) -> Outcome:
        loud = _Loud(self._broken)
        for name in _LOUD:
            logging.getLogger(name).addHandler(loud)
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        try:
            with patch.object(files, "put", self._torn.put):
                await self._play()
        finally:
            for name in _LOUD:
                logging.getLogger(name).removeHandler(loud)
            self._controller.store.dispose()
        cuts = sum(seen.cuts for seen in self._watch.meters.values())
        return Outcome(self._trace.digest(), tuple(self._violations), tuple(self._trace.last), cuts)

    async def _play(self) -> None:
        for program in (self._controller, self._timeserver, self._fleet):
            program.start()
        agenda: list[tuple[int, Callable[[], object]]] = [
            (5 * MINUTE_MS, self._act_permit),
            *((event.at_ms, lambda event=event: self._happen(event)) for event in self._schedule.events),
            *((hour * HOUR_MS, self._judge_meanwhile) for hour in range(2, do.END_MS // HOUR_MS, 2)),
            (do.FAULTS_END_MS, self._heal),
            *((do.FAULTS_END_MS + after_ms, self._settle) for after_ms in _SETTLED_AFTER_MS),
            (do.FAULTS_END_MS + 40 * MINUTE_MS, self._judge_renewal),
            (do.FAULTS_END_MS + 50 * MINUTE_MS, self._act_after_healing),
            (do.FAULTS_END_MS + 55 * MINUTE_MS, self._judge_promptness),
            (do.FAULTS_END_MS + 2 * HOUR_MS, self._act_cut),
            (do.FAULTS_END_MS + 2 * HOUR_MS + 5 * MINUTE_MS, self._judge_cut_order),
            (do.JUDGED_FROM_MS - 2 * HOUR_MS, self._note_owing),
            (do.JUDGED_UNTIL_MS + MINUTE_MS, self._judge_window),
        ]
        for at_ms, step in sorted(agenda, key=lambda each: each[0]):
            await self._truth.sleep_until(START_MS + at_ms)
            step()
        await self._truth.sleep_until(START_MS + do.END_MS)
        self._judge_end()
        for program in (self._controller, self._timeserver, self._fleet):
            program.kill()
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    # -- what happens -----------------------------------------------------------------------------------

    def _happen(self, event: do.Event) -> None:
        if isinstance(event, do.Act):
            self._people.act(event)
            self._committed()
            return
        self._trace.add(self._truth.now_ms(), f"fault: {event}")
        self._after(_JOBS_AFTER_MS, lambda: self._later_on(self._controller.tick()))
        match event:
            case do.LoseTicks():
                self._at_meter(event.meter, TicksLost())
            case do.MainsDip():
                self._watch.mains_failed(event.meter)
                self._at_meter(event.meter, MainsOff())
                self._after(event.for_ms, lambda: self._at_meter(event.meter, MainsOn()))
            case do.StolenKey():
                self._adversary.steal(event.deed)
            case do.ForgingLink():
                self._adversary.forge(event.deed, event.link)
            case do.Partition() | do.Storm() | do.Slow():
                self._disturb(event)
            case do.Lie() | do.ServiceClock() | do.ClerkClock():
                self._set_clock(event)
            case _:
                self._crash(event)

    def _disturb(self, event: do.Network) -> None:
        weather = self._broker.weather
        match event:
            case do.Partition():
                weather.unreachable.add(event.client)
                self._after(event.for_ms, lambda: weather.unreachable.discard(event.client))
            case do.Storm():
                weather.broken, weather.twice, weather.lost = event.broken, event.twice, event.lost
                self._after(event.for_ms, self._calm)
            case do.Slow():
                weather.slow_ms[event.client] = event.more_ms
                self._after(event.for_ms, lambda: weather.slow_ms.pop(event.client, None))

    def _set_clock(self, event: do.WrongClock) -> None:
        clock = self._clock_of(event)
        clock.offset_ms = event.offset_ms

        def right() -> None:
            clock.offset_ms = 0
            self._committed()

        self._after(event.for_ms, right)

    def _clock_of(self, event: do.WrongClock) -> SetClock | Lying:
        match event:
            case do.Lie(source=Source.HEADEND):
                return self._headend
            case do.Lie():
                return self._time_clock
            case do.ServiceClock():
                return self._service_clock
            case do.ClerkClock():
                return self._clerk_clock

    def _crash(self, event: do.Crash) -> None:
        match event:
            case do.KillService():
                self._kill(self._controller, event.down_ms)
            case do.KillTimeserver():
                self._kill(self._timeserver, event.down_ms)
            case do.KillFleet(torn_bytes=None):
                self._kill(self._fleet, event.down_ms)
            case do.KillFleet():
                self._torn.left_bytes = event.torn_bytes
            case do.KillBroker():
                self._broker.kill(forgets=event.forgets)
                self._after(event.down_ms, self._broker.start)
            case do.BackUp():
                self._controller.back_up()
                self._copied = self._last_number()
            case do.Restore():
                self._restore()

    def _heal(self) -> None:
        """Everything works again from now on, and nobody does anything wrong."""
        self._trace.add(self._truth.now_ms(), "healed")
        self._watch.healed_ms = self._truth.now_ms()
        self._calm()
        self._broker.weather.slow_ms.clear()
        self._broker.weather.unreachable.clear()
        self._torn.left_bytes = None
        for clock in (self._service_clock, self._time_clock, self._clerk_clock, self._headend):
            clock.offset_ms = 0
        self._broker.start()
        for program in (self._controller, self._timeserver, self._fleet):
            self._start(program)
        self._committed()

    def _restore(self) -> None:
        if self._copied is None:
            return
        self._controller.kill()
        self._people.forget_lost(self._copied, self._meters())
        self._controller.restore()
        self._book.restored(self._copied)
        self._start(self._controller)
        self._committed()

    def _act_permit(self) -> None:
        self._people.permit_cuts()
        self._committed()

    def _settle(self) -> None:
        self._people.settle_disputes()
        self._people.decide_anew(self._watch, self._meters())
        self._committed()

    def _act_after_healing(self) -> None:
        """One act of each kind that protects, which must now arrive."""
        self._people.act(do.Release(at_ms=0))
        for number, meter in enumerate(self._fleet.plan.ids()):
            self._people.act(do.TopUp(f"healed-{number}", meter, 1, at_ms=0))
        self._committed()

    # -- judging ----------------------------------------------------------------------------------------

    def _judge_meanwhile(self) -> None:
        for found in invariants.doubled(self._meters(), self._people.paid.values()):
            self._broken("no cent doubled", found)
        with reading(self._controller.store) as session:
            self._all(
                "effective is true",
                invariants.untrue_effects(session, self._book, self._watch, self._meters()),
            )

    def _act_cut(self) -> None:
        """Two people order a cut of the richest household, which must be carried out."""
        meters = invariants.trusted(self._meters())
        if not meters:
            return
        self._cut = max(meters, key=lambda name: (meters[name].purse.balance_ueur, name))
        self._people.act(do.Cut("healed", self._cut, do.JUDGED_FROM_MS, do.JUDGED_UNTIL_MS, at_ms=0))
        self._committed()

    def _note_owing(self) -> None:
        self._owed = invariants.owing(self._meters())
        if self._cut:
            self._owed.add(self._cut)

    def _judge_renewal(self) -> None:
        found = invariants.stale_leases(self._watch, self._meters(), self._truth.now_ms())
        self._all("leases are renewed", found)

    def _judge_promptness(self) -> None:
        found = invariants.late(self._book, self._watch, self._meters(), self._people.paid.values())
        self._all("protection arrives at once", found)

    def _judge_cut_order(self) -> None:
        if self._cut and not any(
            page.order.object == "cut/healed" for page, _ in self._watch.of(self._cut).pages(Kind.CUT_ORDER)
        ):
            self._broken("who owes can be cut", f"{self._cut} did not take the cut that two people ordered")

    def _judge_window(self) -> None:
        window_ms = (START_MS + do.JUDGED_FROM_MS - 2 * HOUR_MS, START_MS + do.JUDGED_UNTIL_MS)
        for found in invariants.still_supplied(self._watch, self._meters(), self._owed, window_ms):
            self._broken("who owes can be cut", found)

    def _judge_end(self) -> None:
        meters, end_ms = self._meters(), self._truth.now_ms()
        links = {name: running.link.name for running in self._fleet.links for name in running.link.meters}
        for name, meter in meters.items():
            found = invariants.purse_is_exact(self._fleet.plan, name, meter)
            if found is not None:
                self._broken("every purse is exact", found)
        with reading(self._controller.store) as session:
            self._all("no cent lost", invariants.lost_money(session, meters, self._people.paid.values()))
            self._all("lists are true", invariants.untrue_lists(session, meters, links))
        found_missing = invariants.missing_protection(self._book, self._watch, meters, end_ms)
        self._all("all protection arrives", found_missing)
        for program in (self._controller, self._timeserver, self._fleet):
            for error in program.errors():
                self._broken("no part meets a bug", repr(error))

    def _all(self, invariant: str, found: Iterable[str]) -> None:
        for each in found:
            self._broken(invariant, each)

    def _broken(self, invariant: str, what: str) -> None:
        found = Violation(invariant, what)
        if found not in self._violations:
            self._trace.add(self._truth.now_ms(), f"BROKEN {invariant}: {what}")
            self._violations.append(found)

    # -- inside -----------------------------------------------------------------------------------------

    def _committed(self) -> None:
        """Somebody has written to the store, or set a clock: the outbox is polled, and jobs run soon."""
        self._controller.nudge()
        self._after(_JOBS_AFTER_MS, lambda: self._later_on(self._controller.tick()))

    def _published(self, payload: bytes, channel: Channel) -> None:
        """A message has reached the broker: a lease is the service's own document."""
        if channel in (Channel.ORDERS, Channel.FLEET_ORDERS):
            self._book.enter(payload, self._truth.now_ms(), ours=False)

    def _kill(self, program: Runs, down_ms: int) -> None:
        if program.runs:
            program.kill()
            self._after(down_ms, lambda: self._start(program))

    def _start(self, program: Runs) -> None:
        if program.runs:
            return
        try:
            program.start()
        except PowerCutError:
            self._trace.add(self._truth.now_ms(), "the fleet's host lost its power while it started")
            self._after(_POWER_BACK_MS, lambda: self._start(program))

    def _failed(self, name: str, failure: BaseException) -> None:
        if isinstance(failure, PowerCutError):
            self._trace.add(self._truth.now_ms(), "the fleet's host lost its power in a write")
            self._watch.power_cut(self._truth.now_ms())
            self._kill(self._fleet, _POWER_BACK_MS)
            return
        self._broken("no part meets a bug", f"{name} ended: {failure!r}")

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self._broken("no part meets a bug", f"{context.get('message')}: {context.get('exception')!r}")

    def _at_meter(self, meter: str, event: Event) -> None:
        if self._fleet.runs:
            self._later_on(self._fleet.link_of(meter).apply(meter, event))

    def _meters(self) -> invariants.Meters:
        found = {
            name: each.household.meter
            for running in self._fleet.links
            for name, each in running.link.meters.items()
        }
        return dict(sorted(found.items()))

    def _calm(self) -> None:
        weather = self._broker.weather
        weather.broken = weather.twice = weather.lost = 0

    def _after(self, wait_ms: int, step: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(wait_ms / SECOND_MS, step)

    def _later_on(self, work: Coroutine[object, object, object]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _guarded(self, work: Coroutine[object, object, object]) -> None:
        try:
            await work
        except RelanceError as error:
            self._trace.add(self._truth.now_ms(), f"not done: {error}")
        except PowerCutError as error:
            self._failed("fleet", error)

    def _last_number(self) -> int:
        with reading(self._controller.store) as session:
            return _drawn(session)


class _Loud(logging.Handler):
    """Whatever a part logs as an error is one."""

    def __init__(self, broken: Callable[[str, str], None]) -> None:
        super().__init__(logging.ERROR)
        self._broken = broken

    def emit(self, record: logging.LogRecord) -> None:
        failure = record.exc_info[1] if record.exc_info else None
        self._broken("no part meets a bug", f"{record.getMessage()}: {failure!r}")


def _drawn(session: Session) -> int:
    found = session.connection().execute(text("SELECT value FROM counter WHERE name = 'order'")).scalar()
    return int(found or 0)


def _memory_disk() -> str | None:
    """A folder in memory, where there is one: thousands of small commits."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # a file of a run, not a secret
