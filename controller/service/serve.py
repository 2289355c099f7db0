"""The service: carrier, intake, outbox, head-end time and jobs, put together (design §6).

`Service` knows no broker and no clock: both are given, so that a demo drives the whole in one process with
time that it steps. It holds nothing that a kill -9 could lose: what is not in the database comes again.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Coroutine

from msgspec import Struct
from sqlalchemy import Engine

from controller.database.single_instance import single_instance
from controller.exchange.sync_answer import RootSent
from controller.service.carrying import Carries
from controller.service.intake import Intake
from controller.service.jobs import Jobs
from controller.service.outbox import Outbox
from controller.service.time_service import TimeAuthority
from protocols.documents.envelope import Signer
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root, open_first_root
from protocols.errors import InputError
from protocols.link.carriage import Arrival, BrokerAddress, NotConnectedError
from protocols.link.messages import ControllerStatus, write_message
from protocols.link.topics import Channel, Place, controller_filters, time_filters
from protocols.reasons import Source
from protocols.rim.carrier import Carrier
from protocols.timekeeping import Timekeeper

logger = logging.getLogger(__name__)


class Secrets(Struct, frozen=True):
    """What the service signs and checks with: its key, the head-end's, the fleet's, and the sealed root."""

    service: Signer
    headend: Signer
    fleet_key: bytes
    root_envelope: bytes


class Service:
    """Everything that runs. Give `handle` to the carrier, then `run`."""

    def __init__(self, engine: Engine, secrets: Secrets, timekeeper: Timekeeper) -> None:
        self.root = checked_root(secrets)
        self._engine = engine
        self._secrets = secrets
        self._timekeeper = timekeeper
        # One writer at a time in this process: the others wait here, and not in the database.
        self._lock = asyncio.Lock()
        sent = RootSent(self.root.version, secrets.root_envelope)
        self.intake = Intake(engine, secrets.fleet_key, sent, timekeeper, self._lock, self._poke)
        self.jobs = Jobs(engine, self.root, secrets.service, timekeeper, self._lock, self._poke)
        self._answering: set[asyncio.Task[None]] = set()
        self.outbox: Outbox | None = None
        self.time: TimeAuthority | None = None

    def attach(self, carrier: Carries) -> None:
        """Give the service what carries its messages; once, before `run`."""
        self.outbox = Outbox(self._engine, carrier, self._timekeeper, self._lock)
        self.time = TimeAuthority(Source.HEADEND, self._secrets.headend, self._timekeeper, carrier)

    async def handle(self, arrival: Arrival) -> None:
        """A message from the carrier: an ask for the time is answered, anything else goes into the store."""
        if arrival.place.channel is Channel.TIME_ASK:
            assert self.time is not None
            # Not awaited: a thousand meters that ask at once must not hold up what else they say.
            answering = asyncio.create_task(self.time.handle(arrival))
            self._answering.add(answering)
            answering.add_done_callback(self._answered)
        else:
            await self.intake.handle(arrival)

    @property
    def writing(self) -> asyncio.Lock:
        """Held by whoever of this process writes to the store: for others in it who want to, too."""
        return self._lock

    async def drained(self) -> bool:
        """Whether nothing is on its way through: all that came in is stored, all that is due has gone out."""
        quiet = self.intake.drained and not self._answering
        return quiet and (self.outbox is None or await self.outbox.is_drained())

    async def run(self, *, tick_every_ms: int | None = None) -> None:
        """Run until cancelled; with `tick_every_ms` jobs follow the timekeeper, not the machine's clock."""
        assert self.outbox is not None, "attach a carrier first"
        async with asyncio.TaskGroup() as group:
            group.create_task(self.intake.run(), name="intake")
            group.create_task(self.outbox.run(), name="outbox")
            jobs = self.jobs.run() if tick_every_ms is None else self.jobs.run_by(tick_every_ms)
            group.create_task(jobs, name="jobs")

    async def finish(self) -> None:
        """The last strokes of an orderly stop, after `run` was cancelled: write down what has come in."""
        await self.intake.write_rest()

    def _answered(self, answering: asyncio.Task[None]) -> None:
        """An answer that found no broker is nothing: the meter asks again."""
        self._answering.discard(answering)
        failure = None if answering.cancelled() else answering.exception()
        if failure is not None and not isinstance(failure, NotConnectedError):
            logger.error("time: an ask could not be answered", exc_info=failure)

    def _poke(self) -> None:
        if self.outbox is not None:
            self.outbox.poke()


def checked_root(secrets: Secrets) -> Root:
    """The root that we serve.

    Raises DocumentError where it is not signed as it demands, InputError where it does not list our keys.
    """
    root = open_first_root(secrets.root_envelope)
    for role, signer, name in (
        (Role.LEASE, secrets.service, "service"),
        (Role.TIME, secrets.headend, Source.HEADEND.value),
    ):
        rule = root.roles.get(role)
        if rule is None or signer.keyid not in rule.keyids:
            raise InputError(
                f"root: role {role} does not list the key of {name}; was another root made since?"
            )
    return root


async def serve(engine: Engine, secrets: Secrets, broker: BrokerAddress, timekeeper: Timekeeper) -> None:
    """Serve until SIGTERM or cancellation, then stop in order.

    Raises UnreachableError where the broker does not answer at first; later it is tried for ever. Raises
    like `checked_root` and `single_instance`.
    """
    with single_instance(engine):
        service = Service(engine, secrets, timekeeper)

        async def greet() -> None:
            await carrier.publish(Place(Channel.CONTROLLER), _birth(timekeeper, online=True))

        def last_will() -> tuple[Place, bytes]:
            return Place(Channel.CONTROLLER), _birth(timekeeper, online=False)

        carrier = Carrier(
            broker,
            "relance-serve",
            controller_filters(),
            handle=service.handle,
            on_connect=greet,
            last_will=last_will,
        )
        service.attach(carrier)
        # What is built by now stays, and no collection need look at it again: a full one takes a tenth of a
        # second, and comes when a fleet answers at once.
        gc.collect()
        gc.freeze()
        try:
            await until_stopped(carrier, service.run())
        finally:
            await service.finish()


def _birth(timekeeper: Timekeeper, *, online: bool) -> bytes:
    """Any number that no birth had before will do: links sync for one that they have not seen."""
    return write_message(ControllerStatus(online=online, sequence=timekeeper.now_ms()))


async def serve_time(source: Source, signer: Signer, broker: BrokerAddress, timekeeper: Timekeeper) -> None:
    """Answer what is asked of one time authority until stopped, like `serve`."""

    async def handle(arrival: Arrival) -> None:
        await authority.handle(arrival)

    carrier = Carrier(broker, f"relance-time-{source}", time_filters(), handle=handle)
    authority = TimeAuthority(source, signer, timekeeper, carrier)
    await until_stopped(carrier, asyncio.Event().wait())


async def until_stopped(carrier: Carrier, work: Coroutine[object, object, object]) -> None:
    """Run a carrier and what works with it until a signal or cancellation ends both.

    Raises UnreachableError where the carrier's first attempt failed, before any work is begun.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    # SIGINT stays Python's: it cancels us, and the command ends with 130.
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    carrying = asyncio.create_task(carrier.run(), name="carrier")
    working = asyncio.create_task(work, name="work")
    stopping = asyncio.create_task(stopped.wait(), name="stop")
    try:
        await carrier.first_attempt()
        await asyncio.wait({carrying, working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (carrying, working):
            if task.done():
                task.result()
    finally:
        for task in (carrying, working, stopping):
            task.cancel()
        await asyncio.gather(carrying, working, stopping, return_exceptions=True)
        loop.remove_signal_handler(signal.SIGTERM)
