"""Runs a replay: sets up all parts, steps time to the end, and gathers the result."""

import asyncio
import gc
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlmodel import col, select

from controller.database.engine import open_store, reading
from controller.database.tables import ClaimRow
from controller.demo import night
from controller.demo.live_view import View, shown
from controller.demo.operators import make_keys
from controller.demo.own_thread import OwnThread
from controller.demo.population import TwinHousehold, households
from controller.demo.result import Confirmations, Heard, Result
from controller.demo.stage import STORE_FILE, Stage, staged, store_url
from controller.demo.sweeping import check_free, sweep
from controller.orders.views import order_progress
from controller.service.intake import LINGER_S
from protocols.errors import InputError, UnreachableError
from protocols.link.carriage import BrokerAddress

_STORE_FILES: Final = (STORE_FILE, f"{STORE_FILE}-wal", f"{STORE_FILE}-shm")
_LOGS: Final = ("controller", "emulator", "protocols", "mqtt")
_OBJECTS_BEFORE_COLLECTION: Final = 50_000
# Honest witnesses differ by less than this: their spread is a second.
_OFFSET_MS_MIN: Final = 60_000
_REACHED: Final = (
    ("declared", "Moratorium until 30 June", night.DECLARED_MS),
    ("extended", "extended to Friday 3 July, 23:01", night.EXTENDED_MS),
    ("extended_again", "extended to Monday 6 July, 08:00", night.EXTENDED_AGAIN_MS),
)


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """The options of `relance demo`. `broker` is the text for the report; `own_broker`: it is embedded."""

    meters: int
    seed: int
    out: Path
    fast: bool
    broker: str
    own_broker: bool


def run_replay(options: ReplayOptions, address: BrokerAddress) -> Result:
    """Replay the nine days.

    Raises UnreachableError without a broker, InputError for a folder that cannot be used.
    """
    began_s = time.monotonic()
    # The parts log the same failures that the replay itself reports, once: without a handler they are not
    # printed.
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
        return _gathered(options, stage, homes, time.monotonic() - began_s)


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


def _gathered(options: ReplayOptions, stage: Stage, homes: Sequence[TwinHousehold], wall_s: float) -> Result:
    record = stage.acts.record
    meters = [stage.guarded_fleet.meter(home.guarded) for home in homes]
    return Result(
        seed=options.seed,
        meters=options.meters,
        broker=options.broker,
        homes=homes,
        changes=stage.camera.changes,
        heard=_heard(stage.store),
        reached=_reached(stage.store, record.order_ids, len(homes)),
        ways_back=stage.card_fleet.ways_back,
        planned=frozenset(record.planned),
        wrong_scope=frozenset(record.wrong_scope),
        meant=frozenset(record.meant),
        off_before_release=frozenset(record.release.off_before),
        release_s=record.release.seconds,
        refused_plan=record.refused_plan,
        paid_ueur=record.paid_ueur,
        credited_ueur=sum(meter.holdings().totals.credited_ueur for meter in meters),
        messages={channel.value: count for channel, count in sorted(stage.post.published.items())},
        steps=stage.conductor.steps,
        wall_seconds=wall_s,
        decisions_sha256=stage.camera.decisions_sha256(),
        version=version("relance"),
    )


def _heard(store: Engine) -> list[Heard]:
    """Wrong dates that meters have heard, from the claims in the controller's store."""
    query = (
        select(ClaimRow.meter, ClaimRow.received_ms, ClaimRow.source, ClaimRow.offset_ms)
        .where(col(ClaimRow.offset_ms).is_not(None))
        .order_by(col(ClaimRow.received_ms), col(ClaimRow.meter))
    )
    with reading(store) as session:
        return [
            Heard(meter, received_ms, source, offset_ms)
            for meter, received_ms, source, offset_ms in session.exec(query)
            if offset_ms is not None and abs(offset_ms) >= _OFFSET_MS_MIN
        ]


def _reached(store: Engine, order_ids: dict[str, str], meters: int) -> list[Confirmations]:
    with reading(store) as session:
        return [
            Confirmations(what, at_ms, order_progress(session, order_ids[key]).stored, meters)
            for key, what, at_ms in _REACHED
        ]


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
