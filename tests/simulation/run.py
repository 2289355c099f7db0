"""One run: a schedule is played, everything heals, and what must be true is judged."""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Final
from unittest.mock import patch

from msgspec import Struct
from sqlalchemy import text
from sqlmodel import Session

from controller.database.engine import reading
from controller.service import clock
from emulator.firmware.events import Event, MainsOff, MainsOn, TicksLost
from emulator.fleet import files
from protocols.errors import RelanceError
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.link.topics import Channel, Place
from protocols.reasons import Source
from tests.simulation import invariants, money
from tests.simulation import schedule as do
from tests.simulation.adversary import Adversary
from tests.simulation.book import Book, Page
from tests.simulation.broker import Broker
from tests.simulation.clocks import Lying, SetClock
from tests.simulation.judging import Found, Judge, Violation
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
# How often the service asks the timeserver: its minute and its five seconds would be a third of a run's work.
_ASK_EVERY_S: Final = 600
_ASK_AGAIN_S: Final = 60
# Calm weather: nothing has begun or ended to go wrong for so long; and how soon protection is there then.
_REST_MS: Final = MINUTE_MS
_PROMPT_MS: Final = 5 * MINUTE_MS
_TRIED_AGAIN_MS: Final = 66 * MINUTE_MS
_SETTLED_AFTER_MS: Final = (HOUR_MS, 8 * HOUR_MS, 16 * HOUR_MS)
_LOUD: Final = ("controller", "emulator", "protocols", "asyncio")

Runs = Controller | Timeserver | Fleet


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
        self._trace = Trace()
        self._truth = Truth()
        self._found = Found(self._trace, self._truth)
        self._broker = Broker(schedule.seed, self._trace, self._truth, self._published)
        has_issuers = schedule.issuers
        self._book = Book(secrets().root, secrets().issuers if has_issuers else None)
        self._watch = Watch(self._book, self._trace, self._found.add, self._used_up)
        self._torn = TornWrites()
        self._service_clock, self._time_clock = SetClock(self._truth), SetClock(self._truth, "another")
        # People sit at the service's machine, or at another.
        self._clerk_clock = SetClock(self._truth, "one" if schedule.seed % 2 == 0 else "office")
        self._headend = Lying(self._service_clock)
        self._controller = Controller(
            folder, self._broker, self._service_clock, self._headend, self._failed, issuers=has_issuers
        )
        self._timeserver = Timeserver(self._broker, self._time_clock, self._failed)
        plan = fleet_plan(schedule.seed, schedule.meters)
        self._fleet = Fleet(plan, folder, self._broker, self._watch.see, self._failed, issuers=has_issuers)
        self._people = People(
            self._controller,
            self._clerk_clock,
            self._book,
            self._trace,
            self._truth,
            self._signed,
            self._requested,
        )
        parts = (self._controller, self._timeserver, self._fleet)
        self._judge = Judge(self._found, parts, self._book, self._watch, self._people, self._truth)
        self._adversary = Adversary(self._broker, self._truth, plan)
        self._later: set[asyncio.Task[None]] = set()
        self._copied: int | None = None
        self._unrest = 0
        self._denied_ms: dict[str, int] = {}
        self._rested_ms = 0
        self._flood = Lots(schedule.seed, "flood").of(tuple(do.Flood))

    # -- the course of a run ----------------------------------------------------------------------------

    async def play(self) -> Outcome:
        loud = _Loud(self._judge.bug)
        for name in _LOUD:
            logging.getLogger(name).addHandler(loud)
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        try:
            with (
                patch.object(files, "put", self._torn.put),
                patch.object(clock, "_ASK_EVERY_S", _ASK_EVERY_S),
                patch.object(clock, "_ASK_AGAIN_S", _ASK_AGAIN_S),
            ):
                await self._play()
        finally:
            for name in _LOUD:
                logging.getLogger(name).removeHandler(loud)
            self._controller.store.dispose()
        cuts = sum(seen.cuts for seen in self._watch.meters.values())
        return Outcome(self._trace.digest(), tuple(self._found.violations), tuple(self._trace.last), cuts)

    async def _play(self) -> None:
        for program in (self._controller, self._timeserver, self._fleet):
            program.start()
        agenda: list[tuple[int, Callable[[], object]]] = [
            (5 * MINUTE_MS, self._act_permit),
            *((event.at_ms, lambda event=event: self._happen(event)) for event in self._schedule.events),
            *((hour * HOUR_MS, self._judge.meanwhile) for hour in range(2, do.END_MS // HOUR_MS, 2)),
            (do.FAULTS_END_MS, self._heal),
            # A clock that has become trusted wakes the jobs; here they wake by the hour.
            (do.FAULTS_END_MS + 3 * MINUTE_MS, self._committed),
            *((do.FAULTS_END_MS + after_ms, self._settle) for after_ms in _SETTLED_AFTER_MS),
            (do.FAULTS_END_MS + 40 * MINUTE_MS, self._judge.renewal),
            (do.FAULTS_END_MS + 50 * MINUTE_MS, self._act_after_healing),
            (do.FAULTS_END_MS + 50 * MINUTE_MS + 30 * SECOND_MS, self._judge.promptness),
            (do.FAULTS_END_MS + 60 * MINUTE_MS, self._judge.flood),
            (do.FAULTS_END_MS + 2 * HOUR_MS, self._order_cut),
            (do.FAULTS_END_MS + 2 * HOUR_MS + 5 * MINUTE_MS, self._order_cut_again),
            (do.FAULTS_END_MS + 2 * HOUR_MS + 10 * MINUTE_MS, self._judge.cut_order),
            (do.JUDGED_FROM_MS - 2 * HOUR_MS, self._judge.note_owing),
            (do.JUDGED_UNTIL_MS + MINUTE_MS, self._judge.window),
        ]
        for at_ms, step in sorted(agenda, key=lambda each: each[0]):
            await self._truth.sleep_until(START_MS + at_ms)
            step()
        await self._truth.sleep_until(START_MS + do.END_MS)
        self._judge.end()
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
            case do.Unpaid():
                self._people.request_unpaid(event)
            case do.StolenIssuer():
                self._adversary.counterfeit(event.deed, event.epoch)
            case do.ForgingLink():
                self._adversary.forge(event.deed, event.link)
            case do.FarInstants():
                self._adversary.report_far(event.meter)
            case do.Flooding():
                self._adversary.flood(event.deed)
            case do.Partition() | do.Storm() | do.Slow() | do.Deny():
                self._disturb(event)
            case do.Lie() | do.ServiceClock() | do.ClerkClock():
                self._set_clock(event)
            case _:
                self._crash(event)

    def _disturb(self, event: do.Network) -> None:
        weather = self._broker.weather
        if isinstance(event, do.Deny):
            # It concerns one meter. What the broker refuses is tried again after an hour at most.
            weather.denied.add(event.meter)
            self._after(event.for_ms, lambda: weather.denied.discard(event.meter))
            over_ms = self._truth.now_ms() + event.for_ms + _TRIED_AGAIN_MS
            self._denied_ms[event.meter] = max(over_ms, self._denied_ms.get(event.meter, 0))
            return
        self._stir()
        match event:
            case do.Partition():
                weather.unreachable.add(event.client)
                self._ends(event.for_ms, lambda: weather.unreachable.discard(event.client))
            case do.Storm():
                weather.broken, weather.twice, weather.lost = event.broken, event.twice, event.lost
                self._ends(event.for_ms, self._calm)
            case do.Slow():
                weather.slow_ms[event.client] = event.more_ms
                self._ends(event.for_ms, lambda: weather.slow_ms.pop(event.client, None))

    def _set_clock(self, event: do.WrongClock) -> None:
        wrong = self._clock_of(event)
        wrong.offset_ms = event.offset_ms

        def right() -> None:
            wrong.offset_ms = 0
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
        self._stir()
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
                self._ends(event.down_ms, self._broker.start)
            case do.MakeAnew():
                self._make_anew(event)
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
        self._broker.weather.denied.clear()
        self._torn.left_bytes = None
        for each in (self._service_clock, self._time_clock, self._clerk_clock, self._headend):
            each.offset_ms = 0
        self._broker.start()
        for program in (self._controller, self._timeserver, self._fleet):
            self._start(program)
        self._committed()

    def _restore(self) -> None:
        if self._copied is None:
            return
        self._controller.kill()
        with reading(self._controller.store) as session:
            credited = money.credited_payments(session, self._fleet.meters())
        self._controller.restore()
        with reading(self._controller.store) as session:
            self._people.till.restored(credited, money.known_payments(session))
        self._book.restored(self._copied)
        self._start(self._controller)
        self._committed()

    def _used_up(self, meter: str, page: Page) -> None:
        """Whoever released and waits for it signs again, above the number that the meter has named."""
        if page.anew:
            return
        page.anew = True

        def again() -> None:
            self._people.act(do.Release(meter, at_ms=0))
            self._committed()

        self._after(MINUTE_MS, again)

    def _make_anew(self, event: do.MakeAnew) -> None:
        if not self._fleet.runs:
            return
        meters = self._fleet.meters()
        self._kill(self._fleet, event.down_ms)
        for name in self._fleet.forget(event.link):
            self._watch.made_anew(name, money.credited_ueur(meters[name]), self._truth.now_ms())

    def _act_permit(self) -> None:
        self._people.permit_cuts()
        self._committed()

    def _settle(self) -> None:
        self._people.settle_disputes()
        self._people.decide_anew(self._watch, self._fleet.meters())
        self._committed()

    def _act_after_healing(self) -> None:
        """One act of each kind that protects, which must now arrive."""
        self._adversary.flood(self._flood)
        self._judge.syncs = 0
        # Not by whom most releases were signed: theirs shall arrive by themselves.
        self._people.release_all()
        for number, meter in enumerate(self._fleet.plan.ids()):
            self._people.act(do.TopUp(f"healed-{number}", meter, 1, at_ms=0))
        self._committed()

    def _order_cut(self) -> None:
        """Two people order a cut of the richest household, which must be carried out."""
        meter = self._judge.choose_cut()
        if meter:
            self._act_cut("healed", meter)

    def _order_cut_again(self) -> None:
        """What was cancelled while a clock was lost may refuse one cut, and no second (decision 0005)."""
        if self._judge.cut and not self._judge.cut_is_taken():
            self._act_cut("healed-again", self._judge.cut)

    def _act_cut(self, name: str, meter: str) -> None:
        self._people.act(do.Cut(name, meter, do.JUDGED_FROM_MS, do.JUDGED_UNTIL_MS, at_ms=0))
        self._committed()

    def _signed(self, page: Page) -> None:
        """Somebody has signed a document: if it protects, and nothing holds it up, it is there soon."""
        if invariants.protects(page):
            self._judge_soon(lambda denied: self._judge.arrival(page, denied))

    def _requested(self, payment: str) -> None:
        """Somebody has taken a payment, which the service is to book."""
        self._judge_soon(lambda denied: self._judge.payment(payment, denied))

    def _judge_soon(self, judge: Callable[[set[str]], None]) -> None:
        """Judge in a while what has just been done, if nothing holds it up until then.

        `judge` is told whose messages the broker denies.
        """
        unrest = self._unrest

        def look() -> None:
            # A restored store gives numbers twice; people then have to look what was refused.
            if self._unrest == unrest and self._is_calm() and not self._book.life:
                now_ms = self._truth.now_ms()
                judge({name for name, over_ms in self._denied_ms.items() if over_ms > now_ms})

        if self._is_calm():
            self._after(_PROMPT_MS, look)

    # -- inside -----------------------------------------------------------------------------------------

    def _committed(self) -> None:
        """Somebody has written to the store, or set a clock: the outbox is polled, and jobs run soon."""
        self._controller.nudge()
        self._after(_JOBS_AFTER_MS, lambda: self._later_on(self._controller.tick()))

    def _published(self, payload: bytes, place: Place) -> None:
        """A message has reached the broker: a lease is the service's own document."""
        self._judge.syncs += place.channel is Channel.SYNC
        if place.channel in (Channel.ORDERS, Channel.FLEET_ORDERS):
            self._book.enter(payload, self._truth.now_ms(), ours=False)
            self._book.carry(payload, place.meter)

    def _kill(self, program: Runs, down_ms: int) -> None:
        if program.runs:
            program.kill()
            self._ends(down_ms, lambda: self._start(program))

    def _start(self, program: Runs) -> None:
        if program.runs:
            return
        self._stir()
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
        self._judge.bug(f"{name} ended: {failure!r}")

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self._judge.bug(f"{context.get('message')}: {context.get('exception')!r}")

    def _at_meter(self, meter: str, event: Event) -> None:
        if self._fleet.runs:
            self._later_on(self._fleet.link_of(meter).apply(meter, event))

    def _calm(self) -> None:
        weather = self._broker.weather
        weather.broken = weather.twice = weather.lost = 0

    def _after(self, wait_ms: int, step: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(wait_ms / SECOND_MS, step)

    def _ends(self, wait_ms: int, step: Callable[[], object]) -> None:
        """A trouble ends after that time."""

        def end() -> None:
            step()
            self._stir()

        self._after(wait_ms, end)

    def _stir(self) -> None:
        """Some trouble has begun or ended."""
        self._unrest += 1
        self._rested_ms = self._truth.now_ms() + _REST_MS

    def _is_calm(self) -> bool:
        """Whether everything is there, and has been for a while."""
        runs = self._controller.runs and self._fleet.runs and self._broker.on
        torn = self._torn.left_bytes is not None
        return runs and not torn and self._broker.weather.is_fair and self._truth.now_ms() >= self._rested_ms

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

    def __init__(self, bug: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._bug = bug

    def emit(self, record: logging.LogRecord) -> None:
        failure = record.exc_info[1] if record.exc_info else None
        self._bug(f"{record.getMessage()}: {failure!r}")


def _drawn(session: Session) -> int:
    found = session.connection().execute(text("SELECT value FROM counter WHERE name = 'order'")).scalar()
    return int(found or 0)


def _memory_disk() -> str | None:
    """A folder in memory, where there is one: thousands of small commits."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # a file of a run, not a secret
