"""Parts of a benchmark in processes of their own, as a person runs them: none waits for another one's Python.

A part gets a pipe and what it was given, and runs until the block ends.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

# The two ends of the pipe: ours, and that of the part.
Pipe = Connection
Part = Callable[..., None]

_END_S: Final = 5.0
_BYTES_PER_KIB: Final = 1024


class Memory(NamedTuple):
    """Bytes of a process in memory: at most so far, and now."""

    peak: float
    now: float


def memory_of(pid: int | str = "self") -> Memory:
    """What a process takes.

    Not what `getrusage` says: that begins with what the parent had taken when it started this process.
    """
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    peak, now = (float(status[name].removesuffix("kB")) * _BYTES_PER_KIB for name in ("VmHWM", "VmRSS"))
    return Memory(peak, now)


@contextmanager
def beside(part: Part, *given: object) -> Iterator[Pipe]:
    """Run `part(pipe, *given)` in a new interpreter until the end of the block; the other end of its pipe.

    Everything given must be picklable, `part` a function of a module. Whoever listens to a part that has
    died meets EOFError.
    """
    # A new interpreter, not a fork of this one: threads and open files do not survive a fork.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(part, theirs, *given), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.terminate()
        process.join(_END_S)
        if process.is_alive():
            process.kill()
            process.join()


def _run(part: Part, pipe: Pipe, *given: object) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    part(pipe, *given)


def _end_with_parent() -> None:
    """A benchmark that is killed leaves nothing running."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
