"""`relance-kiosk replace`: the card that takes the place of a lost one."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cardreader.cli.desk import kiosk_at_work, kiosk_now_ms, receive
from cardreader.cli.households_card import CardWish, issued_sentence
from cardreader.cli.issue import CardIssuer, issue_card
from cardreader.cli.making import made_by_kit
from cardreader.cli.options import (
    PRACTICE_SEED,
    FleetGeneration,
    FleetKey,
    Generation,
    Json,
    KioskHomeOption,
    KitOption,
    Practice,
    Reader,
    StoreFile,
    office_key,
)
from cardreader.files.identity import CardIdentity, CardState, Pairing, next_epoch, read_serial
from cardreader.host.session import ask, select_application
from cardreader.iso7816 import instructions as iso
from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.making import bring_what_was_paid, pairing_known
from cardreader.kiosk.replaced import note_made
from cardreader.kiosk.store import writing_kiosk
from cardreader.readers.opening import open_card, virtual_file
from protocols.arguments import read_name
from protocols.errors import InputError, RefusedError
from protocols.reasons import Energy
from protocols.rim.terminal import Exit

NotTheirs = Annotated[
    list[str] | None,
    typer.Option(
        "--not-theirs", metavar="SERIAL", help="A card seen here that the household never had; repeatable."
    ),
]


def replace_card(
    reader: Reader,
    meter: Annotated[str | None, typer.Option(metavar="METER", help="Whose card is lost.")] = None,
    epoch: Annotated[
        int | None,
        typer.Option(metavar="N", help="Which card of this meter it is; default: after the last one here."),
    ] = None,
    energy: Annotated[
        str | None, typer.Option(help="electricity or gas; default: as the card that was here last.")
    ] = None,
    reference: Annotated[str, typer.Option(metavar="DIGITS", help="The customer's 13 digits.")] = "",
    kit: KitOption = None,
    not_theirs: NotTheirs = None,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    station: Annotated[str, typer.Option(metavar="NAME", help="Who issues, for the card's log.")] = "office",
    generation: Generation = 1,
    fleet_generation: FleetGeneration = 1,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Make the card that takes the place of a lost one, with all that was paid at this kiosk.

    It has the next pairing epoch: from its first visit on the meter refuses every earlier card. Nothing is
    lost with a card: what was paid stands in the ledger. A kiosk has no key that makes cards: with --home the
    office gives it a --kit for this card, or makes the card itself. A card that was seen here and
    says that it is later than the kit's holds it up, until it is said to be --not-theirs.
    """
    others = [read_serial(each, "--not-theirs").hex() for each in not_theirs or ()]
    if kit is not None:
        if fleet_key is not None or epoch is not None or reference or energy is not None:
            raise InputError("--kit: says by itself what the card is; allowed beside it: --meter, --home")
        with kiosk_at_work(home, practice, generation, store=store, reader=reader) as kiosk:
            _write(*made_by_kit(kiosk, reader, kit, meter, others), as_json=as_json)
        return Exit.DONE
    if others:
        raise InputError("--not-theirs: allowed with --kit: the office says itself which card it makes")
    if meter is None:
        raise InputError("--meter: missing; needed without --kit: whose card is lost")
    if home is not None and fleet_key is None:
        raise RefusedError(
            "no kiosk holds a key that makes cards: the office makes a kit for one card (`relance kiosk "
            "kit`), which --kit takes; `find` says what was paid for the lost one"
        )
    name, number = read_name(meter, "--meter"), 0 if epoch is None else epoch
    wish = CardWish(name, energy or "", reference, number, fleet_generation)
    with kiosk_at_work(home, practice, generation, store=store, reader=reader) as kiosk:
        if fleet_key is not None and home is None and epoch is None:
            raise InputError("--epoch: missing; needed without --home: nobody here knows the last card")
        has_ledger = home is not None or fleet_key is None
        told = _made_by_office(kiosk, reader, wish, fleet_key, station, has_ledger=has_ledger)
    _write(
        told,
        f"{issued_sentence(told)}; the meter refuses earlier cards from its first visit on",
        as_json=as_json,
    )
    return Exit.DONE


def _made_by_office(
    kiosk: Kiosk, reader: str, wish: CardWish, fleet_key: Path | None, station: str, *, has_ledger: bool
) -> dict[str, Any]:
    """The card, made with the office's key. An epoch of 0: the one after the last card that was here."""
    known = pairing_known(kiosk, wish.meter)
    # The same command again: the card in the reader is the one that took its place already.
    is_made = bool(known.serial) and known.serial == _serial_in(reader)
    wanted = wish.epoch or (known.epoch if is_made else next_epoch(known.epoch))
    if wanted <= known.epoch and not is_made:
        raise RefusedError(
            f"--epoch: {wanted}; allowed: above {known.epoch}, that of the last card known here"
        )
    if not wish.epoch and not known.epoch:
        raise InputError(
            f"--epoch: missing; no card of meter {wish.meter} was ever here, and the meter refuses earlier "
            "cards only where the new one is after them; allowed: one after the lost card's"
        )
    office = office_key(fleet_key, kiosk.home.practice)
    energy = wish.energy or known.energy or Energy.ELECTRICITY
    full = CardWish(wish.meter, energy, wish.reference or known.reference, wanted, wish.fleet_generation)
    done = issue_card(reader, full, CardIssuer(office, kiosk.home.cards.generation, station), None)
    told: dict[str, Any] = {**done, "replaces": known.epoch, "total_ueur": 0}
    if has_ledger:
        with writing_kiosk(kiosk.engine) as session:
            pairing = Pairing(CardState.PAIRED, wanted, wish.meter, full.reference)
            identity = CardIdentity(bytes.fromhex(str(done["card"])), Energy(energy))
            note_made(session, identity, pairing, kiosk_now_ms(kiosk))
        with open_card(reader) as channel:
            told["total_ueur"] = bring_what_was_paid(kiosk, receive(kiosk, channel), kiosk_now_ms(kiosk))
    return told


def _serial_in(reader: str) -> str:
    """The serial number of the card that is there; empty for a file that is to be made."""
    path = virtual_file(reader, "--reader")
    if path is not None and not path.exists():
        return ""
    with open_card(reader) as channel:
        select_application(channel)
        return ask(channel, iso.DATA_SERIAL).hex()


def _write(told: dict[str, Any], said: str, *, as_json: bool) -> None:
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else said) + "\n")
