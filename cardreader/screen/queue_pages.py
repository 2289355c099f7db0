"""A queue of people: what each card gets is chosen once, then one touch for each card.

A card that does not say the symptom is left alone, and a card that comes again is told its ticket.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Form
from starlette.responses import Response

from cardreader.explaining.rules import explain
from cardreader.explaining.symptoms import Symptom, has_symptom
from cardreader.kiosk.receiving import recovery_receipt
from cardreader.kiosk.recovering import recover
from cardreader.screen.paper_pages import print_new
from cardreader.screen.recovery_pages import clerks_signer, last_day, open_signer
from cardreader.screen.sessions import ScreenQueue
from cardreader.screen.troubles import TroubleError
from cardreader.screen.visit import Clerk, PageVisit, Posted
from protocols.documents.envelope import Signer
from protocols.languages.kiosk_troubles import KioskTrouble
from protocols.limits import RELEASE_HOURS

queue = APIRouter()
_HOURS_USUAL: Final = 72


@queue.get("/queue")
def queue_page(visit: Clerk) -> Response:
    """What each card gets; once that is chosen, the button for the next card."""
    chosen = visit.session.queue
    if chosen is None:
        return visit.page(
            "queue_choose.html",
            choices=[(hours, last_day(visit, hours)) for hours in sorted(RELEASE_HOURS)],
            usual=_HOURS_USUAL,
            has_key=clerks_signer(visit) is not None,
        )
    return visit.page("queue.html", queue=chosen, day=last_day(visit, chosen.hours))


@queue.post("/queue/choose")
def choose_queue(
    visit: Posted, hours: Annotated[int, Form()], symptom: Annotated[Symptom, Form()] = Symptom.ANY
) -> Response:
    """Chosen; nothing is signed yet."""
    if hours not in RELEASE_HOURS:
        raise TroubleError(KioskTrouble.INPUT_WRONG)
    visit.session.queue = ScreenQueue(hours, symptom)
    return visit.to("/queue")


@queue.post("/queue/write")
def serve_next(visit: Posted) -> Response:
    """The card that lies there: written, read back, its ticket printed."""
    chosen = visit.session.queue
    if chosen is None:
        raise TroubleError(KioskTrouble.PAGE_OLD)
    number = _served(visit, chosen, open_signer(visit))
    if number is not None:
        print_new(visit, number)
    return visit.to("/queue")


@queue.post("/queue/end")
def end_queue(visit: Posted) -> Response:
    """The queue is over."""
    visit.session.queue = None
    return visit.to("/card")


def _served(visit: PageVisit, chosen: ScreenQueue, signer: Signer) -> int | None:
    """The ticket of the card; None where nothing was written: the notice says why."""
    screen, say = visit.screen, visit.sentences.say
    kiosk = screen.settings.kiosk
    now_ms = screen.settings.now_ms(kiosk)
    with screen.slot.taken() as channel:
        card = screen.slot.receive(channel)
        ticket = chosen.served.get(card.serial)
        if ticket is not None:
            visit.session.notice = say("This card was served already. Ticket {number}.", number=str(ticket))
            return None
        if not has_symptom(explain(card.found), chosen.symptom):
            visit.session.notice = say("This card does not say that. Nothing was written onto it.")
            return None
        done = recover(kiosk, card, signer, chosen.hours, now_ms)
        number = recovery_receipt(kiosk, card, done, now_ms)
    chosen.served[card.serial] = number
    visit.session.notice = say(
        "Written: meter {meter}, ticket {number}.", meter=card.meter, number=str(number)
    )
    return number
