"""Receipts on the receipt printer: by themselves after an act, and again when somebody asks."""

from fastapi import APIRouter
from starlette.responses import Response

from cardreader.receipts.printing import print_receipt
from cardreader.screen.troubles import TroubleError, trouble_of
from cardreader.screen.visit import PageVisit, Posted
from protocols.errors import UnreachableError
from protocols.languages.kiosk_troubles import KioskTrouble, trouble_text
from protocols.limits import REV_MAX

paper = APIRouter()


@paper.post("/receipt/{number}/print")
def print_again(visit: Posted, number: int) -> Response:
    """On paper, in the language of the page; from the second time on as a copy."""
    place = visit.screen.settings.printer
    if place is None or not 0 < number <= REV_MAX:
        raise TroubleError(KioskTrouble.NO_SUCH_PAGE)
    print_receipt(visit.screen.settings.kiosk, number, place, visit.session.language)
    return visit.to(f"/receipt/{number}")


def print_new(visit: PageVisit, number: int) -> None:
    """After an act, which stands whatever the printer does: what is wrong there, the next page says."""
    place = visit.screen.settings.printer
    if place is None:
        return
    try:
        print_receipt(visit.screen.settings.kiosk, number, place, visit.session.language)
    except UnreachableError as error:
        said = trouble_text(visit.sentences, trouble_of(error))
        visit.session.notice = f"{visit.session.notice} {said}".strip()
