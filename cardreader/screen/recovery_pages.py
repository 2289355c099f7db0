"""Supply back by card: a release for some hours, signed by the clerk's own key, never by the kiosk's.

The key was opened at the login and lies in the session alone: it goes with the session, by time-out, at
logout, after an hour by a count that nobody can set, and with its shift. In practice a clerk of the seed
signs.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Form
from starlette.responses import Response

from cardreader.issuing.practice import HOLDERS, practice_signer
from cardreader.kiosk.receiving import recovery_receipt
from cardreader.kiosk.recovering import end_of_last_day_ms, recover
from cardreader.screen.paper_pages import print_new
from cardreader.screen.sessions import PendingRecovery
from cardreader.screen.troubles import TroubleError
from cardreader.screen.visit import Clerk, PageVisit, Posted
from protocols.cutting.zones import local_date
from protocols.documents.envelope import Signer
from protocols.documents.kind_rule import Role
from protocols.errors import RefusedError
from protocols.languages.dates import date_for
from protocols.languages.kiosk_troubles import KioskTrouble
from protocols.limits import RELEASE_HOURS

recovery = APIRouter()
_HOURS_MOST: Final = 72


@recovery.get("/recover")
def hours_page(visit: Clerk) -> Response:
    """For how long, and until when the card may be put in."""
    if not visit.screen.slot.view.serial:
        return visit.trouble(KioskTrouble.NO_CARD)
    return visit.page(
        "recover.html",
        choices=[(hours, last_day(visit, hours)) for hours in sorted(RELEASE_HOURS)],
        usual=_HOURS_MOST,
        has_key=clerks_signer(visit) is not None,
    )


@recovery.post("/recover/choose")
def choose_hours(visit: Posted, hours: Annotated[int, Form()]) -> Response:
    """Hours were chosen; nothing is signed yet."""
    view = visit.screen.slot.view
    if not view.serial:
        raise TroubleError(KioskTrouble.NO_CARD)
    if hours not in RELEASE_HOURS:
        raise TroubleError(KioskTrouble.INPUT_WRONG)
    choice = visit.session.recovery.put(PendingRecovery(hours, view.serial))
    say = visit.sentences.say
    what = say(
        "{hours} hours; to be put in by the end of {day}", hours=str(hours), day=last_day(visit, hours)
    )
    return visit.page("confirm.html", what=what, choice=choice, path="/recover", meter=visit.meter)


@recovery.post("/recover/confirm")
def confirm_recovery(visit: Posted, choice: Annotated[str, Form()] = "") -> Response:
    """Signed, written, read back; the ticket follows. Once for each choice."""
    screen = visit.screen
    kiosk = screen.settings.kiosk
    now_ms = screen.settings.now_ms(kiosk)
    with screen.slot.taken() as channel:
        with visit.session.recovery.taken(choice) as pending:
            signer = open_signer(visit)
            card = screen.slot.receive(channel)
            if card.serial != pending.card:
                raise TroubleError(KioskTrouble.CARD_CHANGED)
            done = recover(kiosk, card, signer, pending.hours, now_ms)
        number = recovery_receipt(kiosk, card, done, now_ms)
    print_new(visit, number)
    return visit.to(f"/receipt/{number}")


def clerks_signer(visit: PageVisit) -> Signer | None:
    """The clerk's own key while it is open, and counts; in practice one of the seed."""
    kiosk, key = visit.screen.settings.kiosk, visit.session.clerks_key
    if kiosk.home.practice:
        return practice_signer(kiosk.home.practice, HOLDERS[Role.PROTECT][0])
    try:
        return None if key is None else key.signer(kiosk)
    except RefusedError:
        visit.session.clerks_key = None
        return None


def open_signer(visit: PageVisit) -> Signer:
    """As `clerks_signer`. Raises TroubleError where it is closed."""
    signer = clerks_signer(visit)
    if signer is None:
        raise TroubleError(KioskTrouble.KEY_CLOSED)
    return signer


def last_day(visit: PageVisit, hours: int) -> str:
    """The last local day on which the card may be put in, with its weekday."""
    settings = visit.screen.settings
    kiosk = settings.kiosk
    until_ms = end_of_last_day_ms(settings.now_ms(kiosk), hours, kiosk.home.form.zone)
    return date_for(visit.sentences, local_date(until_ms - 1, settings.zone))
