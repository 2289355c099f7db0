"""The card that is in the reader: what it is, what it means, what is to be done at home."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from cardreader.explaining.telling import tell
from cardreader.explaining.trouble_code import trouble_number
from cardreader.screen.slot import SlotView
from cardreader.screen.visit import Clerk, PageVisit
from protocols.languages.kiosk_troubles import trouble_text

card = APIRouter()
_UNCHANGED = 204


@card.get("/card")
def card_page(visit: Clerk) -> Response:
    """The page that a clerk stands at."""
    return visit.page("card.html", **shown(visit, visit.screen.slot.view))


@card.get("/card/state")
def card_state(visit: Clerk, version: int = -1) -> Response:
    """The part of the page that changes with the card; nothing at all while it has not changed."""
    view = visit.screen.slot.view
    if view.version == version:
        return Response(status_code=_UNCHANGED)
    return visit.page("card_state.html", **shown(visit, view))


@card.get("/card/home")
def home_steps(visit: Clerk) -> Response:
    """What to do at home, to be printed."""
    view = visit.screen.slot.view
    if view.explanation is None:
        return visit.to("/card")
    return visit.page("home_steps.html", **shown(visit, view))


def shown(visit: PageVisit, view: SlotView) -> dict[str, Any]:
    """What a template shows of the slot."""
    told = None
    if view.explanation is not None:
        told = tell(view.explanation, visit.session.language, visit.screen.settings.zone)
    trouble = view.trouble
    return {
        "view": view,
        "told": told,
        "trouble": None if trouble is None else trouble_text(visit.sentences, trouble),
        "trouble_number": None if trouble is None else trouble_number(trouble),
    }
