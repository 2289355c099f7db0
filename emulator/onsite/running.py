"""Runs one meter with its faces until it is told to stop: the meter in its own time, the faces in ours."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Never

from emulator.faces.places import FacePlace
from emulator.faces.serving.opening import open_port
from emulator.onsite.installed import InstalledMeter
from emulator.onsite.p1_face import P1Choice, P1Face
from protocols.timekeeping import Timekeeper

# How often the meter catches up with its time; a telegram comes every second.
_STEP_S: Final = 0.05
_TELEGRAM_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """Where each face is reached; None: it has none."""

    p1: FacePlace | None = None
    p1_choice: P1Choice = field(default_factory=P1Choice)


async def run_with_faces(
    meter: InstalledMeter,
    clock: Timekeeper,
    choice: FaceChoice,
    on_open: Callable[[Mapping[str, str]], None],
) -> Never:
    """Open the faces, say where they are, and run until cancelled. Raises InputError for a place."""
    async with _opened(choice) as (p1, places):
        on_open(places)
        await _run(meter, clock, p1)


@asynccontextmanager
async def _opened(choice: FaceChoice) -> AsyncIterator[tuple[P1Face, Mapping[str, str]]]:
    """The faces at their places; all are closed at the end, whatever it was."""
    p1 = P1Face(choice.p1_choice)
    places: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        if choice.p1 is not None:
            port = await open_port(choice.p1, "--p1", p1.attach)
            stack.push_async_callback(port.close)
            places["p1"] = port.where
        yield p1, places


async def _run(meter: InstalledMeter, clock: Timekeeper, p1: P1Face) -> Never:
    loop = asyncio.get_running_loop()
    telegram_at_s = loop.time()
    while True:
        meter.advance(clock.now_ms())
        if loop.time() >= telegram_at_s:
            p1.send(meter.view())
            # Seconds that a busy machine has missed are not made up for.
            telegram_at_s = max(telegram_at_s, loop.time() - _TELEGRAM_S) + _TELEGRAM_S
        await asyncio.sleep(_STEP_S)
