"""`relance-kiosk card kit|blank`: what a kiosk is given to make one card; a card as the factory makes it."""

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from cardreader.channel.keys import issuer_keys
from cardreader.cli.households_card import CardWish, blank_file, check_wish
from cardreader.cli.options import (
    PRACTICE_SEED,
    FleetGeneration,
    FleetKey,
    Generation,
    Json,
    OfficeKey,
    Practice,
    office_key,
    warn_of_practice,
)
from cardreader.files.identity import SERIAL_BYTES, read_serial
from cardreader.issuing.kit import CardOrder, make_kit
from cardreader.issuing.kit_files import NONCE_BYTES, seal_kit
from cardreader.kiosk.home import PRACTICE_ISSUER, practice_home
from cardreader.readers.locked_file import replaced
from cardreader.readers.opening import virtual_file
from protocols.arguments import read_name
from protocols.errors import InputError
from protocols.link.keys import kiosk_key
from protocols.reasons import Energy
from protocols.rim.terminal import Exit

_LETTERS_MAX: Final = 0xFFFF


def write_kit(
    meter: Annotated[str, typer.Option(metavar="METER", help="The meter that the card is for.")],
    serial: Annotated[
        str, typer.Option(metavar="HEX", help="Serial number of the card: as the kiosk says it.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The kit; in a kiosk's home it lies in kits/.")],
    epoch: Annotated[
        int, typer.Option(metavar="N", help="Which card of this meter it is; a replacement has the next.")
    ] = 1,
    kiosk: Annotated[str | None, typer.Option(metavar="KIOSK", help="The only one that can use it.")] = None,
    energy: Annotated[str, typer.Option(help="electricity or gas.")] = Energy.ELECTRICITY,
    reference: Annotated[str, typer.Option(metavar="DIGITS", help="The customer's 13 digits.")] = "",
    letters: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=_LETTERS_MAX, help="Key letters that the card took; new: 0."),
    ] = 0,
    generation: Generation = 1,
    fleet_generation: FleetGeneration = 1,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Make the kit of one card for one kiosk, which can make that card with it, and no other.

    Nobody else can read it or change it. Ends with 2 where the file cannot be written.
    """
    office, wish = office_key(fleet_key, practice), CardWish(meter, energy, reference, epoch)
    name = check_wish(wish)
    if kiosk is None and not office.practice:
        raise InputError(
            "--kiosk: missing; needed with --fleet-key: the name of the kiosk that makes the card"
        )
    if office.practice and kiosk not in (None, PRACTICE_ISSUER):
        raise InputError("--kiosk: allowed with --fleet-key; in practice there is one kiosk")
    for_kiosk = read_name(kiosk or PRACTICE_ISSUER, "--kiosk")
    number = read_serial(serial)
    warn_of_practice(office)
    wanted = CardOrder(number, Energy(energy), name, epoch, reference, generation)
    kit = make_kit(office.key, wanted, letters, office.of_generation(fleet_generation))
    data = seal_kit(kit, for_kiosk, _words_key(office, practice, for_kiosk), secrets.token_bytes(NONCE_BYTES))
    try:
        os.close(replaced(out, data))
    except OSError as error:
        raise InputError(f"--out: {out}: cannot be written: {error.strerror}") from None
    told = {"kit": str(out), "kiosk": for_kiosk, "card": number.hex(), "meter": name, "epoch": epoch}
    said = f"kit {out}: kiosk {for_kiosk} can make card {number.hex()} of meter {name}, pairing epoch {epoch}"
    _tell({**told, "practice": office.practice}, said, as_json=as_json)
    return Exit.DONE


def make_blank(
    card: Annotated[str, typer.Argument(metavar="virtual:FILE", help="The new file.")],
    serial: Annotated[
        str | None, typer.Option(metavar="HEX", help="Its serial number; default: by chance.")
    ] = None,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Make a virtual card as it comes from the factory: it belongs to nobody yet.

    Ends with 2 where the file is there already.
    """
    path, office = virtual_file(card, "CARD"), office_key(fleet_key, practice)
    if path is None:
        raise InputError(f"CARD: {card} is a reader; allowed: virtual:FILE, since chip cards come blank")
    if path.exists():
        raise InputError(f"CARD: {path} is there already; allowed: a new file")
    number = secrets.token_bytes(SERIAL_BYTES) if serial is None else read_serial(serial)
    blank_file(path, number, issuer_keys(office.key, number))
    _tell({"card": number.hex(), "file": str(path)}, f"card {number.hex()} ({path}): blank", as_json=as_json)
    return Exit.DONE


def _words_key(office: OfficeKey, seed: str, kiosk: str) -> bytes:
    return practice_home(seed).words_key if office.practice else kiosk_key(office.key, kiosk)


def _tell(told: dict[str, Any], said: str, *, as_json: bool) -> None:
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else said) + "\n")
