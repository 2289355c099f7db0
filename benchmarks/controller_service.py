"""A controller as a person runs it: `serve` in a process of its own, and beside it the store that they share.

The store is SQLite in a file, every commit on the disk.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from benchmarks.processes import Pipe, beside
from controller.database.engine import open_store
from controller.office.founding import MACHINES, SERVICE, seal_root
from controller.service.serve import ServiceKeys, checked_root, serve
from emulator.fleet.pacing import PacedTime
from protocols.documents.envelope import Signer
from protocols.documents.roles import Root
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.topics import Channel, Place, topic_of
from protocols.reasons import Source
from protocols.rim.carrier import Carrier
from protocols.rim.clocks import boot_id, now_ms, tick_ms

OPERATORS: Final = ("anne", "bart")
FLEET_KEY: Final = sha256(b"benchmark").digest()
_PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Controller:
    """What an operator's command needs of a controller.

    `root_envelope`: the root in the form for meters. `pid`: of the process that serves.
    """

    engine: Engine
    root_envelope: bytes
    pid: int

    @property
    def root(self) -> Root:
        return root_in(self.root_envelope)


@cache
def signers() -> dict[str, Signer]:
    """Everybody's keys, the same in each process."""
    return {name: Signer.from_seed(sha256(name.encode()).digest()) for name in (*OPERATORS, *MACHINES)}


def root_in(envelope: bytes) -> Root:
    """The root of this benchmark, checked as the service does."""
    return checked_root(_service_keys(envelope))


@contextmanager
def serving(address: BrokerAddress) -> Iterator[Controller]:
    """A new controller that listens at a broker, until the end of the block."""
    envelope = seal_root(signers(), OPERATORS, now_ms())
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder, 'store.db')}"
        engine = open_store(url, create=True)
        try:
            with beside(_serve, url, envelope, address) as service:
                pid: int = service.recv()
                asyncio.run(_until_it_listens(address))
                yield Controller(engine, envelope, pid)
        finally:
            engine.dispose()


async def _until_it_listens(address: BrokerAddress) -> None:
    """Wait for the controller's birth, which is retained: it is published when the subscriptions stand."""
    born = asyncio.Event()

    async def hear(_arrival: Arrival) -> None:
        born.set()

    carrier = Carrier(address, "benchmark", (topic_of(Place(Channel.CONTROLLER)),), handle=hear)
    carrying = asyncio.create_task(carrier.run())
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await born.wait()
    finally:
        carrying.cancel()
        await asyncio.wait([carrying])


class BenchMachine(PacedTime):
    """Time that runs from the start of the benchmark on, and the machine's own crystal."""

    boot_id = property(lambda _self: boot_id())

    def tick_ms(self) -> int:
        return tick_ms()


def _serve(pipe: Pipe, url: str, root_envelope: bytes, address: BrokerAddress) -> None:
    pipe.send(os.getpid())
    engine = open_store(url)
    asyncio.run(serve(engine, _service_keys(root_envelope), address, BenchMachine(now_ms())))


def _service_keys(root_envelope: bytes) -> ServiceKeys:
    return ServiceKeys(signers()[SERVICE], signers()[Source.HEADEND], FLEET_KEY, root_envelope)
