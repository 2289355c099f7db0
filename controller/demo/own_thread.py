"""Work on the store in the loop's own thread.

The service hands its transactions to threads, so that a slow disk stops nobody. The conductor waits for each
of them anyway, and with other threads in between every message would wait for the interpreter's lock:
measured, the demo takes three times as long.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class OwnThread(ThreadPoolExecutor):
    """An executor without threads: what is submitted has been done."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it now. Its error is the future's, as with any executor."""
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 # handed on, not swallowed
            done.set_exception(error)
        return done
