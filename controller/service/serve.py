"""The service, put together: carrier, intake, acknowledging, outbox, head-end time and jobs (design §6).

`Service` creates neither connection nor clock: both are arguments, so that the demo runs it in one process
with stepped time. A kill -9 loses nothing for good: what is not in the database is sent again.
"""

import asyncio
import gc
import logging
import secrets
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Engine

from controller.database.engine import reading, writing
from controller.database.single_instance import single_instance
from controller.exchange.key_book import FindsSecret, finds_none
from controller.exchange.proven_keys import load_book
from controller.exchange.sync_answer import RootSent
from controller.office.issuers_store import IssuersSealed, issuers_in_force, take_newer_issuers
from controller.office.root_chain import ChainedRoot, RootChain
from controller.office.root_store import newer_root, root_chain
from controller.service.acking import Acking
from controller.service.answering import Answering
from controller.service.booking import Booking, FindsKey, no_keys
from controller.service.carrying import Carries
from controller.service.clock import ServiceClock
from controller.service.connecting import (
    Carry,
    Draw,
    Stops,
    all_together,
    nobody_waits,
    present_carrier,
    until_stopped,
)
from controller.service.heart import Heart, beating
from controller.service.intake import Intake
from controller.service.jobs import Jobs
from controller.service.kiosks import Kiosks
from controller.service.liveness import Uptime
from controller.service.marking import Marking
from controller.service.outbox import Outbox
from controller.service.presence import Presence, draw_nonce
from controller.service.roll_call import Roll, RollCall
from controller.service.root_watch import lists
from controller.service.supervising import supervised
from controller.service.time_service import TimeAuthority
from protocols.documents.envelope import Signer
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root, open_first_root
from protocols.errors import InputError
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.keys import FIRST_GENERATION, asks_key
from protocols.link.topics import OF_KIOSK, Channel, Place, controller_filters
from protocols.reasons import Source
from protocols.rim.carrier import Carrier
from protocols.timekeeping import Machine

logger = logging.getLogger(__name__)

# How long Python lets the store's writer go on while the connection waits for its turn; 5 ms if nobody says.
_SWITCH_S: Final = 0.001


class ServiceKeys(Struct, frozen=True):
    """The keys that the service signs and checks with, and the sealed root.

    `find_issuer`: the key of an issuer in force, if it is in the home. `mark`: the file of the store's
    mark. `issuers_envelope`: the issuers that the home's file names; None where it has none. `fleet_key` is
    the first generation; `find_fleet_key` finds one that is made later.
    """

    service: Signer
    headend: Signer
    fleet_key: bytes
    root_envelope: bytes
    find_issuer: FindsKey = no_keys
    mark: Path | None = None
    issuers_envelope: bytes | None = None
    later_fleet_keys: Mapping[int, bytes] = {}
    find_fleet_key: FindsSecret = finds_none


class Service:
    """All parts of the service. Pass `handle` to the carrier, `attach` the carrier, then `run`.

    `leads`: whether this run issues leases and answers time; another run with its key may do that instead.
    """

    def __init__(
        self,
        engine: Engine,
        keys: ServiceKeys,
        machine: Machine,
        leads: Callable[[], bool] = lambda: True,
        nonce: str = "",
        draw: Draw = draw_nonce,
    ) -> None:
        self.root = checked_root(keys)
        self._engine = engine
        self._leads = leads
        self._keys = keys
        # One writer at a time in this process: the others wait for this lock, not for the database's.
        self._lock = asyncio.Lock()
        issuers = _newest_issuers(engine, keys, self.root, machine.now_ms())
        with reading(engine) as session:
            chain = root_chain(session, ChainedRoot(self.root, keys.root_envelope))
            secrets = {**keys.later_fleet_keys, FIRST_GENERATION: keys.fleet_key}
            self.book = load_book(session, secrets, keys.find_fleet_key)
        sent = RootSent(self.root.version, keys.root_envelope, issuers, chain)
        self.clock = ServiceClock(self.root, keys.fleet_key, machine, self._regained, draw)
        self.acking = Acking(engine, self.book, self._lock)
        self.booking = Booking(engine, self.root, self.clock, self._lock, keys.find_issuer)
        self.booking.take_issuers()
        self.marking = Marking(
            engine, self.root, keys.service, self.clock, self._lock, self._mark_heard, keys.mark
        )
        self.intake = Intake(
            engine, self.book, sent, self.clock, self._lock, self._stored, nonce, self.booking.purses
        )
        self.kiosks = Kiosks(
            engine,
            keys.fleet_key,
            self.book,
            lambda: self.intake.root,
            self.clock,
            self._lock,
            self.booking.purses,
            self._poke,
        )
        self.jobs = Jobs(
            engine,
            self.root,
            keys.service,
            self.clock,
            self._lock,
            self._ticked,
            self._may_issue,
            self._take_root,
            self._take_issuers,
            issuers,
        )
        self._mark_due = True
        self._answering = Answering()
        self.outbox: Outbox | None = None
        self.time: TimeAuthority | None = None

    def attach(self, carrier: Carries) -> None:
        """Give the service its connection; once, before `run`."""
        self.clock.attach(carrier)
        self.acking.attach(carrier)
        self.marking.attach(carrier)
        self.kiosks.attach(carrier)
        self.outbox = Outbox(self._engine, carrier, self.clock, self._lock, self._prepare, self.marking.leave)
        self.time = TimeAuthority(
            Source.HEADEND,
            self._keys.headend,
            self.clock,
            carrier,
            judged=self.clock.judged,
            asks=asks_key(self._keys.fleet_key, Source.HEADEND),
            later=lambda: [asks_key(each, Source.HEADEND) for each in self.book.later()],
        )

    async def connected(self) -> None:
        """There is a broker now: the time is asked for at once, and the mark is left there too."""
        self.clock.connected()
        await self.marking.greet()

    async def handle(self, arrival: Arrival) -> None:
        """Handle a message from the carrier: answer an ask for the time, store anything else."""
        if arrival.place.channel in (Channel.TIME_ASK, Channel.KIOSK_ASK):
            if arrival.place.link:
                self.acking.hear(arrival.place.link)
            if not self._leads():
                return  # the run that leads answers
            assert self.time is not None
            self._answering.take(self.time, arrival)
        elif arrival.place.channel is Channel.SERVICE_ANSWER:
            self.clock.handle(arrival)
        elif arrival.place.channel is Channel.MARK:
            await self.marking.hear(arrival)
        elif arrival.place.channel in OF_KIOSK:
            self.kiosks.handle(arrival)
        else:
            await self.intake.handle(arrival)

    @property
    def writing(self) -> asyncio.Lock:
        """The lock of all writers of this process to the store; the demo's conductor takes it too."""
        return self._lock

    async def drained(self) -> bool:
        """Whether all that was received is stored, and all that is due has been sent."""
        quiet = self.intake.drained and self._answering.is_quiet and self.kiosks.is_quiet
        quiet = quiet and not await asyncio.to_thread(self.booking.is_due)
        return quiet and (self.outbox is None or await self.outbox.is_drained())

    async def run(self, *, tick_every_ms: int | None = None) -> None:
        """Run until cancelled; with `tick_every_ms` jobs follow the timekeeper, not the machine's clock."""
        assert self.outbox is not None, "attach a carrier first"
        async with asyncio.TaskGroup() as group:
            group.create_task(supervised("intake", self.intake.run), name="intake")
            group.create_task(supervised("outbox", self.outbox.run), name="outbox")
            group.create_task(supervised("clock", self.clock.run), name="clock")
            group.create_task(supervised("kiosks", self.kiosks.run), name="kiosks")
            group.create_task(supervised("acknowledging", self.acking.run), name="acknowledging")
            jobs = self.jobs.run if tick_every_ms is None else partial(self.jobs.run_by, tick_every_ms)
            group.create_task(supervised("jobs", jobs), name="jobs")

    async def finish(self) -> None:
        """End an orderly stop, after `run` was cancelled: store what has been received."""
        await self.intake.write_rest()

    def _take_root(self, root: Root, envelope: bytes, chain: RootChain) -> None:
        """Answer syncs with a root that has gone into force, and with those before it."""
        self.root = self.booking.root = self.marking.root = root
        self.intake.root = RootSent(root.version, envelope, self.intake.root.issuers, chain)
        self.clock.root = root
        for role, signer, name in _own_keys(self._keys):
            if not lists(root, role, signer):
                logger.error(
                    "root %d lists another key of %s; start `relance serve` again", root.version, name
                )

    def _may_issue(self) -> bool:
        """Whether leases are this run's to issue: no other run leads, and the root lists its key."""
        return self._leads() and lists(self.root, Role.LEASE, self._keys.service)

    def _stored(self, batch: Sequence[Arrival]) -> None:
        self.acking.note(batch)
        self._poke()

    async def _prepare(self) -> None:
        """Before each drain: a mark that was heard is compared, what is due is booked, the mark is left."""
        await self.marking.compare()
        if not self.marking.is_listening:
            await self.booking.book_due()
        if self._mark_due:
            self._mark_due = False
            await self.marking.leave()

    def _mark_heard(self) -> None:
        self._mark_due = True
        self._poke()

    def _ticked(self) -> None:
        self.acking.look()
        self._mark_due = True
        self._poke()

    def _take_issuers(self, issuers: IssuersSealed) -> None:
        """Answer syncs with issuers that have gone into force, and sign as they say."""
        self.intake.root = replace(self.intake.root, issuers=issuers)
        self.booking.take_issuers()
        self._poke()

    def _regained(self) -> None:
        """The clock is trusted: leases and harm that waited for it are due."""
        self.jobs.wake()
        self._poke()

    def _poke(self) -> None:
        if self.outbox is not None:
            self.outbox.poke()


def _newest_issuers(engine: Engine, keys: ServiceKeys, root: Root, now_ms: int) -> IssuersSealed | None:
    """The issuers in force: the store's, or the home's where a restored store does not know them yet."""
    with reading(engine) as session:
        issuers = issuers_in_force(session)
    home = keys.issuers_envelope
    if home is None or (issuers is not None and issuers.envelope == home):
        return issuers
    with writing(engine) as session:
        newer = newer_root(session, root)
        taken = take_newer_issuers(session, home, root if newer is None else newer[0], now_ms)
        issuers = issuers_in_force(session)
    if taken is not None:
        logger.warning("issuers: the store did not know those of the home, version %d", taken.version)
    return issuers


def _own_keys(keys: ServiceKeys) -> tuple[tuple[Role, Signer, str], ...]:
    return (Role.LEASE, keys.service, "service"), (Role.TIME, keys.headend, Source.HEADEND.value)


def checked_root(keys: ServiceKeys) -> Root:
    """The root that the service works under.

    Raises DocumentError where it is not signed as it demands, InputError where it does not list our keys.
    """
    root = open_first_root(keys.root_envelope)
    for role, signer, name in _own_keys(keys):
        if not lists(root, role, signer):
            raise InputError(
                f"root: role {role} does not list the key of {name}; was another root made since?"
            )
    return root


async def serve(
    engine: Engine,
    keys: ServiceKeys,
    broker: BrokerAddress,
    machine: Machine,
    begun: Callable[[], None] = lambda: None,
    stops: Stops = nobody_waits,
    came: Callable[[Roll], None] = lambda _roll: None,
) -> None:
    """Serve until SIGTERM or cancellation, then stop in order.

    `begun` is called once no other serves here; `stops` is told when the stop begins, `came` who has come.

    Raises UnreachableError where the broker does not answer the first attempt; a connection lost later is
    tried again until cancelled. Raises as `checked_root` and `single_instance` do.
    """
    with single_instance(engine):
        begun()
        service, presence, carrier = put_together(engine, keys, broker, machine)
        heart = Heart(
            engine,
            secrets.token_hex(8),
            socket.gethostname(),
            str(broker),
            uptime=lambda: Uptime(machine.boot_id, machine.tick_ms()),
            connected=lambda: carrier.connected,
            lock=service.writing,
        )
        # Moves all objects made so far to the permanent generation. A full collection over them takes a tenth
        # of a second, and would come when a whole fleet answers at once.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(_SWITCH_S)
        try:
            async with beating(heart):
                calling = supervised("roll call", RollCall(engine, came).run)
                await until_stopped(carrier, all_together(service.run(), presence.run(), calling), stops)
        finally:
            await service.finish()


def put_together(
    engine: Engine,
    keys: ServiceKeys,
    broker: BrokerAddress,
    machine: Machine,
    carry: Carry = Carrier,
    draw: Draw = draw_nonce,
) -> tuple[Service, Presence, Carrier]:
    """A service with its connection, and what it says of itself there.

    `carry` makes the connection, `draw` random nonces. All three must run: `Service.run`, `Presence.run` and
    `Carrier.run`.
    """
    presence = Presence("serve", Place(Channel.CONTROLLER), keys.service, machine, draw)
    service = Service(engine, keys, machine, lambda: presence.leads, presence.nonce, draw)
    carrier = present_carrier(
        presence, broker, controller_filters(), service.handle, carry, draw, service.connected
    )
    service.attach(carrier)
    return service, presence, carrier
