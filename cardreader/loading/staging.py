"""Documents staged on a card, and verified before anything of it counts.

The card says the digest of all that it would hold after a commit, and it must be the one that we have made
ourselves. So one answer with a MAC stands for the whole that was written. A card of before does not say it,
and is read back; so is one whose digest is another, since somebody may have staged more in this session.
"""

from collections.abc import Mapping

from cardreader.card import records
from cardreader.files.inventory import contents_digest
from cardreader.files.layout import LOG, CardFile
from cardreader.files.visits import Visit
from cardreader.host.session import HostSession
from cardreader.loading.contents import CardContents
from protocols.errors import RefusedError


def stage(
    session: HostSession, found: CardContents, writes: Mapping[CardFile, bytes], visit: Visit
) -> Mapping[CardFile, bytes]:
    """Stages these documents and a line of the log, as the next commit makes them true, all at once.

    `found`: the card as this session has read it. Returns what each file holds then. Raises RefusedError
    where the card has staged something else; StatusError and CardGoneError as the session does.
    """
    is_known = found.inventory is not None
    for slot, document in writes.items():
        session.write(slot, document, len(found.raw.get(slot, b"")) if is_known else None)
    session.append(LOG, visit.encode())
    log = records.with_record(LOG, found.raw.get(LOG, b""), visit.encode())
    staged = {**found.raw, **writes, LOG: log}
    told = session.fingerprint() if is_known else None
    if told is None or told.digest != contents_digest(staged):
        _read_back(session, writes)
    return staged


def _read_back(session: HostSession, writes: Mapping[CardFile, bytes]) -> None:
    for slot, document in writes.items():
        if session.read(slot) != document:
            raise RefusedError(f"{slot.name}: what was read back is not what was written; try again")
