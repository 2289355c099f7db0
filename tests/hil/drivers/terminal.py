"""A pseudo terminal with a stand-in for a device at its other end, which answers bytes with bytes."""

import os
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def device(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """The terminal's path. `answer`: what the device says to what it has just heard."""
    master, slave = os.openpty()
    tty.setraw(slave)

    def serve() -> None:
        # The terminal is closed under us at the end.
        with suppress(OSError):
            while heard := os.read(master, 4096):
                said = answer(heard)
                if said:
                    os.write(master, said)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)
        thread.join(timeout=5)
        os.close(master)
