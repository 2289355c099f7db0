"""What lies on a card, as values that people and programs read. Keys are never among them."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cardreader.card import records
from cardreader.files.content import Content
from cardreader.files.directory import ApplicationTemplate, SerialNumber
from cardreader.files.documents import DocumentSlot, Words
from cardreader.files.identity import CardIdentity, Pairing
from cardreader.files.layout import CardFile, Structure
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


def file_fields(file: CardFile, parts: list[bytes]) -> dict[str, Any]:
    """One file: where it stands, and what each part of it says, or why it cannot be read.

    `bytes`: what it takes on the card.
    """
    stored = b"".join(parts) if file.structure is Structure.TRANSPARENT else records.join(parts)
    return {
        "file": file.name,
        "fid": f"{file.fid:04x}",
        "sfi": file.sfi or None,
        "structure": _STRUCTURES[file.structure],
        "bytes": len(stored),
        "parts": [_part_fields(file, part) for part in parts],
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
