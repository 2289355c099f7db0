"""A meter at work with its faces, for readers that block: these are run beside it, in a thread."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from emulator.fleet.pacing import PacedTime
from emulator.onsite.installed import InstalledMeter
from emulator.onsite.running import FaceChoice, run_with_faces

R = TypeVar("R")


def with_faces(meter: InstalledMeter, choice: FaceChoice, read: Callable[[Mapping[str, str]], R]) -> R:
    """What a reader finds, who is told where the faces are."""

    async def run() -> R:
        opened = asyncio.get_running_loop().create_future()
        clock = PacedTime(meter.now_ms)
        running = asyncio.create_task(run_with_faces(meter, clock, choice, opened.set_result))
        try:
            await asyncio.wait({running, opened}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            return await asyncio.to_thread(read, opened.result())
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return asyncio.run(run())
