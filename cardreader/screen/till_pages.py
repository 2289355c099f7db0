"""What a clerk looks up and ends: receipts, payments that are open, taking one back, the end of the day."""

from typing import Annotated, Final

from fastapi import APIRouter, Form
from starlette.responses import Response

from cardreader.kiosk.cash import read_cash
from cardreader.kiosk.kept_receipts import facts_of, receipt_rows
from cardreader.kiosk.ledger import open_payments
from cardreader.kiosk.receiving import cash_up_receipt, undone_receipt
from cardreader.kiosk.rules import PaymentState
from cardreader.kiosk.searching import Sought, find
from cardreader.kiosk.shifts import close_shift, shift_now, takings_of
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.voiding import find_payment, void
from cardreader.receipts.kept import kept_slip
from cardreader.receipts.slip import slip_of
from cardreader.screen.troubles import TroubleError
from cardreader.screen.visit import Clerk, PageVisit, Posted
from protocols.documents.till_receipts import PaymentMeans
from protocols.errors import InputError
from protocols.languages.kiosk_troubles import KioskTrouble
from protocols.limits import REV_MAX

till = APIRouter()
_FOUND_MAX: Final = 20
# What can be taken back yet.
_VOIDABLE: Final = (
    PaymentState.ASKED,
    PaymentState.CANCELLING,
    PaymentState.TAKEN,
    PaymentState.WRITTEN,
    PaymentState.COMMITTED,
    PaymentState.VOIDING,
)


@till.get("/receipt/{number}")
def receipt_page(visit: Clerk, number: int, copy: str = "") -> Response:
    """A receipt, to be printed; as often as it is asked for. `copy`: it was printed before."""
    with reading_kiosk(visit.screen.settings.kiosk.engine) as session:
        rows = receipt_rows(session, number=number) if 0 < number <= REV_MAX else []
        if not rows:
            raise TroubleError(KioskTrouble.NO_SUCH_PAGE)
        slip = kept_slip(session, rows[0], visit.session.language, is_copy=bool(copy))
    return visit.page("receipt.html", receipt=number, slip=slip)


@till.get("/find")
def find_page(visit: Clerk, meter: str = "", reference: str = "", payment: str = "") -> Response:
    """Payments by what the clerk knows, and those that are open."""
    sought = Sought(meter=meter.strip(), reference=reference.strip(), payment=payment.strip())
    with reading_kiosk(visit.screen.settings.kiosk.engine) as session:
        found = find(session, sought, _FOUND_MAX) if any(sought) else None
        rows = [] if found is None else list(found.payments)
        waiting = open_payments(session)
        receipts = {each.id: receipt_rows(session, payment=each.id) for each in (*rows, *waiting)}
        return visit.page(
            "find.html",
            sought=sought,
            found=found,
            waiting=waiting,
            receipts=receipts,
            voidable=_VOIDABLE,
        )


@till.get("/void/{payment}")
def void_page(visit: Clerk, payment: str) -> Response:
    """What taking it back means, before it is done."""
    row = find_payment(visit.screen.settings.kiosk, payment)
    return visit.page("void.html", row=row)


@till.post("/void/{payment}")
def void_payment(visit: Posted, payment: str, refund: Annotated[str, Form()] = "") -> Response:
    """Taken back: freely, by the card that lies there, or as a refund that the office decides."""
    screen = visit.screen
    kiosk, pays = screen.settings.kiosk, screen.settings.pays
    row = find_payment(kiosk, payment)
    port = pays.get(PaymentMeans(row.means))
    if port is None:
        raise TroubleError(KioskTrouble.REFUSED)
    now_ms = screen.settings.now_ms(kiosk)
    if screen.slot.view.serial:
        with screen.slot.taken() as channel:
            card = screen.slot.receive(channel)
            undone = void(kiosk, payment, card, port, now_ms, refund=bool(refund))
    else:
        undone = void(kiosk, payment, None, port, now_ms, refund=bool(refund))
    number = undone_receipt(kiosk, undone)
    return visit.to("/find" if number is None else f"/receipt/{number}")


@till.get("/shift")
def shift_page(visit: Clerk) -> Response:
    """What this shift has taken, and the cash to be counted."""
    return _shift_page(visit, "")


@till.post("/shift/close")
def end_shift(visit: Posted, counted: Annotated[str, Form()] = "") -> Response:
    """The end of the day: what was counted is compared with what is booked, and the session ends."""
    try:
        counted_ueur = read_cash(counted or "0", "cash")
    except InputError:
        return _shift_page(visit, counted)
    settings = visit.screen.settings
    kiosk = settings.kiosk
    now_ms = settings.now_ms(kiosk)
    with writing_kiosk(kiosk.engine) as session:
        row, takings, cash = close_shift(session, counted_ueur, now_ms)
        number = cash_up_receipt(session, kiosk, row, takings, cash, now_ms)
        left = len(open_payments(session))
        facts = facts_of(receipt_rows(session, number=number)[0])
    visit.session = visit.screen.sessions.end_of_shift(visit.session)
    slip = slip_of(facts, number, visit.sentences)
    return visit.page("shift_closed.html", takings=takings, cash=cash, left=left, receipt=number, slip=slip)


def _shift_page(visit: PageVisit, wrong: str) -> Response:
    with reading_kiosk(visit.screen.settings.kiosk.engine) as session:
        row = shift_now(session)
        if row is None or row.number is None:
            raise TroubleError(KioskTrouble.REFUSED)
        takings, waiting = takings_of(session, row.number), open_payments(session)
        return visit.page(
            "shift.html",
            422 if wrong else 200,
            shift=row,
            takings=takings,
            waiting=len(waiting),
            wrong=wrong[:16],
        )
