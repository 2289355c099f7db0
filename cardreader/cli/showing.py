"""What lies on a card, as values that people and programs read. Keys are never among them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from cardreader.card import records
from cardreader.card.keyring import KEYRING, KeyRing, free_for_files
from cardreader.card.store import Store
from cardreader.files.content import Content
from cardreader.files.directory import ApplicationTemplate, SerialNumber
from cardreader.files.documents import DocumentSlot, Words
from cardreader.files.identity import CardIdentity, Pairing
from cardreader.files.layout import FILES, CardFile, Structure, stored_as
from cardreader.files.meter_state import StateWord
from cardreader.files.visits import Visit
from protocols.documents.envelope import read_envelope
from protocols.errors import DocumentError
from protocols.instants import iso_or_none

_STRUCTURES: Final = {
    Structure.TRANSPARENT: "bytes",
    Structure.LINEAR_VARIABLE: "records",
    Structure.CYCLIC: "newest records",
}


def card_fields(store: Store) -> dict[str, Any]:
    """The card as a whole: its keys without the keys, and its room. Raises DocumentError, StatusError."""
    ring = KeyRing.decode(store.read(KEYRING))
    return {
        "sequence": ring.sequence,
        "letters": ring.letters,
        "free_bytes": free_for_files(store.free_bytes),
        "keys": [
            {
                "version": f"{each.keys.version:02x}",
                "holder": each.keys.holder.name.lower(),
                "generation": each.keys.generation,
                "tries": each.tries,
            }
            for each in ring.held
        ],
    }


def files_of(store: Store) -> Iterator[tuple[CardFile, bytes]]:
    """Each file with its bytes, as the card stores them."""
    for file in FILES:
        yield file, store.read(stored_as(file))


def parts_of(file: CardFile, data: bytes) -> list[bytes]:
    """The content of a file, or of each of its records. An empty file has none."""
    if file.structure is Structure.TRANSPARENT:
        return [data] if data else []
    return records.split(data)


def file_fields(file: CardFile, data: bytes) -> dict[str, Any]:
    """One file: where it stands, and what each part of it says, or why it cannot be read."""
    return {
        "file": file.name,
        "fid": f"{file.fid:04x}",
        "sfi": file.sfi or None,
        "structure": _STRUCTURES[file.structure],
        "bytes": len(data),
        "parts": [_part_fields(file, part) for part in parts_of(file, data)],
    }


def _part_fields(file: CardFile, data: bytes) -> dict[str, Any]:
    try:
        return {"hex": data.hex(), "value": _value(file.content.decode(data)), "error": None}
    except DocumentError as error:
        return {"hex": data.hex(), "value": None, "error": str(error)}


def _value(content: Content) -> Mapping[str, Any]:
    match content:
        case CardIdentity():
            return {"serial": content.serial.hex(), "energy": content.energy}
        case Pairing():
            return {
                "state": content.state.name.lower(),
                "epoch": content.epoch,
                "meter": content.meter,
                "reference": content.reference,
            }
        case DocumentSlot():
            return _document(content.envelope)
        case Words():
            return {"words": [_json_or_text(word) for word in content.words]}
        case StateWord():
            return {"state": _json_or_text(content.word)}
        case Visit():
            return {
                "who": content.who.name.lower(),
                "deed": content.deed.name.lower(),
                "at_ms": content.at_ms,
                "at": iso_or_none(content.at_ms),
                "station": content.station,
            }
        case ApplicationTemplate():
            return {"aid": content.aid.hex(), "label": content.label}
        case SerialNumber():
            return {"serial": content.serial.hex()}
        case _:
            raise AssertionError(type(content))


def _document(data: bytes) -> Mapping[str, Any]:
    """A signed document: its type, whose keys have signed (unchecked), and what it says."""
    envelope = read_envelope(data)
    return {
        "type": envelope.payload_type,
        "keyids": [each.keyid for each in envelope.signatures],
        "document": _json_or_text(envelope.payload),
    }


def _json_or_text(data: bytes) -> Any:  # noqa: ANN401 # any JSON
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return data.decode(errors="replace")
