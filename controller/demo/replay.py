"""Runs a replay: sets up all parts, steps time to the end, and gathers the result."""

import asyncio
import gc
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event

from controller.database.engine import open_store
from controller.demo import night
from controller.demo.gathering import gather
from controller.demo.live_view import View, shown
from controller.demo.operators import make_keys
from controller.demo.options import ReplayOptions
from controller.demo.own_thread import OwnThread
from controller.demo.population import TwinHousehold, households
from controller.demo.result import Result
from controller.demo.stage import STORE_FILE, Stage, staged, store_url
from controller.demo.sweeping import check_free, sweep
from controller.service.intake import LINGER_S
from protocols.errors import InputError, UnreachableError
from protocols.link.carriage import BrokerAddress

_STORE_FILES: Final = (STORE_FILE, f"{STORE_FILE}-wal", f"{STORE_FILE}-shm")
_LOGS: Final = ("controller", "emulator", "protocols", "mqtt")
_OBJECTS_BEFORE_COLLECTION: Final = 50_000


def run_replay(options: ReplayOptions, address: BrokerAddress) -> Result:
    """Replay the nine days.

    Raises UnreachableError without a broker, InputError for a folder that cannot be used.
    """
    began_s = time.monotonic()
    # The replay reports failures itself, once. Without a handler `logging` would print the parts' warnings as
    # well.
    for name in _LOGS:
        logging.getLogger(name).addHandler(logging.NullHandler())
    _empty(options.out)
    with ExitStack() as on_failure:
        # A replay that failed has no report, so its store is deleted too.
        on_failure.callback(_remove_store, options.out)
        result = _on_new_store(options, address, began_s)
        on_failure.pop_all()
        return result


def _on_new_store(options: ReplayOptions, address: BrokerAddress, began_s: float) -> Result:
    store = open_store(store_url(options.out), create=True)
    # No commit waits for the disk: after a power cut the replay is simply run again.
    event.listen(store, "connect", _do_not_sync)
    store.dispose()
    try:
        with _rare_collections():
            return asyncio.run(_replay(options, address, store, began_s))
    finally:
        store.dispose()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Collect garbage rarely: each collection scans the objects of all meters, and frees hardly any."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _replay(options: ReplayOptions, address: BrokerAddress, store: Engine, began_s: float) -> Result:
    asyncio.get_running_loop().set_default_executor(OwnThread())
    homes = households(options.meters // 2, options.seed)
    if not options.own_broker:
        return await _replay_on_another(options, address, store, homes, began_s)
    return await _play(options, address, store, homes, began_s)


async def _replay_on_another(
    options: ReplayOptions,
    address: BrokerAddress,
    store: Engine,
    homes: Sequence[TwinHousehold],
    began_s: float,
) -> Result:
    """Replay on a broker of somebody else: it must be free, and is cleared at the end."""
    await check_free(address)
    try:
        return await _play(options, address, store, homes, began_s)
    finally:
        with suppress(UnreachableError):
            await sweep(address)


async def _play(
    options: ReplayOptions,
    address: BrokerAddress,
    store: Engine,
    homes: Sequence[TwinHousehold],
    began_s: float,
) -> Result:
    async with staged(homes, options.seed, make_keys(options.seed), store, address) as stage:
        with shown(stage, fast=options.fast) as view:
            await _conduct(stage, view, night.RELEASE_MS)
            await _release(stage)
            await _conduct(stage, view, night.AFTER_RELEASE_MS)
            await _conduct(stage, view, night.END_MS)
        return gather(options, stage, homes, time.monotonic() - began_s)


async def _release(stage: Stage) -> None:
    """Measure the release under the service's usual conditions: its transactions run in threads."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(thread_name_prefix="store") as threads:
        loop.set_default_executor(threads)
        stage.service.intake.linger_s = LINGER_S
        await stage.acts.release()
        await stage.conductor.settle()
        stage.service.intake.linger_s = 0.0
    loop.set_default_executor(OwnThread())


async def _conduct(stage: Stage, view: View, until_ms: int) -> None:
    while await stage.conductor.step(until_ms):
        await view.look()


def _do_not_sync(connection: Any, _record: object) -> None:  # noqa: ANN401 # a driver's own connection
    connection.execute("PRAGMA synchronous=NORMAL").close()


def _empty(folder: Path) -> None:
    """Make the folder of the report, and delete the store of an earlier replay."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_store(folder)
    except OSError as error:
        raise InputError(f"--out: {folder}: {error.strerror}") from None


def _remove_store(folder: Path) -> None:
    for name in _STORE_FILES:
        (folder / name).unlink(missing_ok=True)
