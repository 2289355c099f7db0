"""`relance-kiosk recover` and `reactivate`: supply back, and a programmed cut cancelled; for practice."""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from cardreader.cli.opening import open_session
from cardreader.cli.options import PRACTICE_SEED, FleetKey, Generation, Json, Practice
from cardreader.cli.serving import NEXT_STEP, Reader, Station, card_of, meter_of, practice_office, put_on_card
from cardreader.files.access import KeyHolder
from cardreader.issuing.practice import HOLDERS, practice_signer
from cardreader.loading.contents import read_contents
from cardreader.readers.virtual import VirtualCard, read_reader
from protocols.arguments import read_name
from protocols.documents import drafting
from protocols.documents.envelope import Signer, seal
from protocols.documents.kind_rule import Role
from protocols.documents.orders import ORDER_TYPE, Order, Scope, write_document
from protocols.errors import InputError
from protocols.instants import SECOND_MS
from protocols.limits import RELEASE_HOURS
from protocols.rim.clocks import checked_now_ms
from protocols.rim.terminal import Exit

_ID_BYTES: Final = 4


def recover_household(
    reader: Reader,
    hours: Annotated[
        int,
        typer.Option(metavar="HOURS", help="How long nothing cuts: 24, 48, 72 or 240, from the meter on."),
    ] = 72,
    station: Station = "kiosk",
    generation: Generation = 1,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Put a release onto a card: the meter gives the supply back; for practice.

    The hours count from the moment in which the meter reads the card. Ends with 1 for a card that belongs to
    no household.
    """
    if hours not in RELEASE_HOURS:
        allowed = ", ".join(str(each) for each in RELEASE_HOURS)
        raise InputError(f"--hours: {hours}; allowed: {allowed}")
    signer = _clerk(practice)
    # The number of a release rises with the clock: the meter carries out each one once.
    number = checked_now_ms() // SECOND_MS

    def draft(sheet: drafting.Sheet, meter: str) -> Order:
        return drafting.release(sheet, signer.keyid, hours, Scope(meters=(meter,)))

    said = f"a release of {hours} h"
    return _serve(reader, station, generation, fleet_key, practice, number, draft, said, as_json=as_json)


def reactivate_household(
    reader: Reader,
    cut: Annotated[str, typer.Option("--id", metavar="CUT", help="The programmed cut to cancel.")],
    station: Station = "kiosk",
    generation: Generation = 1,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Put the cancellation of a programmed cut onto a card, the second pass of 2020; for practice.

    It wins whichever comes first, the cut or its cancellation. Ends with 1 for a card that belongs to no
    household.
    """
    name = read_name(cut, "--id")

    def draft(sheet: drafting.Sheet, meter: str) -> Order:
        return drafting.cancel_cut(sheet, name, (meter,))

    said = f"the cancellation of cut {name}"
    return _serve(reader, station, generation, fleet_key, practice, 1, draft, said, as_json=as_json)


def _clerk(practice: str) -> Signer:
    return practice_signer(practice, HOLDERS[Role.PROTECT][0])


def _serve(
    reader: str,
    station: str,
    generation: int,
    fleet_key: Path | None,
    practice: str,
    rev: int,
    draft: Callable[[drafting.Sheet, str], Order],
    said: str,
    *,
    as_json: bool,
) -> int:
    """Drafts the order for the card's meter, signs it, and puts it onto the card."""
    station, now_ms, path = read_name(station, "--station"), checked_now_ms(), read_reader(reader, "--reader")
    office = practice_office(fleet_key, practice)
    with VirtualCard(path) as card:
        session = open_session(card, KeyHolder.KIOSK, generation, office)
        found = read_contents(session)
        meter = meter_of(found)
        order = draft(
            drafting.Sheet(f"practice-{secrets.token_hex(_ID_BYTES)}", rev, now_ms, "practice"), meter
        )
        document = seal(write_document(order), ORDER_TYPE, [_clerk(practice)])
        slot = put_on_card(session, found, document, station, practice, now_ms)
    told = {
        "card": card_of(found),
        "meter": meter,
        "kind": order.kind,
        "object": order.object,
        "rev": order.rev,
        "slot": slot.name,
    }
    sentence = f"{said} for meter {meter} is on the card; {NEXT_STEP}"
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else sentence) + "\n")
    return Exit.DONE
