"""`relance-kiosk replace`: the card that takes the place of a lost one."""

import sys
from typing import Annotated, Any

import msgspec
import typer

from cardreader.cli.desk import KioskHomeOption, StoreFile, kiosk_at_work, receive
from cardreader.cli.issue import CardWish, issue_card, issued_sentence
from cardreader.cli.options import PRACTICE_SEED, FleetKey, Generation, Json, Practice, Reader, office_key
from cardreader.host.session import ask, select_application
from cardreader.iso7816 import instructions as iso
from cardreader.issuing.standing import next_epoch
from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.ledger import account_of
from cardreader.kiosk.paying import purse_of, state_on_card
from cardreader.kiosk.replaced import note_replaced
from cardreader.kiosk.searching import latest_card
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.readers.opening import open_card, virtual_file
from protocols.arguments import read_name
from protocols.errors import InputError, RefusedError
from protocols.instants import UtcMs
from protocols.reasons import Energy
from protocols.rim.clocks import checked_now_ms
from protocols.rim.terminal import Exit


def replace_card(
    reader: Reader,
    meter: Annotated[str, typer.Option(metavar="METER", help="Whose card is lost.")],
    epoch: Annotated[
        int | None,
        typer.Option(metavar="N", help="Which card of this meter it is; default: after the last one here."),
    ] = None,
    energy: Annotated[str, typer.Option(help="electricity or gas.")] = Energy.ELECTRICITY,
    reference: Annotated[str, typer.Option(metavar="DIGITS", help="The customer's 13 digits.")] = "",
    home: KioskHomeOption = None,
    store: StoreFile = None,
    station: Annotated[str, typer.Option(metavar="NAME", help="Who issues, for the card's log.")] = "office",
    generation: Generation = 1,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Make the card that takes the place of a lost one, with all that was paid at this kiosk.

    It has the next pairing epoch: from its first visit on the meter refuses every earlier card. Nothing is
    lost with a card: what was paid stands in the ledger. A kiosk has no key that makes cards: with --home it
    needs the office's --fleet-key too, or the office makes the card.
    """
    name = read_name(meter, "--meter")
    if home is not None and fleet_key is None:
        raise RefusedError(
            "no kiosk holds a key that makes cards: the office makes it (--fleet-key FILE). This kiosk can "
            "take payments for it as soon as it is made, and `find` says what was paid for the lost one"
        )
    office = office_key(fleet_key, practice)
    with kiosk_at_work(home, practice, generation, store=store, reader=reader) as kiosk:
        if fleet_key is not None and home is None and epoch is None:
            raise InputError("--epoch: missing; needed without --home: nobody here knows the last card")
        with reading_kiosk(kiosk.engine) as session:
            last = latest_card(session, name)
        known, known_reference = (0, "") if last is None else (last.pairing, last.reference)
        # The same command again: the card in the reader is the one that took its place already.
        is_made = last is not None and last.serial == _serial_in(reader)
        wanted = epoch or (known if is_made else next_epoch(known))
        if wanted <= known and not is_made:
            raise RefusedError(f"--epoch: {wanted}; allowed: above {known}, that of the last card seen here")
        wish = CardWish(name, energy, reference or known_reference, wanted)
        done = issue_card(reader, wish, office, generation, station, None)
        if home is not None or fleet_key is None:
            with writing_kiosk(kiosk.engine) as session:
                note_replaced(session, name, wanted)
        told: dict[str, Any] = {**done, "replaces": known, "total_ueur": 0}
        if home is not None or fleet_key is None:
            told["total_ueur"] = _bring_what_was_paid(kiosk, reader, name)
    said = f"{issued_sentence(done)}; the meter refuses earlier cards from its first visit on"
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else said) + "\n")
    return Exit.DONE


def _serial_in(reader: str) -> str:
    """The serial number of the card that is there; empty for a file that is to be made."""
    path = virtual_file(reader, "--reader")
    if path is not None and not path.exists():
        return ""
    with open_card(reader) as channel:
        select_application(channel)
        return ask(channel, iso.DATA_SERIAL).hex()


def _bring_what_was_paid(kiosk: Kiosk, reader: str, meter: str) -> int:
    """Puts the statement of all that counts onto the new card; returns its total."""
    purse = purse_of(kiosk.home, meter)
    with reading_kiosk(kiosk.engine) as session:
        total_ueur = account_of(session, purse).counting_ueur
    if total_ueur:
        with open_card(reader) as channel:
            card = receive(kiosk, channel)
            state_on_card(kiosk, card, purse, UtcMs(checked_now_ms()))
    return total_ueur
