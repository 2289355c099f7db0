"""A card from a kit, at a kiosk."""

import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.cli.desk import kiosk_now_ms, receive
from cardreader.cli.households_card import blank_file, issued_sentence
from cardreader.cli.interrupts import saying_at_ctrl_c
from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.making import bring_what_was_paid, kit_for, make_card, pairing_known, read_kit_file
from cardreader.readers.opening import open_card, virtual_file
from protocols.errors import InputError

_STOPPED: Final = "stopped: the card may be made or not; the same kit goes on, with this very card"


def made_by_kit(
    kiosk: Kiosk, reader: str, path: Path, meter: str | None, not_theirs: Collection[str] = ()
) -> tuple[dict[str, Any], str]:
    """The card of a kit, with all that was paid here: as values and as a sentence.

    `not_theirs`: as `make_card`.
    """
    kit = kit_for(kiosk.home, read_kit_file(path), f"--kit: {path}")
    pairing, serial = kit.pairing, kit.identity.serial.hex()
    if meter not in (None, pairing.meter):
        raise InputError(f"--meter: {meter}; allowed with this kit: {pairing.meter}")
    file = virtual_file(reader, "--reader")
    if file is not None and not file.exists():
        blank_file(file, kit.identity.serial, kit.issuer)
    known = pairing_known(kiosk, pairing.meter)
    with saying_at_ctrl_c(_STOPPED), open_card(reader) as channel:
        changed = make_card(
            kiosk, channel, kit, secrets.token_bytes(CHALLENGE_BYTES), kiosk_now_ms(kiosk), not_theirs
        )
        total_ueur = bring_what_was_paid(kiosk, receive(kiosk, channel), kiosk_now_ms(kiosk))
        name = channel.name
    told: dict[str, Any] = {
        "card": serial,
        "reader": name,
        "file": None if file is None else str(file),
        "meter": pairing.meter,
        "energy": kit.identity.energy,
        "reference": pairing.reference,
        "epoch": pairing.epoch,
        "practice": bool(kiosk.home.practice),
        "did": "issued" if changed else "unchanged",
        "replaces": known.epoch if changed else pairing.epoch,
        "total_ueur": total_ueur,
    }
    return (
        told,
        f"{issued_sentence(told)}; the meter refuses earlier cards from its first visit on; delete the kit",
    )
