"""The second pass of 2020: a planned cut is cancelled by card, signed by the clerk's own key.

The page says which of the three steps is missing, and which cuts the card names. What is chosen is seen
again, and written once.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Form
from starlette.responses import Response

from cardreader.explaining.cuts import named_cuts
from cardreader.explaining.explanation import CardStep
from cardreader.kiosk.receiving import reactivation_receipt
from cardreader.kiosk.recovering import reactivate
from cardreader.screen.paper_pages import print_new
from cardreader.screen.recovery_pages import clerks_signer, open_signer
from cardreader.screen.sessions import PendingReactivation
from cardreader.screen.troubles import TroubleError
from cardreader.screen.visit import Clerk, PageVisit, Posted
from protocols.arguments import read_name
from protocols.errors import InputError
from protocols.languages.kiosk_troubles import KioskTrouble

reactivation = APIRouter()
_NUMBERS: Final = {CardStep.HOME: 1, CardStep.KIOSK: 2, CardStep.HOME_AGAIN: 3}


@reactivation.get("/reactivate")
def cut_page(visit: Clerk) -> Response:
    """Which step is missing, and which cut is to be cancelled."""
    return _cut_page(visit)


@reactivation.post("/reactivate/choose")
def choose_cut(
    visit: Posted, cut: Annotated[str, Form()] = "", other: Annotated[str, Form()] = ""
) -> Response:
    """A cut was chosen, or typed; nothing is signed yet."""
    view = visit.screen.slot.view
    if not view.serial:
        raise TroubleError(KioskTrouble.NO_CARD)
    typed = other.strip() or cut
    try:
        name = read_name(typed, "cut")
    except InputError:
        return _cut_page(visit, typed, is_wrong=True)
    choice = visit.session.reactivation.put(PendingReactivation(name, view.serial))
    what = visit.sentences.say("Cancel the cut {cut}", cut=name)
    return visit.page("confirm.html", what=what, choice=choice, path="/reactivate", meter=visit.meter)


@reactivation.post("/reactivate/confirm")
def confirm_reactivation(visit: Posted, choice: Annotated[str, Form()] = "") -> Response:
    """Signed, written, read back; the ticket with the steps at home follows. Once for each choice."""
    screen = visit.screen
    kiosk = screen.settings.kiosk
    now_ms = screen.settings.now_ms(kiosk)
    with screen.slot.taken() as channel:
        with visit.session.reactivation.taken(choice) as pending:
            signer = open_signer(visit)
            card = screen.slot.receive(channel)
            if card.serial != pending.card:
                raise TroubleError(KioskTrouble.CARD_CHANGED)
            reactivate(kiosk, card, signer, pending.cut, now_ms)
        number = reactivation_receipt(kiosk, card, pending.cut, now_ms)
    print_new(visit, number)
    return visit.to(f"/receipt/{number}")


def _cut_page(visit: PageVisit, typed: str = "", *, is_wrong: bool = False) -> Response:
    view = visit.screen.slot.view
    if not view.serial or view.contents is None or view.explanation is None:
        return visit.trouble(KioskTrouble.NO_CARD)
    return visit.page(
        "reactivate.html",
        422 if is_wrong else 200,
        missing=_NUMBERS.get(view.explanation.step),
        cuts=named_cuts(view.contents),
        typed=typed[:64],
        is_wrong=is_wrong,
        has_key=clerks_signer(visit) is not None,
    )
