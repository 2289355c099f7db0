"""`relance-kiosk readers`: which readers there are, and what is in them."""

import sys

import msgspec

from cardreader.cli.options import Json
from cardreader.readers.pcsc_service import PcscService
from cardreader.readers.reader_states import ReaderState
from protocols.rim.terminal import Exit


def list_readers(*, as_json: Json = False) -> int:
    """List the card readers of this machine, and what is in them.

    `--reader` takes the name of one, or a part of it that fits no other. Ends with 1 where there is none,
    with 3 where the service for card readers (pcscd) does not answer.
    """
    with PcscService() as service:
        found = service.readers()
    for each in found:
        sys.stdout.write((_json_line(each) if as_json else f"{each.name}: {_said(each)}") + "\n")
    if not found and not as_json:
        sys.stdout.write("no card reader is plugged in\n")
    return Exit.DONE if found else Exit.NO


def _json_line(reader: ReaderState) -> str:
    fields = {
        "reader": reader.name,
        "has_card": reader.has_card,
        "is_mute": reader.is_mute,
        "in_use": reader.in_use,
        "atr": reader.atr.hex() or None,
        "events": reader.events,
    }
    return msgspec.json.encode(fields).decode()


def _said(reader: ReaderState) -> str:
    if not reader.has_card:
        return "empty"
    if reader.is_mute:
        return "a card that does not answer"
    return f"a card{', which another program uses' if reader.in_use else ''}; it says {reader.atr.hex()}"
