"""The roots in the store: the one that people are signing, and the one in force (design §5, root).

The file of the home holds the root of the founding, or a later one. The store's root counts where it is newer
and signed as the file's root demands: so the home of another machine that shares the store takes it too.
"""

from typing import Final

from sqlmodel import Session, col, select

from controller.database.numbers import raise_number
from controller.database.tables import CounterRow, SettingRow
from controller.office.root_chain import ChainedRoot, RootChain
from controller.office.sealed_store import drop_sealed, keep_sealed, sealed
from protocols.documents.envelope import read_envelope, seal
from protocols.documents.roles import ROOT_TYPE, Root, read_root, write_root

_IN_FORCE: Final = "root/in_force"
_PROPOSED: Final = "root/proposed"
_COUNTERSIGNING: Final = "root/countersigning"
_DROPPED: Final = "dropped/"
_SINCE: Final = "key-since/"
_LANGUAGE: Final = "language/"
# Every root that was in force, by its version: see `root_chain`.
_CHAIN: Final = "root/chain/"
_SEEN: Final = "root-seen"


def stored_root(session: Session) -> bytes | None:
    """The envelope of the root in force; None where no root has followed that of the founding."""
    return sealed(session, _IN_FORCE)


def proposed_root(session: Session) -> bytes | None:
    """The envelope of the root that waits for signatures; None where none does."""
    return sealed(session, _PROPOSED)


def newer_root(session: Session, current: Root) -> tuple[Root, bytes] | None:
    """The last of the store's roots to which `current` leads, with its envelope; None where it is no later.

    `current` may be many roots behind, and signed by people who have gone meanwhile.
    """
    envelope = stored_root(session)
    if envelope is None or _chained(envelope).root.version <= current.version:
        return None
    found = root_chain(session).walk(current)
    return None if found is None else (found.root, found.envelope)


def root_chain(session: Session, *more: ChainedRoot) -> RootChain:
    """The roots that were in force, as far as this store knows them, and `more`."""
    rows = session.exec(select(SettingRow.value).where(col(SettingRow.name).startswith(_CHAIN)))
    last = stored_root(session)
    envelopes = [value.encode() for value in rows] + ([] if last is None else [last])
    return RootChain([*map(_chained, envelopes), *more])


def _chained(envelope: bytes) -> ChainedRoot:
    return ChainedRoot(read_root(read_envelope(envelope).payload), envelope)


def note_root_seen(session: Session, version: int) -> None:
    """Keep that this root has been in force, which the store may have lost."""
    raise_number(session, _SEEN, version)


def root_seen(session: Session) -> int:
    """The highest version that is known to have been in force beside that of the store; 0: none."""
    row = session.get(CounterRow, _SEEN)
    return 0 if row is None else row.value


def keep_proposed(session: Session, envelope: bytes, *, countersign: bool) -> None:
    """Keep a root that waits for signatures, in the place of any other.

    `countersign`: whoever signs it also signs the orders that it leaves too few signers.
    """
    keep_sealed(session, _PROPOSED, envelope)
    keep_sealed(session, _COUNTERSIGNING, b"yes" if countersign else b"no")


def is_countersigning(session: Session) -> bool:
    """Whether the root that waits was proposed so that its signers sign stranded orders too."""
    return sealed(session, _COUNTERSIGNING) == b"yes"


def dropped_holders(session: Session) -> dict[str, str]:
    """The person whose key it was, by the keyid of each key that a root has dropped."""
    rows = session.exec(select(SettingRow).where(col(SettingRow.name).startswith(_DROPPED)))
    return {row.name.removeprefix(_DROPPED): row.value for row in rows}


def holders_of_keys(session: Session, root: Root) -> dict[str, str]:
    """Who holds or held each key, by keyid: of the root, and of those that it has dropped."""
    return dropped_holders(session) | {keyid: key.holder for keyid, key in root.keys.items()}


def note_dropped(session: Session, keyid: str, holder: str) -> None:
    """Keep whose key it was: a void may name it later."""
    keep_sealed(session, _DROPPED + keyid, holder.encode())


def put_in_force(session: Session, envelope: bytes, before: Root, now_ms: int) -> None:
    """Make a root that is signed by enough people the one in force, in the place of `before`.

    Both are kept for meters that come back later. Of the founding's root the store has no signatures.
    """
    last = stored_root(session)
    if last is None or _chained(last).root != before:
        last = seal(write_root(before), ROOT_TYPE, ())
    new = _chained(envelope)
    for link in (ChainedRoot(before, last), new):
        name = f"{_CHAIN}{link.root.version:020}"
        if sealed(session, name) is None or link is new:
            keep_sealed(session, name, link.envelope)
    keep_sealed(session, _IN_FORCE, envelope)
    for name in (_PROPOSED, _COUNTERSIGNING):
        drop_sealed(session, name)
    for keyid in new.root.keys.keys() - before.keys.keys():
        keep_sealed(session, _SINCE + keyid, str(now_ms).encode())
    for keyid in before.keys.keys() - new.root.keys.keys():
        note_dropped(session, keyid, before.keys[keyid].holder)


def keys_since(session: Session) -> dict[str, int]:
    """Since when each key has counted that came after the founding, by keyid."""
    rows = session.exec(select(SettingRow).where(col(SettingRow.name).startswith(_SINCE)))
    return {row.name.removeprefix(_SINCE): int(row.value) for row in rows}


def note_language(session: Session, name: str, language: str) -> None:
    """Keep in which language a person is addressed."""
    keep_sealed(session, _LANGUAGE + name, language.encode())


def languages(session: Session) -> dict[str, str]:
    """The languages of people, by name, where somebody has said them."""
    rows = session.exec(select(SettingRow).where(col(SettingRow.name).startswith(_LANGUAGE)))
    return {row.name.removeprefix(_LANGUAGE): row.value for row in rows}
