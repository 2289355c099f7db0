"""One request: whose session it is, and how it is answered."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from cardreader.explaining.telling import spaced
from cardreader.explaining.trouble_code import trouble_number
from cardreader.kiosk.ledger import epoch_now
from cardreader.kiosk.shifts import shift_now
from cardreader.kiosk.store import reading_kiosk
from cardreader.screen.sessions import COOKIE, ScreenSession, Sessions
from cardreader.screen.settings import IDLE_MINUTES, WARNED_S, ScreenSettings
from cardreader.screen.slot import WatchedSlot
from cardreader.screen.troubles import TroubleError
from cardreader.screen.wording import means_text, state_text
from protocols.languages.catalogue import Sentences
from protocols.languages.energies import energy_for
from protocols.languages.kiosk_troubles import KioskTrouble, trouble_text
from protocols.languages.money import sum_for
from protocols.reasons import Language

SEE_OTHER: Final = 303
# Each language in its own name, for those who read no other.
LANGUAGE_NAMES: Final = {
    Language.FRENCH: "Français",
    Language.DUTCH: "Nederlands",
    Language.GERMAN: "Deutsch",
    Language.ENGLISH: "English",
}

_templates: Final = Environment(
    loader=PackageLoader("cardreader.screen"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@dataclass(frozen=True, slots=True)
class Screen:
    """All that pages need: how the screen was started, its slot and its sessions."""

    settings: ScreenSettings
    slot: WatchedSlot
    sessions: Sessions


class LoggedOutError(TroubleError):
    """A page needs a clerk, and there is none in this session."""

    def __init__(self) -> None:
        super().__init__(KioskTrouble.SESSION_ENDED)


class PageVisit:
    """A request with its session, which is begun where there is none."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.screen: Screen = request.app.state.screen
        found = self.screen.sessions.of(request.cookies.get(COOKIE), touch=not _is_poll(request))
        self.session: ScreenSession = found or self.screen.sessions.begin()

    @property
    def sentences(self) -> Sentences:
        """In the session's language."""
        return Sentences(self.session.language)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 # to Jinja
        """A page, with everything that all pages have."""
        session, sentences, settings = self.session, self.sentences, self.screen.settings
        notice, session.notice = session.notice, ""
        text = _templates.get_template(template).render(
            say=sentences.say,
            euro=lambda ueur: sum_for(sentences, ueur),
            state_text=lambda payment: state_text(sentences, payment, epoch_now(settings.kiosk.home)),
            means_text=lambda means: means_text(sentences, means),
            kwh=lambda energy_wh: energy_for(sentences, energy_wh),
            spaced=spaced,
            session=session,
            settings=settings,
            notice=notice,
            language_names=LANGUAGE_NAMES,
            idle_choices=IDLE_MINUTES,
            left_s=self.screen.sessions.left_s(session),
            warned_s=WARNED_S,
            here=self.request.url.path,
            back=self._back(),
            **values,
        )
        return self._with_cookie(HTMLResponse(text, status))

    def to(self, path: str) -> Response:
        """On to another page, after something was done."""
        if "hx-request" in self.request.headers:
            return self._with_cookie(Response(status_code=200, headers={"HX-Redirect": path}))
        return self._with_cookie(RedirectResponse(path, SEE_OTHER))

    def trouble(self, trouble: KioskTrouble, detail: str = "", status: int = 409) -> Response:
        """A page that says what went wrong, with the number for the call centre."""
        return self.page(
            "trouble.html",
            status,
            text=trouble_text(self.sentences, trouble),
            number=trouble_number(trouble),
            detail=detail,
        )

    def check_clerk(self) -> None:
        """Raises LoggedOutError without a clerk, and where the clerk's shift was ended elsewhere."""
        if not self.session.clerk:
            raise LoggedOutError
        if _is_poll(self.request):
            return
        with reading_kiosk(self.screen.settings.kiosk.engine) as store:
            shift = shift_now(store)
            is_own = shift is not None and shift.clerk == self.session.clerk
        if not is_own:
            self.session = self.screen.sessions.end_of_shift(self.session)
            raise LoggedOutError

    @property
    def meter(self) -> str:
        """The meter of the card that lies there; empty without one."""
        contents = self.screen.slot.view.contents
        return "" if contents is None or contents.pairing is None else contents.pairing.meter

    def _back(self) -> str:
        """Where this page is shown again, in another language: an answer to a form is no page by itself."""
        if self.request.method == "GET":
            query = self.request.url.query
            return f"{self.request.url.path}?{query}" if query else self.request.url.path
        return "/" if self.session.pending is None else "/pay/check"

    def _with_cookie(self, response: Response) -> Response:
        if self.request.cookies.get(COOKIE) != self.session.key:
            response.set_cookie(COOKIE, self.session.key, httponly=True, samesite="strict", path="/")
        return response


def visit_of(request: Request) -> PageVisit:
    """Anybody's request."""
    return PageVisit(request)


def clerks_visit(request: Request) -> PageVisit:
    """The request of a clerk. Raises LoggedOutError."""
    visit = PageVisit(request)
    visit.check_clerk()
    return visit


def posted(request: Request, token: Annotated[str, Form()] = "") -> PageVisit:
    """A form of this very session. Raises TroubleError for any other."""
    visit = PageVisit(request)
    if not visit.session.takes(token):
        raise TroubleError(KioskTrouble.PAGE_OLD)
    return visit


def posted_by_clerk(request: Request, token: Annotated[str, Form()] = "") -> PageVisit:
    """A form of this very session, with a clerk in it. Raises TroubleError."""
    visit = PageVisit(request)
    visit.check_clerk()
    if not visit.session.takes(token):
        raise TroubleError(KioskTrouble.PAGE_OLD)
    return visit


Anyone = Annotated[PageVisit, Depends(visit_of)]
Clerk = Annotated[PageVisit, Depends(clerks_visit)]
# A form: of anybody, as before the login, and of a clerk.
PostedByAnyone = Annotated[PageVisit, Depends(posted)]
Posted = Annotated[PageVisit, Depends(posted_by_clerk)]


def _is_poll(request: Request) -> bool:
    """A page that looks for the card by itself is no person's touch."""
    return request.url.path == "/card/state"
