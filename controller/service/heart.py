"""Beats while the service runs: leaves a sign of life in the store, so that commands see whether it serves.

The beats are counted by the machine's time since boot (`liveness`). The demo runs without a heart.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from sqlalchemy import Engine

from controller.database.engine import writing
from controller.database.tables import ServiceRow
from controller.service.liveness import BEAT_MS, Uptime
from controller.service.supervising import STORE_ERRORS, Trouble, line_of_store
from controller.service.views import SERVE
from protocols.instants import SECOND_MS

logger = logging.getLogger(__name__)

# A change of the connection is written at the next look, not only at the next beat.
_LOOK_MS: Final = SECOND_MS // 10


class Heart:
    """`run` beats until it is cancelled, then `stop` deletes the sign of this run.

    `run_name`: a random name of this process. `uptime`: reads the machine's time since boot. `connected`:
    whether the service has its broker now.
    """

    def __init__(
        self,
        engine: Engine,
        run_name: str,
        host: str,
        broker: str,
        *,
        uptime: Callable[[], Uptime],
        connected: Callable[[], bool],
        lock: asyncio.Lock,
    ) -> None:
        self._engine = engine
        self._run_name = run_name
        self._host = host
        self._broker = broker
        self._crystal = uptime
        self._connected = connected
        self._lock = lock
        self._began_tick_ms = uptime().tick_ms
        self._beats = 0
        # A cancelled beat goes on in its thread: it must not write after `stop`.
        self._writing = threading.Lock()
        self._stopped = False

    def beat(self) -> None:
        """Write one sign of life; none after `stop`. Raises UnreachableError where the store is locked."""
        with self._writing:
            if not self._stopped:
                self._write()

    def stop(self) -> None:
        """Delete the sign of this run; that of another run stays. Raises as `beat`."""
        with self._writing:
            self._stopped = True
            with writing(self._engine) as session:
                row = session.get(ServiceRow, SERVE)
                if row is not None and row.run == self._run_name:
                    session.delete(row)

    def _write(self) -> None:
        now = self._crystal()
        self._beats += 1
        row = ServiceRow(
            name=SERVE,
            run=self._run_name,
            host=self._host,
            boot_id=now.boot_id,
            began_tick_ms=self._began_tick_ms,
            tick_ms=now.tick_ms,
            beat=self._beats,
            broker=self._broker,
            connected=int(self._connected()),
        )
        with writing(self._engine) as session:
            session.merge(row)

    async def run(self) -> None:
        """Beat at once, every two seconds, and when the connection comes or goes, until cancelled."""
        trouble = Trouble("sign of life")
        while True:
            written = self._connected()
            try:
                async with self._lock:
                    await asyncio.to_thread(self.beat)
                trouble.over()
            except STORE_ERRORS as error:
                # The other parts go on without it, and say themselves what they cannot do.
                trouble.met(error)
            await self._until_next(connected=written)

    async def _until_next(self, *, connected: bool) -> None:
        for _ in range(BEAT_MS // _LOOK_MS):
            await asyncio.sleep(_LOOK_MS / SECOND_MS)
            if self._connected() is not connected:
                return


@asynccontextmanager
async def beating(heart: Heart) -> AsyncGenerator[None]:
    """Beat while the block runs; at its end the sign of this run is deleted."""
    task = asyncio.create_task(heart.run(), name="heart")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        try:
            await asyncio.to_thread(heart.stop)
        except STORE_ERRORS as error:
            logger.warning("sign of life: %s", line_of_store(error))
