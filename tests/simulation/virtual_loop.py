"""An event loop without sockets, threads and waiting: where nothing is ready, time jumps to the next timer.

So the very coroutines of service and fleet run, with their own sleeps and timeouts, and days pass in a
second. Everything happens in one order: callbacks as they became ready, timers by their
instant.
"""

import asyncio
import heapq
from collections.abc import Callable
from typing import Any, NoReturn


class StuckError(Exception):
    """Nothing is ready and no timer runs: the simulation would wait for ever."""


class _JumpingSelector:
    """In place of a selector: it waits for no file, and moves the loop's time to the next timer."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout_s: float | None) -> list[object]:
        if timeout_s is None:
            raise StuckError("nothing is ready and no timer runs")
        if timeout_s > 0:
            self._loop.jump()
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Its time begins at 0 s. Work for threads runs at once, and is answered `work_s()` later."""

    def __init__(self, work_s: Callable[[], float]) -> None:
        super().__init__()
        self._work_s = work_s
        self._now_s = 0.0
        self._selector = _JumpingSelector(self)

    def time(self) -> float:
        """Seconds of the simulation."""
        return self._now_s

    def jump(self) -> None:
        """Move time to the next timer."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined] # the loop's own heap
        while timers and timers[0].cancelled():
            heapq.heappop(timers)
        if timers:
            self._now_s = max(self._now_s, timers[0].when())

    def run_in_executor(
        self, _executor: object, func: Callable[..., Any], *args: object
    ) -> asyncio.Future[Any]:
        """Run `func` now: a transaction is one step. Its answer comes later: a kill can come between."""
        done: asyncio.Future[Any] = self.create_future()
        try:
            answer, failure = func(*args), None
        except Exception as error:  # noqa: BLE001 # handed on to whoever awaits it
            answer, failure = None, error
        self.call_later(self._work_s(), _settle, done, answer, failure)
        return done

    def _process_events(self, event_list: list[object]) -> None:
        assert not event_list, event_list

    def _write_to_self(self) -> NoReturn:
        raise AssertionError("a simulation has one thread")


def _settle(done: asyncio.Future[Any], answer: object, failure: Exception | None) -> None:
    if done.done():
        return
    if failure is None:
        done.set_result(answer)
    else:
        done.set_exception(failure)
