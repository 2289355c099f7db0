"""Pages before and around a shift: login, language, size of the text, more time, logout."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from cardreader.kiosk.cash import read_cash
from cardreader.kiosk.clerks_key import open_for_shift
from cardreader.kiosk.key_files import open_encrypted_key
from cardreader.kiosk.recovering import check_clerk
from cardreader.kiosk.shifts import open_shift
from cardreader.kiosk.store import writing_kiosk
from cardreader.screen.settings import IDLE_MINUTES
from cardreader.screen.visit import Anyone, PageVisit, PostedByAnyone
from protocols.documents.envelope import Signer
from protocols.errors import InputError, RefusedError
from protocols.identifiers import is_id
from protocols.limits import CLERK_KEY_MINUTES_MAX
from protocols.reasons import Language

entry = APIRouter()
_SIZES = 3


@entry.get("/")
def start(visit: Anyone) -> Response:
    """The card, for a clerk; else the login."""
    return visit.to("/card" if visit.session.clerk else "/login")


@entry.get("/login")
def login_page(visit: Anyone) -> Response:
    """The login of a shift."""
    return visit.page("login.html", wrong="", clerk="", drawer="", minutes=visit.session.idle_minutes)


@entry.post("/login")
def log_in(
    visit: PostedByAnyone,
    clerk: Annotated[str, Form()] = "",
    drawer: Annotated[str, Form()] = "",
    minutes: Annotated[int, Form()] = IDLE_MINUTES[0],
    passphrase: Annotated[str, Form()] = "",
) -> Response:
    """A clerk begins a shift, or goes on with the own one that is open."""
    say, name = visit.sentences.say, clerk.strip().lower()

    def again(wrong: str) -> Response:
        return visit.page(
            "login.html", 422, wrong=wrong, clerk=clerk[:64], drawer=drawer[:16], minutes=minutes
        )

    if not is_id(name) or minutes not in IDLE_MINUTES:
        return again(say("Allowed as a name: small letters, digits and dashes, such as anna."))
    try:
        float_ueur = read_cash(drawer or "0", "cash")
    except InputError:
        return again(say("Allowed as cash: an amount such as 100 or 99.50."))
    try:
        signer = _clerks_key(visit, name, passphrase)
    except (InputError, RefusedError):
        return again(say("This passphrase does not open your key, or the key may not give supply back."))
    kiosk = visit.screen.settings.kiosk
    now_ms = visit.screen.settings.now_ms(kiosk)
    try:
        with writing_kiosk(kiosk.engine) as session:
            open_shift(session, name, visit.session.language, float_ueur, now_ms)
    except RefusedError:
        return again(say("The shift of another clerk is open. That one must be ended first."))
    visit.session = visit.screen.sessions.log_in(visit.session, name, minutes)
    if signer is not None:
        visit.session.clerks_key = open_for_shift(
            kiosk, signer, CLERK_KEY_MINUTES_MAX, visit.screen.settings.tick_ms
        )
    return visit.to("/card")


def _clerks_key(visit: PageVisit, clerk: str, passphrase: str) -> Signer | None:
    """The clerk's own key, opened for this session; None where no passphrase was typed, or in practice."""
    settings = visit.screen.settings
    if not passphrase or settings.keys is None or settings.is_practice:
        return None
    signer = open_encrypted_key(settings.keys / f"{clerk}.pem", passphrase)
    check_clerk(settings.kiosk.home, signer)
    return signer


@entry.post("/logout")
def log_out(visit: PostedByAnyone) -> Response:
    """The session ends."""
    language = visit.session.language
    visit.screen.sessions.end(visit.session)
    visit.session = visit.screen.sessions.begin()
    visit.session.language = language
    return visit.to("/login")


@entry.post("/language")
def choose_language(
    visit: PostedByAnyone, language: Annotated[Language, Form()], back: Annotated[str, Form()] = "/"
) -> Response:
    """Every page is in this language from now on."""
    visit.session.language = language
    return visit.to(own_path(back))


@entry.post("/size")
def choose_size(visit: PostedByAnyone, back: Annotated[str, Form()] = "/") -> Response:
    """The next larger text; after the largest the smallest."""
    visit.session.size = (visit.session.size + 1) % _SIZES
    return visit.to(own_path(back))


@entry.post("/stay")
def stay(visit: PostedByAnyone) -> Response:
    """More time: the request itself was the touch."""
    return visit.to("/card" if visit.session.clerk else "/login")


def own_path(back: str) -> str:
    """A path of this screen, never an address elsewhere."""
    is_ours = back.startswith("/") and not back.startswith("//") and "\\" not in back and back.isprintable()
    return back if is_ours else "/"
