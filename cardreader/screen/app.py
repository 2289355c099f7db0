"""The screen as an ASGI application: pages, what stands before them, and what is said when one fails."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from cardreader.explaining.trouble_code import trouble_number
from cardreader.screen.card_pages import card
from cardreader.screen.entry_pages import entry
from cardreader.screen.guard import Guard
from cardreader.screen.paper_pages import paper
from cardreader.screen.pay_pages import pay
from cardreader.screen.queue_pages import queue
from cardreader.screen.reactivation_pages import reactivation
from cardreader.screen.recovery_pages import recovery
from cardreader.screen.replace_pages import replacement
from cardreader.screen.sessions import Sessions
from cardreader.screen.settings import ScreenSettings
from cardreader.screen.slot import WatchedSlot
from cardreader.screen.till_pages import till
from cardreader.screen.troubles import TroubleError, trouble_of
from cardreader.screen.visit import LoggedOutError, PageVisit, Screen
from protocols.errors import RelanceError
from protocols.languages.catalogue import Sentences
from protocols.languages.kiosk_troubles import KioskTrouble, trouble_text

_STATIC: Final = Path(__file__).parent / "static"
_NOT_FOUND: Final = 404


def make_app(settings: ScreenSettings, slot: WatchedSlot, sessions: Sessions) -> ASGIApp:
    """The screen's application. The caller starts the slot, and serves it on a loopback address."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.screen = Screen(settings, slot, sessions)
    app.include_router(entry)
    app.include_router(card)
    app.include_router(pay)
    app.include_router(till)
    app.include_router(recovery)
    app.include_router(reactivation)
    app.include_router(replacement)
    app.include_router(paper)
    app.include_router(queue)
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.add_exception_handler(RelanceError, _told)
    app.add_exception_handler(RequestValidationError, _wrong_form)
    app.add_exception_handler(HTTPException, _no_page)
    app.add_exception_handler(Exception, _sorry)
    return Guard(app, settings.port)


def _told(request: Request, error: Exception) -> Response:
    """An error of ours, as a page."""
    visit = PageVisit(request)
    if isinstance(error, LoggedOutError):
        return visit.to("/login")
    assert isinstance(error, RelanceError)
    detail = error.detail if isinstance(error, TroubleError) else str(error)
    return visit.trouble(trouble_of(error), detail)


def _wrong_form(request: Request, _error: Exception) -> Response:
    """A form with fields that no page of ours sends."""
    return PageVisit(request).trouble(KioskTrouble.INPUT_WRONG, status=422)


def _no_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else _NOT_FOUND
    return PageVisit(request).trouble(KioskTrouble.NO_SUCH_PAGE, status=status)


def _sorry(request: Request, _error: Exception) -> Response:
    """For an error that nobody expected: it must not fail too, so it is made of nothing but text."""
    said = trouble_text(Sentences(request.app.state.screen.settings.language), KioskTrouble.UNEXPECTED)
    return PlainTextResponse(f"{said}\n{trouble_number(KioskTrouble.UNEXPECTED)}\n", 500)
