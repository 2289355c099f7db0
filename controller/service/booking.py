"""Books payments for the service: what clerks request, and what meters turn out to hold (design §4.3)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine

from controller.database.engine import reading, writing
from controller.exchange.purses import PursesHeard
from controller.office.issuers_store import issuers_in_force
from controller.office.issuing import CONTROLLER
from controller.payments.booking import IssuingAs, book, is_due
from controller.payments.requests import is_unsigned, waiting_requests
from protocols.documents.envelope import Signer
from protocols.documents.issuers import Issuer
from protocols.documents.roles import Root
from protocols.timekeeping import Timekeeper

_NAMED_MAX: Final = 10

logger = logging.getLogger(__name__)

FindsKey = Callable[[Issuer], Signer | None]


def no_keys(_issuer: Issuer) -> Signer | None:
    """A service that signs no statements."""
    return None


class Booking:
    """Books while the service runs. `root` and `purses` are what the service knows now."""

    def __init__(
        self,
        engine: Engine,
        root: Root,
        timekeeper: Timekeeper,
        lock: asyncio.Lock,
        find_key: FindsKey = no_keys,
    ) -> None:
        self.root = root
        self.purses: Final = PursesHeard()
        self._engine = engine
        self._timekeeper = timekeeper
        self._lock = lock
        self._find_key = find_key
        self._issuing: IssuingAs | None = None
        self._missing: Issuer | None = None
        self._told_root = 0

    def take_issuers(self) -> None:
        """Sign as the issuers document in force says, from now on; every meter is looked at again."""
        with reading(self._engine) as session:
            sealed = issuers_in_force(session)
        issuer = None if sealed is None else sealed.issuers.of(CONTROLLER)
        signer = None if issuer is None else self._find_key(issuer)
        self._issuing = None if issuer is None or signer is None else IssuingAs(issuer, signer)
        if issuer is not None and signer is None and issuer != self._missing:
            self._missing = issuer
            logger.warning(
                "payments: no key of issuer %s, epoch %d: requests wait until a service has it",
                issuer.name,
                issuer.epoch,
            )
        self.purses.look_again()

    async def book_due(self) -> None:
        """Book what is due now. Raises an error of the database."""
        if self._told_root != self.root.version:
            await asyncio.to_thread(self._tell_unsigned)
        if await asyncio.to_thread(self.is_due):
            async with self._lock:
                await asyncio.to_thread(self._book)

    def is_due(self) -> bool:
        """Whether something can be booked now."""
        with reading(self._engine) as session:
            return is_due(session, self.purses, self._issuing, self.root)

    def _tell_unsigned(self) -> None:
        """Say once for each root which payments wait for somebody who counts in it."""
        with reading(self._engine) as session:
            waiting = [row.id for row in waiting_requests(session) if is_unsigned(row, self.root)]
        self._told_root = self.root.version
        if waiting:
            logger.warning(
                "payments: nobody has signed %s who counts in root %d: they wait until `relance topup`, said "
                "once more with the same --id by whoever takes payments, signs them again",
                ", ".join(waiting[:_NAMED_MAX]) + (" and others" if len(waiting) > _NAMED_MAX else ""),
                self.root.version,
            )

    def _book(self) -> None:
        issuing = self._issuing
        with writing(self._engine) as session:
            done = book(session, self.purses, issuing, self.root, self._timekeeper.now_ms())
        # Only now: a commit that failed has booked nothing. Where the issuers have changed meanwhile, all is
        # looked at again.
        if issuing is self._issuing:
            self.purses.changed -= done.looked_at
        if done.found or done.moved:
            logger.warning(
                "payments: %d found at meters that the ledger did not know, %d sent anew in a new epoch",
                done.found,
                done.moved,
            )
