"""`relance-kiosk card block`: a card that was found again after its replacement, or given back."""

import secrets
import sys
from typing import Annotated

import msgspec
import typer

from cardreader.channel.keys import issuer_keys
from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.cli.options import PRACTICE_SEED, FleetKey, Json, Practice, office_key, warn_of_practice
from cardreader.host.session import ask, select_application
from cardreader.iso7816 import instructions as iso
from cardreader.issuing.personalising import block_card
from cardreader.readers.opening import open_card
from protocols.arguments import read_name
from protocols.rim.clocks import checked_now_ms
from protocols.rim.terminal import Exit


def block_found_card(
    reader: Annotated[str, typer.Argument(metavar="NAME|virtual:FILE", help="The card.")],
    station: Annotated[str, typer.Option(metavar="NAME", help="Who blocks it, for its log.")] = "office",
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Block a card that was found again or given back, for good: no kiosk serves anybody with it.

    The office does that, with its key. The household keeps its present card and all its money. Ends with 1
    for a card that belongs to nobody; a card that is blocked already stays as it is.
    """
    name, office = read_name(station, "--station"), office_key(fleet_key, practice)
    warn_of_practice(office)
    with open_card(reader) as card:
        select_application(card)
        serial = ask(card, iso.DATA_SERIAL)
        keys, challenge = issuer_keys(office.key, serial), secrets.token_bytes(CHALLENGE_BYTES)
        pairing, changed = block_card(card, keys, challenge, name, checked_now_ms())
    told = {
        "card": serial.hex(),
        "meter": pairing.meter,
        "epoch": pairing.epoch,
        "practice": office.practice,
        "did": "blocked" if changed else "unchanged",
    }
    is_blocked = "is blocked" if changed else "was blocked already"
    said = f"card {serial.hex()} of meter {pairing.meter}, pairing epoch {pairing.epoch}: {is_blocked}"
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else said) + "\n")
    return Exit.DONE
