"""A lost card at the screen: the household is found, the old card is ended, and the new one is made.

A kit of the office makes it (`kiosk/making.py`): it lies in the home's folder `kits`. In practice the kiosk
plays the office too.
"""

import secrets
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.host.session import ask, select_application
from cardreader.iso7816 import instructions as iso
from cardreader.issuing.kit import IssuingKit
from cardreader.kiosk.making import (
    bring_what_was_paid,
    kit_for,
    kits_here,
    later_cards,
    make_card,
    pairing_known,
    practice_kit,
)
from cardreader.kiosk.searching import Sought, find
from cardreader.kiosk.store import reading_kiosk
from cardreader.readers.inserted import InsertedCard
from cardreader.screen.troubles import TroubleError
from cardreader.screen.visit import Clerk, PageVisit, Posted
from protocols.arguments import read_name
from protocols.errors import InputError
from protocols.languages.kiosk_troubles import KioskTrouble
from protocols.reasons import Energy

replacement = APIRouter()
_FOUND_MAX = 20


@replacement.get("/replace")
def find_page(visit: Clerk, meter: str = "", reference: str = "") -> Response:
    """Whose card is lost: by the customer's reference or the meter, as far as this kiosk knows them."""
    sought = Sought(meter=meter.strip(), reference=reference.strip())
    with reading_kiosk(visit.screen.settings.kiosk.engine) as session:
        found = find(session, sought, _FOUND_MAX) if any(sought) else None
        meters = {each.meter: each for each in reversed(found.cards)} if found is not None else {}
        return visit.page("replace.html", sought=sought, is_asked=found is not None, meters=meters)


@replacement.get("/replace/{meter}")
def check_page(visit: Clerk, meter: str) -> Response:
    """Which card it is that ends, whether there is a kit, and what to do with the new one."""
    kiosk, name = visit.screen.settings.kiosk, _name(meter)
    known = pairing_known(kiosk, name)
    kits = [facts for facts, _data in kits_here(kiosk.home, name) if facts.epoch > known.made]
    later = {card.serial: card for each in kits for card in later_cards(kiosk, name, each.epoch, each.card)}
    return visit.page(
        "replace_check.html",
        known=known,
        kits=kits,
        later=sorted(later),
        has_kit=bool(kits) or bool(kiosk.home.practice),
        energies=tuple(Energy) if kiosk.home.practice else (),
    )


@replacement.post("/replace")
def replace(
    visit: Posted,
    meter: Annotated[str, Form()] = "",
    energy: Annotated[Energy, Form()] = Energy.ELECTRICITY,
    not_theirs: Annotated[tuple[str, ...], Form()] = (),
) -> Response:
    """The card that lies there becomes the household's, with all that was paid here; again: the same.

    `energy`: of the meter, in practice; elsewhere the kit says it. `not_theirs`: as `make_card`.
    """
    screen, name = visit.screen, _name(meter)
    kiosk = screen.settings.kiosk
    now_ms = screen.settings.now_ms(kiosk)
    with screen.slot.taken() as channel:
        kit = _kit(visit, channel, name, energy)
        make_card(kiosk, channel, kit, secrets.token_bytes(CHALLENGE_BYTES), now_ms, not_theirs)
        total_ueur = bring_what_was_paid(kiosk, screen.slot.receive(channel), now_ms)
    return visit.page(
        "replaced.html",
        meter=name,
        serial=kit.identity.serial.hex(),
        total=total_ueur,
    )


def _kit(visit: PageVisit, channel: InsertedCard, meter: str, energy: Energy) -> IssuingKit:
    """The kit for the card that lies there. Raises TroubleError where the office has made none for it."""
    kiosk = visit.screen.settings.kiosk
    select_application(channel)
    serial = ask(channel, iso.DATA_SERIAL)
    if kiosk.home.practice:
        return practice_kit(kiosk, channel, serial, energy, pairing_known(kiosk, meter))
    kits = [(facts.epoch, data) for facts, data in kits_here(kiosk.home, meter) if facts.card == serial.hex()]
    if not kits:
        raise TroubleError(KioskTrouble.NO_KIT, f"card {serial.hex()}, meter {meter}")
    return kit_for(kiosk.home, max(kits)[1], "kits")


def _name(meter: str) -> str:
    try:
        return read_name(meter, "meter")
    except InputError:
        raise TroubleError(KioskTrouble.INPUT_WRONG) from None
