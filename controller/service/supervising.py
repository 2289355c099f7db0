"""Keeps the service's loops running: one that fails neither ends the others, nor floods the log."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Never

from sqlalchemy.exc import DatabaseError, DataError, IntegrityError

from controller.database.errors import as_ours
from protocols.errors import RelanceError

logger = logging.getLogger(__name__)

# The wait after a failure, doubled up to the longest.
_WAIT_S_MIN: Final = 0.25
_WAIT_S_MAX: Final = 10.0
_DOUBLED_MAX: Final = 16

# The store does not take anything now: a full disk, a lock, a lost table, a server that has gone.
STORE_ERRORS: Final = (RelanceError, DatabaseError)
# The store does not take these values: the fault is in what it was given.
VALUE_ERRORS: Final = (DataError, IntegrityError)


class Trouble:
    """One after another of a kind: says how long to wait, and logs the first, then ever more seldom."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def met(self, error: Exception) -> float:
        """Log an error where it is time to; returns how many seconds to wait before the next attempt."""
        self._count += 1
        if self._count & (self._count - 1) == 0:
            again = f" ({self._count} attempts)" if self._count > 1 else ""
            if isinstance(error, STORE_ERRORS):
                logger.warning("%s: %s; trying again%s", self._name, line_of_store(error), again)
            else:
                logger.error("%s: a bug; trying again%s", self._name, again, exc_info=error)
        return min(_WAIT_S_MIN * (1 << min(self._count - 1, _DOUBLED_MAX)), _WAIT_S_MAX)

    def over(self) -> None:
        """It works."""
        if self._count:
            logger.warning("%s: works again, after %d attempts", self._name, self._count)
        self._count = 0


def line_of_store(error: Exception) -> str:
    """One line for an error of the store, without its SQL."""
    return str(as_ours(error)) if isinstance(error, DatabaseError) else str(error)


async def supervised(name: str, run: Callable[[], Awaitable[object]]) -> Never:
    """Run a loop until cancelled; where it fails, begin it again after a wait."""
    trouble = Trouble(name)
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 # logged with its traceback; the other loops go on
            await asyncio.sleep(trouble.met(error))
