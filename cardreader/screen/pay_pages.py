"""A payment at the screen: choose, look at it again, pay, and the receipt.

What it does with money is `cardreader/kiosk/`'s. The id of a payment is made when its sum is chosen, and
stays with it: a form that is sent twice, or again after the card was pulled out, is the same payment.
"""

import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from cardreader.explaining.trouble_code import trouble_number
from cardreader.kiosk.ledger import epoch_now
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.receiving import payment_receipt
from cardreader.kiosk.rules import PaymentState, is_with_office
from cardreader.kiosk.voiding import find_payment
from cardreader.screen.paper_pages import print_new
from cardreader.screen.sessions import PendingPayment
from cardreader.screen.troubles import TroubleError, trouble_of
from cardreader.screen.visit import PageVisit, clerks_visit, posted_by_clerk
from protocols.arguments import read_payment
from protocols.documents.till_receipts import PaymentMeans
from protocols.errors import InputError, RefusedError, RelanceError
from protocols.languages.kiosk_troubles import KioskTrouble, trouble_text
from protocols.limits import TOP_UP_EUR_MAX, TOP_UP_EUR_MIN
from protocols.units import UEUR_PER_EUR

pay = APIRouter()
Clerk = Annotated[PageVisit, Depends(clerks_visit)]
Posted = Annotated[PageVisit, Depends(posted_by_clerk)]

# Sums that are a touch away; any other is typed.
AMOUNTS_EUR: Final = (5, 10, 20, 50, 100)
_ID_BYTES: Final = 6
_UNFINISHED: Final = (PaymentState.ASKED, PaymentState.TAKEN, PaymentState.WRITTEN)
# After these the same payment goes on, once the card is there.
_PASSING: Final = (
    KioskTrouble.CARD_PULLED,
    KioskTrouble.CARD_CHANGED,
    KioskTrouble.NO_CARD,
    KioskTrouble.READER_AWAY,
    KioskTrouble.READER_BUSY,
    KioskTrouble.STORE_AWAY,
    KioskTrouble.TWO_CARDS,
)


@pay.get("/pay")
def amount_page(visit: Clerk) -> Response:
    """How much, and how."""
    return _amount_page(visit, "")


@pay.post("/pay/choose")
def choose(
    visit: Posted,
    means: Annotated[PaymentMeans, Form()] = PaymentMeans.CASH,
    eur: Annotated[str, Form()] = "",
    other: Annotated[str, Form()] = "",
) -> Response:
    """A sum was chosen. Nothing is booked yet."""
    view = visit.screen.slot.view
    if not view.serial:
        raise TroubleError(KioskTrouble.NO_CARD)
    if means not in visit.screen.settings.pays:
        raise TroubleError(KioskTrouble.INPUT_WRONG)
    try:
        # A sum that was touched is meant, whatever was typed before; so is 0 what an empty field says.
        amount_ueur = read_payment((eur or other).strip().replace(",", "."))
    except InputError:
        amount_ueur = 0
    if not TOP_UP_EUR_MIN * UEUR_PER_EUR <= amount_ueur <= TOP_UP_EUR_MAX * UEUR_PER_EUR:
        return _amount_page(visit, trouble_text(visit.sentences, KioskTrouble.AMOUNT_WRONG), eur or other)
    name = f"s-{secrets.token_hex(_ID_BYTES)}"
    visit.session.pending = PendingPayment(name, amount_ueur, means, view.serial)
    return visit.to("/pay/check")


@pay.get("/pay/check")
def check_page(visit: Clerk) -> Response:
    """What is about to be paid, and the last moment to change it."""
    pending = visit.session.pending
    if pending is None:
        return visit.to("/pay")
    meter = _meter_of(visit)
    return visit.page("pay_check.html", pending=pending, meter=meter)


@pay.post("/pay/cancel")
def cancel(visit: Posted) -> Response:
    """Undone before anything was paid; a payment that was begun stays, and is found again."""
    visit.session.pending = None
    return visit.to("/card")


@pay.post("/pay/confirm")
def confirm(visit: Posted, choice: Annotated[str, Form()] = "") -> Response:
    """Paid, written onto the card, and verified; the receipt follows.

    `choice`: the payment that the page showed; of a page that shows another sum nothing is paid.
    """
    pending, screen = visit.session.pending, visit.screen
    if pending is None or pending.id != choice:
        raise TroubleError(KioskTrouble.PAGE_OLD)
    kiosk, port = screen.settings.kiosk, screen.settings.pays[pending.means]
    try:
        with screen.slot.taken() as channel:
            card = screen.slot.receive(channel)
            if card.serial != pending.card:
                raise TroubleError(KioskTrouble.CARD_CHANGED)
            paid = top_up(kiosk, card, pending.id, pending.amount_ueur, port, screen.settings.moment())
            number = payment_receipt(kiosk, card, paid)
    except RelanceError as error:
        return _unfinished(visit, pending, error)
    visit.session.pending = None
    visit.session.notice = visit.sentences.say("Paid. It is on the card, and was verified.")
    print_new(visit, number)
    return visit.to(f"/receipt/{number}")


def _unfinished(visit: PageVisit, pending: PendingPayment, error: RelanceError) -> Response:
    """What went wrong, and what has become of the money: as the store says it."""
    trouble = trouble_of(error)
    detail = error.detail if isinstance(error, TroubleError) else str(error)
    kiosk = visit.screen.settings.kiosk
    try:
        payment = find_payment(kiosk, pending.id)
    except RefusedError:
        payment = None
    if payment is None:
        can_go_on = trouble in _PASSING
    else:
        if payment.state == PaymentState.ASKED:
            trouble = KioskTrouble.TERMINAL_SILENT
        is_with = is_with_office(payment.state, payment.epoch, epoch_now(kiosk.home))
        can_go_on = payment.state in _UNFINISHED and not is_with
    if not can_go_on:
        visit.session.pending = None
    return visit.page(
        "pay_open.html",
        409,
        pending=pending,
        payment=payment,
        can_go_on=can_go_on,
        trouble=trouble_text(visit.sentences, trouble),
        number=trouble_number(trouble),
        detail=detail,
    )


def _amount_page(visit: PageVisit, wrong: str, typed: str = "") -> Response:
    view = visit.screen.slot.view
    if not view.serial:
        return visit.trouble(KioskTrouble.NO_CARD)
    return visit.page(
        "pay.html",
        422 if wrong else 200,
        wrong=wrong,
        typed=typed[:16],
        amounts=AMOUNTS_EUR,
        ueur_per_eur=UEUR_PER_EUR,
        means=list(visit.screen.settings.pays),
        meter=_meter_of(visit),
    )


def _meter_of(visit: PageVisit) -> str:
    contents = visit.screen.slot.view.contents
    return "" if contents is None or contents.pairing is None else contents.pairing.meter
