"""All that lies on a card but its keys: in the memory of a card in a file, or asked of one in a reader."""

from dataclasses import dataclass
from typing import Any, Final

from cardreader.card import records
from cardreader.card.keyring import KEYRING, KeyRing, free_for_files
from cardreader.card.store import Store
from cardreader.channel.keys import ISSUER_VERSION, METER_VERSION, kiosk_version
from cardreader.cli.opening import open_as_kiosk
from cardreader.cli.options import OfficeKey
from cardreader.files.access import KeyHolder
from cardreader.files.layout import DIR, FILES, GDO, IN_MF, CardFile, Structure, stored_as
from cardreader.host.dialogue import exchange, run
from cardreader.host.session import HostSession
from cardreader.host.transport import CardChannel
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.apdu import NE_SHORT_MAX, CommandApdu
from cardreader.iso7816.instructions import Instruction
from cardreader.readers.opening import open_card, virtual_file
from cardreader.readers.virtual import VirtualCard

_TRIES_BYTES: Final = 2
_HOLDERS: Final = {ISSUER_VERSION: KeyHolder.ISSUER, METER_VERSION: KeyHolder.METER}


@dataclass(frozen=True, slots=True)
class WholeCard:
    """A card. `fields`: the card itself, as values; `files`: the content of each, by records if it has any.

    `fields["generation"]` of a key is None where its version alone does not tell it.
    """

    fields: dict[str, Any]
    files: tuple[tuple[CardFile, list[bytes]], ...]


def read_whole(reader: str, where: str, generation: int | None, office: OfficeKey) -> WholeCard:
    """The card in a reader, read with the keys of a kiosk; that in a file without any key."""
    path = virtual_file(reader, where)
    if path is None:
        with open_card(reader, where) as card:
            return _asked(card, generation, office)
    with VirtualCard(path) as card:
        return _in_memory(Store(card.memory))


def _in_memory(store: Store) -> WholeCard:
    ring = KeyRing.decode(store.read(KEYRING))
    keys = [
        _key_fields(each.keys.version, each.keys.holder, each.keys.generation, each.tries)
        for each in ring.held
    ]
    fields = _card_fields(ring.sequence, ring.letters, free_for_files(store.free_bytes), keys)
    return WholeCard(fields, tuple((file, _parts(file, store.read(stored_as(file)))) for file in FILES))


def _asked(card: CardChannel, generation: int | None, office: OfficeKey) -> WholeCard:
    # What anybody may read comes first: a plain command ends a session.
    in_mf = {file: _plain(card, file) for file in IN_MF}
    session, opened_with = open_as_kiosk(card, generation, office)
    files = ((file, in_mf.get(file) or _secure(session, file)) for file in FILES)
    tries = session.ask(iso.DATA_TRIES)
    keys = [
        _key_of_version(tries[at], tries[at + 1], opened_with, session.greeting.epoch)
        for at in range(0, len(tries), _TRIES_BYTES)
    ]
    fields = _card_fields(
        session.greeting.sequence,
        int.from_bytes(session.ask(iso.DATA_LETTERS)),
        int.from_bytes(session.ask(iso.DATA_FREE_BYTES)),
        keys,
    )
    return WholeCard(fields, tuple(files))


def _plain(card: CardChannel, file: CardFile) -> list[bytes]:
    select = CommandApdu(0, Instruction.SELECT, iso.SELECT_BY_PATH, 0x0C, file.fid.to_bytes(2))
    run(card, exchange(select)).checked()
    if file is GDO:
        return _parts(
            file,
            run(card, exchange(CommandApdu(0, Instruction.READ_BINARY, 0, 0, ne=NE_SHORT_MAX))).checked(),
        )
    assert file is DIR
    read = CommandApdu(0, Instruction.READ_RECORD, 1, iso.BY_NUMBER, ne=NE_SHORT_MAX)
    return [run(card, exchange(read)).checked()]


def _secure(session: HostSession, file: CardFile) -> list[bytes]:
    if file in IN_MF:
        return []
    if file.structure is Structure.TRANSPARENT:
        return _parts(file, session.read(file))
    return session.records(file)


def _parts(file: CardFile, data: bytes) -> list[bytes]:
    """The content of a file as the card stores it, or each of its records. An empty file has none."""
    if file.structure is Structure.TRANSPARENT:
        return [data] if data else []
    return records.split(data)


def _card_fields(sequence: int, letters: int, free_bytes: int, keys: list[dict[str, Any]]) -> dict[str, Any]:
    return {"sequence": sequence, "letters": letters, "free_bytes": free_bytes, "keys": keys}


def _key_of_version(version: int, tries: int, generation: int, epoch: int) -> dict[str, Any]:
    holder = _HOLDERS.get(version, KeyHolder.KIOSK)
    known = {ISSUER_VERSION: 0, METER_VERSION: epoch, kiosk_version(generation): generation}
    return _key_fields(version, holder, known.get(version), tries)


def _key_fields(version: int, holder: KeyHolder, generation: int | None, tries: int) -> dict[str, Any]:
    return {
        "version": f"{version:02x}",
        "holder": holder.name.lower(),
        "generation": generation,
        "tries": tries,
    }
