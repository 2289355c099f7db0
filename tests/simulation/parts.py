"""The programs of a run: `serve`, `timeserver`, and a fleet's host; each can be killed, and started again.

They are put together as their commands do it, from the same classes and functions. Only the connection,
the clock, and the threads are replaced.
"""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.util import LRUCache

from controller.database.engine import open_store, writing
from controller.office.founding import (
    MACHINES,
    SERVICE,
    issuer_key_name,
    open_audit,
    seal_issuers,
    seal_root,
)
from controller.office.issuers_store import put_issuers_in_force
from controller.service.serve import Service, ServiceKeys, put_together
from controller.service.time_program import answering
from controller.service.time_service import TimeAuthority
from controller.timing.store import write_clock
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.profile import Profile
from emulator.fleet.building import FleetSecrets, build_links
from emulator.fleet.running import RunningLink
from emulator.links.link import Observer
from emulator.population.plan import FleetPlan
from emulator.population.profile_form import ProfileData
from emulator.population.shipped import shipped_profiles
from protocols.documents.envelope import Signer, read_envelope
from protocols.documents.issuers import Issuer, Issuers, read_issuers
from protocols.documents.roles import Root, read_root
from protocols.instants import HOUR_MS
from protocols.limits import REV_MAX
from protocols.link.keys import asks_key
from protocols.reasons import Source
from protocols.units import QUANTA_PER_EUR
from tests.simulation.broker import ADDRESS, Broker, ModelCarrier
from tests.simulation.clocks import Lying, SetClock
from tests.simulation.truth import START_MS, Lots, Truth

OPERATORS: Final = ("anne", "bart", "carl")
LINKS: Final = 2
# Dear enough that some households have nothing left within three days.
_PRICE_UEUR_PER_KWH: Final = 4_000_000
_EMERGENCY_EUR: Final = 5
_LOAD_EVERY_MS: Final = 4 * HOUR_MS
# The service looks after what falls due this often, and 10 s after each act and each fault. Every 10 s would
# take nearly all of a run's time, and find what this finds.
TICK_EVERY_MS: Final = 2 * HOUR_MS
_READ_EVERY_MS: Final = 6 * HOUR_MS
# Every act pokes the outbox, as its commit does where the store can notify.
_POLL_EVERY_S: Final = 1_800.0


# Statements that are compiled already, for all stores of this process.
_compiled: LRUCache[Any, Any] = LRUCache(1_000)


class PowerCutError(BaseException):
    """The host of a fleet has lost its power in the middle of a write. No program catches it."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every key of a run, derived from nothing secret; and the issuers that a home begins with."""

    signers: Mapping[str, Signer]
    fleet_key: bytes
    root_envelope: bytes
    root: Root
    issuers_envelope: bytes
    issuers: Issuers


@cache
def secrets() -> Secrets:
    """The keys of every run."""
    signers = {name: _signer(name) for name in (*OPERATORS, *MACHINES)}
    envelope = seal_root(signers, OPERATORS, START_MS)
    root = read_root(read_envelope(envelope).payload)
    issuers_envelope = seal_issuers(issuer_signer(1), signers, OPERATORS)
    issuers = read_issuers(read_envelope(issuers_envelope).payload)
    return Secrets(signers, sha256(b"simulation fleet").digest(), envelope, root, issuers_envelope, issuers)


@cache
def issuer_signer(epoch: int) -> Signer:
    """The controller's key as an issuer in an epoch."""
    return _signer(issuer_key_name(epoch))


def find_issuer(issuer: Issuer) -> Signer:
    """The key of the controller as an issuer, as it lies in the home."""
    return issuer_signer(issuer.epoch)


def _signer(name: str) -> Signer:
    return Signer.from_seed(sha256(f"simulation key {name}".encode()).digest())


class Program:
    """A process: its tasks, and its connections. `failed` is told what ended one of them."""

    def __init__(self, failed: Callable[[str, BaseException], None]) -> None:
        self.runs = False
        self._failed = failed
        self._tasks: list[asyncio.Task[None]] = []
        self._carriers: list[ModelCarrier] = []

    def begin(self, name: str, work: Coroutine[object, object, None]) -> None:
        """Run `work` as a task of this process."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def carries(self, carrier: object) -> None:
        """A connection that ends with this process."""
        assert isinstance(carrier, ModelCarrier)
        self._carriers.append(carrier)

    def errors(self) -> list[Exception]:
        """What handlers of its connections have raised that is no refusal."""
        return [error for carrier in self._carriers for error in carrier.errors]

    def kill(self) -> None:
        """End it as `kill -9` does: nothing more is sent, stored or said."""
        self.runs = False
        for carrier in self._carriers:
            carrier.kill()
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self._carriers.clear()

    def _ended(self, task: asyncio.Task[None]) -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is not None and self.runs:
            self._failed(task.get_name(), failure)


class Controller(Program):
    """`serve` on its store. `store` is what commands open too."""

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        clock: SetClock,
        headend: Lying,
        failed: Callable[[str, BaseException], None],
        *,
        issuers: bool,
    ) -> None:
        super().__init__(failed)
        self._file = folder / "relance.db"
        self._copy = folder / "backup.db"
        self._broker = broker
        self._clock = clock
        self._file.write_bytes(_empty_store(issuers=issuers))
        # The file of the home, which no copy of the store replaces.
        self.home_issuers = secrets().issuers_envelope if issuers else None
        self.store = _opened(self._file)
        self.service: Service | None = None
        self._headend = headend

    def start(self) -> None:
        held = secrets()
        signers = held.signers
        keys = ServiceKeys(
            signers[SERVICE],
            signers[Source.HEADEND],
            held.fleet_key,
            held.root_envelope,
            find_issuer,
            issuers_envelope=self.home_issuers,
        )
        service, presence, carrier = put_together(
            self.store, keys, ADDRESS, self._clock, self._broker.carry, self._broker.draw_nonce
        )
        # Answers to meters may be wrong while the service's own clock is right.
        signer = signers[Source.HEADEND]
        asks = asks_key(held.fleet_key, Source.HEADEND)
        service.time = TimeAuthority(Source.HEADEND, signer, self._headend, carrier, asks=asks)
        assert service.outbox is not None
        service.outbox.poll_every_s = _POLL_EVERY_S
        self.carries(carrier)
        self.runs, self.service = True, service
        self.begin("serve: carrier", carrier.run())
        self.begin("serve", service.run(tick_every_ms=TICK_EVERY_MS))
        self.begin("serve: presence", presence.run())

    def kill(self) -> None:
        super().kill()
        self.service = None

    def write_clock(self) -> None:
        """Write what the service believes of its clock, as it does every ten seconds."""
        if self.service is not None:
            with writing(self.store) as session:
                write_clock(session, self.service.clock.written())

    def nudge(self) -> None:
        """Something has been committed, or the clock was set: look after what is due now."""
        if self.service is not None and self.service.outbox is not None:
            self.service.outbox.poke()

    async def tick(self) -> None:
        """One run of the jobs, as every ten seconds brings it."""
        if self.service is not None:
            await self.service.jobs.tick_now()

    def back_up(self) -> None:
        """Copy the store, as a backup tool does: one consistent state."""
        with closing(sqlite3.connect(self._file)) as source, closing(sqlite3.connect(self._copy)) as target:
            source.backup(target)

    def restore(self) -> None:
        """Put the copy in the place of the store. The service must have ended."""
        assert not self.runs
        if not self._copy.exists():
            return
        self.store.dispose()
        for suffix in ("-wal", "-shm"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._copy, self._file)
        self.store = _opened(self._file)


class Timeserver(Program):
    """`timeserver`, with a clock that may be set wrong."""

    def __init__(self, broker: Broker, clock: SetClock, failed: Callable[[str, BaseException], None]) -> None:
        super().__init__(failed)
        self._broker = broker
        self._clock = clock

    def start(self) -> None:
        signer, asks = secrets().signers[Source.TIMESERVER], asks_key(secrets().fleet_key, Source.TIMESERVER)
        presence, carrier = answering(
            Source.TIMESERVER,
            signer,
            (asks,),
            ADDRESS,
            self._clock,
            self._broker.carry,
            self._broker.draw_nonce,
        )
        self.carries(carrier)
        self.runs = True
        self.begin("timeserver", carrier.run())
        self.begin("timeserver: presence", presence.run())


class Fleet(Program):
    """`relance-emulator fleet --state`: two links on one host, with what they keep on disk."""

    def __init__(
        self,
        plan: FleetPlan,
        folder: Path,
        broker: Broker,
        observe: Observer,
        failed: Callable[[str, BaseException], None],
        *,
        issuers: bool,
    ) -> None:
        super().__init__(failed)
        self._issuers = secrets().issuers if issuers else None
        self.links: list[RunningLink] = []
        self.plan = plan
        self._folder = folder / "fleet"
        self._broker = broker
        self._observe = observe
        self._truth = Truth()
        self._lives = Lots(plan.seed, "lives")
        self._epoch = 0

    def start(self) -> None:
        held = secrets()
        made = build_links(
            self.plan,
            FleetSecrets(held.root, held.fleet_key, issuers=self._issuers),
            self._truth.now_ms(),
            self._folder,
            epoch=self._epoch,
        )
        self.links = []
        for link in made:
            link._observe = self._observe
            link._read_every_ms = _READ_EVERY_MS
            running = RunningLink(link, ADDRESS, self._truth, self._broker.carry)
            self.carries(running.carrier)
            self.links.append(running)
        self.runs = True
        for running in self.links:
            self.begin(running.link.name, running.run())

    def forget(self, link: str) -> tuple[str, ...]:
        """Lose all that the host keeps of a link, or of every link; returns the meters to be made anew."""
        assert not self.runs
        self._epoch = self._lives.between(1, REV_MAX)
        links = {name: meters for name, meters in self.plan.links_of().items() if link in {"", name}}
        for name, meters in links.items():
            (self._folder / f"{name}.memory").unlink(missing_ok=True)
            for meter in meters:
                (self._folder / "journals" / f"{meter}.jsonl").unlink(missing_ok=True)
        return tuple(meter for meters in links.values() for meter in meters)

    def meters(self) -> dict[str, GuardedMeter]:
        """Every meter as it is now, by id."""
        found = {
            name: each.household.meter for running in self.links for name, each in running.link.meters.items()
        }
        return dict(sorted(found.items()))

    def link_of(self, meter: str) -> RunningLink:
        """The running link that carries a meter."""
        return next(each for each in self.links if meter in each.link.meters)


class TornWrites:
    """The disk of the fleet's host: when `left_bytes` is set, the power goes after so many bytes more."""

    def __init__(self) -> None:
        self.left_bytes: int | None = None

    def put(self, memory: bytearray | memoryview, writes: object) -> None:
        """In place of `emulator.fleet.files.put`."""
        for offset, data in writes:  # type: ignore[attr-defined] # as `slots.write` returns them
            written = data if self.left_bytes is None else data[: self.left_bytes]
            memory[offset : offset + len(written)] = written
            if self.left_bytes is not None:
                self.left_bytes -= len(written)
                if len(written) < len(data):
                    self.left_bytes = None
                    raise PowerCutError


def fleet_plan(seed: int, meters: int) -> FleetPlan:
    """A fleet whose households soon owe."""
    smart = shipped_profiles()["wallonia-smart"]
    profile = ProfileData(_dear(smart.electricity), _dear(smart.gas))
    return FleetPlan(meters, LINKS, seed, profile, _LOAD_EVERY_MS)


def _dear(profile: Profile) -> Profile:
    return replace(
        profile,
        price_ueur_per_kwh=_PRICE_UEUR_PER_KWH,
        emergency_credit_q=_EMERGENCY_EUR * QUANTA_PER_EUR,
    )


def _opened(file: Path) -> Engine:
    """The store. A kill loses nothing that a process has written: no write waits for the disk."""
    store = open_store(f"sqlite:///{file}")
    store.dispose()
    store._compiled_cache = _compiled
    event.listen(store, "connect", _without_sync)
    return store


def _without_sync(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


@cache
def _empty_store(*, issuers: bool) -> bytes:
    """A store as `init` leaves it, made once for all runs of this process; one of before has no issuers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "empty.db")
        store = open_store(f"sqlite:///{file}", create=True)
        with writing(store) as session:
            open_audit(session, secrets().signers, OPERATORS, START_MS)
            if issuers:
                put_issuers_in_force(session, secrets().issuers_envelope)
        store.dispose()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return file.read_bytes()
