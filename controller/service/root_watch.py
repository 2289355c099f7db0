"""A time authority takes a new root of its home while it runs (design §5, root).

It has no store from which it could hear of one: the file of its home is looked at every ten seconds. On the
service's own machine `relance root sign` writes it; on another one a person copies it there.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

from controller.office.root_chain import read_chain
from controller.office.settings import ROOTS_FILE
from controller.service.supervising import supervised
from protocols.documents.envelope import Signer
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root, accept_root
from protocols.errors import DocumentError
from protocols.instants import iso_from_ms
from protocols.reasons import Refusal

logger = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 10.0


def lists(root: Root, role: Role, signer: Signer) -> bool:
    """Whether a root lists this key for a role: else no meter takes what it signs there."""
    rule = root.roles.get(role)
    return rule is not None and signer.keyid in rule.keyids


class RootWatch:
    """The root in `path`, where `root` is the one in force. `is_listed`: it lists the signer's key."""

    def __init__(self, path: Path, root: Root, signer: Signer) -> None:
        self.root = root
        self._path = path
        self._signer = signer
        self._seen = b""
        self._trouble = ""

    @property
    def is_listed(self) -> bool:
        return lists(self.root, Role.TIME, self._signer)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await supervised("root", self._run)

    def look(self) -> None:
        """Take what the file holds now, if it is a newer root that the one in force lets pass.

        Whatever else it holds is named in the log, once; the root in force stays.
        """
        try:
            envelope = self._path.read_bytes()
            if envelope == self._seen:
                return
            found = accept_root(envelope, self.root)
        except (OSError, DocumentError) as error:
            self._tell_trouble(error.strerror or "?" if isinstance(error, OSError) else str(error))
            return
        if not isinstance(found, Root) and found is not Refusal.STALE_REV:
            further = self._by_the_roots_between()
            if further is None:
                self._tell_trouble(f"not taken: {found.value.replace('_', ' ')}")
                return
            found = further
        self._seen, self._trouble = envelope, ""
        if isinstance(found, Root):
            self._take(found)

    def _by_the_roots_between(self) -> Root | None:
        """The last root to which the one in force leads by the file beside; None: to no later one."""
        try:
            chain = read_chain(self._path.with_name(ROOTS_FILE).read_bytes())
        except (OSError, DocumentError):
            return None
        last = chain.walk(self.root)
        return None if last is None else last.root

    def _take(self, root: Root) -> None:
        was_listed, self.root = self.is_listed, root
        logger.warning("root %d is in force now, until %s", root.version, iso_from_ms(root.expires_ms))
        if was_listed and not self.is_listed:
            logger.error("root %d does not list this key: no ask is answered any more", root.version)

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            logger.warning("%s: %s; root %d stays in force here", self._path, trouble, self.root.version)

    async def _run(self) -> None:
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(_LOOK_EVERY_S)
