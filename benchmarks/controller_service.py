"""A controller with its store, its keys and a connection, and a fleet of guarded meters beside it.

All in one process and one event loop, as in the demo: what is measured is code and broker, not the
operating system's scheduling. The store is SQLite in a file, every commit on the disk.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from controller.cli.founding import MACHINES, SERVICE, seal_root
from controller.service.serve import Secrets, Service
from controller.store.engine import open_store
from emulator.pacing import PacedTime, system_now_ms
from protocols.carriage import BrokerAddress
from protocols.carrier import Carrier
from protocols.envelope import Signer
from protocols.reasons import Source
from protocols.topics import controller_filters, time_filters

OPERATORS: Final = ("anne", "bart")
FLEET_KEY: Final = sha256(b"benchmark").digest()
_PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.02
_QUIET_LOOKS: Final = 25


@dataclass(frozen=True, slots=True)
class Controller:
    """What runs, and what it runs on."""

    service: Service
    carrier: Carrier
    engine: Engine
    signers: dict[str, Signer]
    time: PacedTime

    async def quiet(self) -> None:
        """Wait until nothing is on its way through, for a while."""
        quiet = 0
        while quiet < _QUIET_LOOKS:
            await asyncio.sleep(_POLL_S)
            idle = self.carrier.traffic.waiting == 0 and await self.service.drained()
            quiet = quiet + 1 if idle else 0


@asynccontextmanager
async def serving(address: BrokerAddress) -> AsyncIterator[Controller]:
    """A new controller at a broker, until the end of the block."""
    signers = {name: Signer.from_seed(sha256(name.encode()).digest()) for name in (*OPERATORS, *MACHINES)}
    now_ms = system_now_ms()
    secrets = Secrets(
        signers[SERVICE], signers[Source.HEADEND], FLEET_KEY, seal_root(signers, OPERATORS, now_ms)
    )
    with tempfile.TemporaryDirectory() as folder:
        engine = open_store(f"sqlite:///{Path(folder, 'store.db')}", create=True)
        paced = PacedTime(now_ms)
        service = Service(engine, secrets, paced)
        filters = (*controller_filters(), *time_filters())
        carrier = Carrier(address, "relance-controller", filters, handle=service.handle)
        service.attach(carrier)
        tasks = [asyncio.create_task(carrier.run()), asyncio.create_task(service.run())]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await carrier.first_attempt()
            yield Controller(service, carrier, engine, signers, paced)
        finally:
            await end(tasks)
            engine.dispose()


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for them. A bug in one of them is raised here."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
