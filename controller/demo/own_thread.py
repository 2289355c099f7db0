"""An executor that runs work on the store in the event loop's own thread.

The service runs its transactions in threads, so that a slow disk does not block the loop. The conductor waits
for each of them anyway. With threads every message would have to wait for Python's global interpreter lock:
measured, the demo takes three times as long.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class OwnThread(ThreadPoolExecutor):
    """An executor without threads: `submit` returns after the work is done."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` now. Its exception goes into the future, as with any executor."""
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 # handed on, not swallowed
            done.set_exception(error)
        return done
