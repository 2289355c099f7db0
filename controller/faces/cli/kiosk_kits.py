"""`relance kiosk kit`: what a kiosk is given to make the card of one household."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from cardreader.files.identity import REFERENCE_CHARS, is_reference, read_serial
from cardreader.issuing.kit_files import NONCE_BYTES
from cardreader.readers.locked_file import replaced
from controller.faces.cli import kiosk_areas as kiosk_face
from controller.faces.cli.face import Face
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import NAMED, verb
from controller.kiosks.kits import KitWish, make_kiosk_kit
from controller.office.fleet_keys import load_generations
from protocols.arguments import check_choice, read_name
from protocols.documents.kind_rule import Role
from protocols.errors import InputError, quoted
from protocols.limits import KEY_GENERATIONS_MAX
from protocols.reasons import Energy
from protocols.rim.terminal import Exit

# This verb stands beside the others of `relance kiosk`.
app = kiosk_face.app

_LETTERS_MAX = 0xFFFF


@verb(
    app,
    "kit",
    "kiosk kit namur-1 m00042 --serial 0102030405060708 --out kit.json --as anna",
    "kiosk kit namur-1 541448820000000042 --serial 0102030405060708 --out kit.json --json",
    shares=NAMED,
)
def make_kit_file(
    face: Face,
    kiosk: Annotated[str, typer.Argument(metavar="KIOSK", help="The only kiosk that can use it.")],
    meter: Annotated[str, typer.Argument(metavar="METER", help="Whose card: the meter's id, or an EAN.")],
    *,
    serial: Annotated[
        str, typer.Option(metavar="HEX", help="Serial number of the new card: as the kiosk says it.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The kit; in the kiosk's home it lies in kits/.")],
    reference: Annotated[str, typer.Option(metavar="DIGITS", help="The customer's 13 digits.")] = "",
    epoch: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Pairing epoch; default: after the meter's last card."),
    ] = None,
    energy: Annotated[
        str | None, typer.Option(metavar="ENERGY", help="electricity or gas; default: as the meter says.")
    ] = None,
    letters: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=_LETTERS_MAX, help="Key letters that the card took; new: 0."),
    ] = 0,
    fleet_generation: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=KEY_GENERATIONS_MAX,
            help="Of the fleet's key with which the meter was made; default: as it has proved.",
        ),
    ] = None,
) -> int:
    """Make the kit of one card for one kiosk, which can make that card with it, and no other.

    It is the first card of a household, or the one in the place of a lost card: the pairing epoch is the next
    one, by what the meter has said and by the kits that were made. Who made it stands in the audit. The same
    card again gets the same kit.
    """
    if reference and not is_reference(reference):
        raise InputError(f"--reference: {quoted(reference)}; allowed: {REFERENCE_CHARS} digits")
    if energy is not None:
        check_choice(energy, list(Energy), "--energy")
    wish = KitWish(
        kiosk=read_name(kiosk, "KIOSK"),
        meter=read_name(meter, "METER"),
        serial=read_serial(serial),
        reference=reference,
        epoch=epoch,
        energy=None if energy is None else Energy(energy),
        letters=letters,
        fleet_generation=fleet_generation,
    )
    generations = load_generations(face.settings)
    with face.acting_as(Role.PROTECT) as act:
        made = make_kiosk_kit(act, wish, generations, secrets.token_bytes(NONCE_BYTES))
    # After the commit: whatever becomes of the file, who made it is written down, and it can be made again.
    try:
        os.close(replaced(out, made.data))
    except OSError as error:
        raise InputError(f"--out: {out}: cannot be written: {error.strerror}") from None
    card = wish.serial.hex()
    if face.as_json:
        told = {"kit": str(out), "kiosk": kiosk, "card": card, "meter": made.meter, "epoch": made.epoch}
        more = {"before": made.before, "fleet_generation": made.fleet_generation}
        print_json({**told, "energy": made.energy.value, **more})
        return Exit.DONE
    print_lines(
        f"{out}: kiosk {kiosk} can make card {card} of meter {made.meter} ({made.energy}), "
        f"pairing epoch {made.epoch}."
    )
    return Exit.DONE
