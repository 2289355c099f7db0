"""`relance kiosk receipts|refunds|pay-back|paid|reject`: what kiosks signed about money, and what is owed."""

from typing import Annotated, Any, Final

import typer

from controller.faces.cli import kiosk as kiosk_face
from controller.faces.cli.face import Face
from controller.faces.cli.options import Limit
from controller.faces.cli.order_status import order_fields, print_status
from controller.faces.cli.showing import instants, print_json, print_lines, print_table
from controller.faces.cli.verbs import ACTING, NAMED, READING, verb
from controller.kiosks import paying_back, refunds
from controller.kiosks.paying_back import RefundClaim
from controller.kiosks.refunds import ReceiptView, RefundView
from controller.kiosks.rules import UNDECIDED, RefundState
from controller.kiosks.store import kiosk_of
from protocols.arguments import read_instant
from protocols.documents.kind_rule import Kind, Role
from protocols.errors import InputError
from protocols.limits import TEXT_CHARS_MAX
from protocols.rim.terminal import Exit
from protocols.words.en.amounts import eur
from protocols.words.en.times import short_local

# These verbs stand beside the others of `relance kiosk`.
app = kiosk_face.app

Kiosk = Annotated[str, typer.Argument(metavar="KIOSK", help="The kiosk's name.")]
Payment = Annotated[str, typer.Argument(metavar="PAYMENT", help="The payment's id at that kiosk.")]
OfMeter = Annotated[
    str | None, typer.Option("--meter", metavar="METER", help="Where the kiosk used the id for several.")
]
OneKiosk = Annotated[str | None, typer.Option("--kiosk", metavar="KIOSK", help="Only of this kiosk.")]
_LISTED: Final = 50
_LISTED_FOR_PROGRAMS: Final = 1_000


@verb(
    app,
    "receipts",
    "kiosk receipts --kiosk namur-1 --from 2026-11-01T00:00+01:00",
    "kiosk receipts --meter m00042 --json",
    shares=READING,
)
def show_receipts(
    face: Face,
    *,
    kiosk: OneKiosk = None,
    meter: Annotated[str | None, typer.Option(metavar="METER", help="Only of this meter.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="T", help="Those that came since, with an offset.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="T", help="Those that came before, with an offset.")
    ] = None,
    limit: Limit = None,
) -> int:
    """Show the receipts that kiosks have signed about payments, the latest that came first.

    `--from` and `--to` count by when a receipt came here: kiosks' clocks may differ, and are shown beside it.
    """
    from_ms = None if since is None else read_instant(since, "--from")
    until_ms = None if until is None else read_instant(until, "--to")
    most = limit or (_LISTED_FOR_PROGRAMS if face.as_json else _LISTED)
    with face.office.reading() as session:
        if kiosk is not None:
            kiosk_of(session, kiosk)
        found = refunds.list_receipts(session, kiosk, meter, from_ms, until_ms, most + 1)
    more, found = len(found) > most, found[:most]
    if face.as_json:
        print_json({"receipts": [_receipt_fields(each) for each in found], "more": more})
        return Exit.DONE
    if not found:
        print_lines("No receipt of a kiosk is here.")
        return Exit.DONE
    print_table(
        "",
        ("KIOSK", "NUMBER", "DEED", "PAYMENT", "METER", "AMOUNT", "AT THE KIOSK", "CAME"),
        [
            (
                each.kiosk,
                str(each.number),
                each.deed or "unreadable",
                each.payment,
                each.meter,
                f"{eur(each.amount_ueur)} €",
                short_local(each.at_ms, face.zone),
                short_local(each.received_ms, face.zone),
            )
            for each in found
        ],
    )
    if more:
        print_lines(f"and more: --limit above {most}, --from or --to")
    return Exit.DONE


@verb(app, "refunds", "kiosk refunds", "kiosk refunds --kiosk namur-1 --all --json", shares=READING)
def show_refunds(
    face: Face,
    *,
    kiosk: OneKiosk = None,
    ended: Annotated[bool, typer.Option("--all", help="Those that are paid or rejected too.")] = False,
) -> int:
    """Show the refunds that kiosks have booked as owed, how far each is, and what is to be done next.

    Ends with 0 also where there is none.
    """
    with face.office.reading() as session:
        if kiosk is not None:
            kiosk_of(session, kiosk)
        everything = refunds.list_refunds(session, kiosk)
    found = [
        each for each in everything if ended or each.state not in (RefundState.PAID, RefundState.REJECTED)
    ]
    if face.as_json:
        print_json({"refunds": [_refund_fields(each) for each in found], "sums_ueur": _sums(everything)})
        return Exit.DONE
    if not found:
        print_lines("No refund is owed.")
        return Exit.DONE
    print_table(
        "",
        ("KIOSK", "PAYMENT", "METER", "AMOUNT", "STATE", "CAME", "NEXT"),
        [
            (
                each.kiosk,
                each.payment,
                each.meter,
                f"{eur(each.amount_ueur)} €",
                each.state.value + (f" (the kiosk was told {each.found})" if each.found else ""),
                short_local(each.received_ms, face.zone),
                _next(each),
            )
            for each in found
        ],
        wraps=("NEXT",),
    )
    return Exit.DONE


@verb(
    app,
    "pay-back",
    "kiosk pay-back namur-1 p42 --as dora",
    "kiosk pay-back namur-1 p42 --again --as dora",
    shares=ACTING,
)
def pay_back(
    face: Face,
    kiosk: Kiosk,
    payment: Payment,
    *,
    meter: OfMeter = None,
    again: Annotated[
        bool, typer.Option("--again", help="It was paid before the store was restored: order nothing.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="It was not paid before, whatever kiosk or meter say.")
    ] = False,
) -> int:
    """Order a refund that a kiosk has booked as owed: the meter takes the sum out of its purse.

    Two different people must sign; this command signs first. Once the meter has taken it, pay the household,
    and say so: `kiosk paid`. A meter whose balance does not hold the sum refuses it.
    """
    if again and new:
        raise InputError("--again, --new: allowed: one of them")
    claim = RefundClaim.AGAIN if again else RefundClaim.NEW if new else RefundClaim.UNSAID
    with face.acting(Kind.REFUND) as act:
        kiosk_of(act.session, kiosk)
        row, status = paying_back.pay_back(act, kiosk, payment, meter, claim)
        view = refunds.view_of(act.session, row)
    if status is None:
        return _said(face, view, f"Payment {payment}: noted as paid before.")
    if face.as_json:
        print_json({**_refund_fields(view), "ordered": order_fields(status)})
        return Exit.DONE
    print_status(status, face.zone)
    return Exit.DONE


@verb(app, "paid", "kiosk paid namur-1 p42 --proof 'transfer of 2 December' --as anna", shares=NAMED)
def say_paid(
    face: Face,
    kiosk: Kiosk,
    payment: Payment,
    *,
    proof: Annotated[str, typer.Option(metavar="TEXT", help="How it was paid, such as a bank's number.")],
    meter: OfMeter = None,
) -> int:
    """Say that a refund has gone to the household, once the meter has taken it out of its purse.

    The kiosk hears it, and tells the household's next visit.
    """
    return _end(face, kiosk, payment, meter, _text(proof, "--proof"), paying=True)


@verb(app, "reject", "kiosk reject namur-1 p42 --because 'paid for another meter' --as dora", shares=NAMED)
def reject(
    face: Face,
    kiosk: Kiosk,
    payment: Payment,
    *,
    because: Annotated[str, typer.Option(metavar="TEXT", help="Why the household does not get it back.")],
    meter: OfMeter = None,
) -> int:
    """Decide that a refund is not paid: the meter keeps the payment, and the kiosk hears it.

    Two different people must say so; one is enough where the kiosk gave the money back itself.
    """
    return _end(face, kiosk, payment, meter, _text(because, "--because"), paying=False)


def _end(face: Face, kiosk: str, payment: str, meter: str | None, text: str, *, paying: bool) -> int:
    with face.acting_as(Role.PROTECT if paying else Role.HARM) as act:
        kiosk_of(act.session, kiosk)
        do = paying_back.paid if paying else paying_back.reject
        is_new = do(act, kiosk, payment, meter, text)
        view = refunds.view_of(act.session, refunds.refund_of(act.session, kiosk, payment, meter))
    if view.state is RefundState.REJECTING:
        one = f"Payment {payment}: rejected by {view.ended_by}."
        return _said(face, view, f"{one} It is owed until a second person rejects it too.")
    word = "paid back" if paying else "rejected"
    return _said(face, view, f"Payment {payment}: {word}" + ("." if is_new else " before."))


def _said(face: Face, view: RefundView, sentence: str) -> int:
    if face.as_json:
        print_json(_refund_fields(view))
    else:
        print_lines(sentence)
    return Exit.DONE


def _text(text: str, option: str) -> str:
    if not text.strip() or len(text) > TEXT_CHARS_MAX or not text.isprintable():
        raise InputError(f"{option}: allowed: a text of 1 to {TEXT_CHARS_MAX} characters in one line")
    return text


def _next(view: RefundView) -> str:
    """What is to be done with a refund, or how it ended."""
    match view.state:
        case RefundState.OWED:
            return "pay-back or reject"
        case RefundState.REFUSED:
            return "the meter refused: pay-back again, or reject"
        case RefundState.REJECTING:
            return "a second person rejects it too, or pay-back"
        case RefundState.ORDERED:
            return "a second person signs"
        case RefundState.SENT:
            return "the meter answers"
        case RefundState.TAKEN:
            return "pay the household, then paid"
        case RefundState.VOIDED:
            return "the kiosk gave it back: reject"
        case _:
            return view.proof or "-"


def _sums(found: list[RefundView]) -> dict[str, int]:
    """What is owed, on its way out of purses, taken out of them, paid back, and rejected, in micro-euro."""
    states = (
        ("owed", UNDECIDED),
        ("on_its_way", (RefundState.ORDERED, RefundState.SENT)),
        ("taken", (RefundState.TAKEN,)),
        ("paid", (RefundState.PAID,)),
        ("rejected", (RefundState.REJECTED,)),
    )
    return {name: sum(each.amount_ueur for each in found if each.state in some) for name, some in states}


def _receipt_fields(view: ReceiptView) -> dict[str, Any]:
    return {
        "kiosk": view.kiosk,
        "number": view.number,
        "deed": view.deed or None,
        "payment": view.payment or None,
        "meter": view.meter or None,
        "amount_ueur": view.amount_ueur,
        **instants(at=view.at_ms, received=view.received_ms),
    }


def _refund_fields(view: RefundView) -> dict[str, Any]:
    return {
        "kiosk": view.kiosk,
        "payment": view.payment,
        "meter": view.meter,
        "amount_ueur": view.amount_ueur,
        "means": view.means,
        "clerk": view.clerk,
        "state": view.state.value,
        "order": view.order or None,
        "found": view.found or None,
        "ended_by": view.ended_by or None,
        "proof": view.proof or None,
        **instants(asked=view.asked_ms, received=view.received_ms, ended=view.ended_ms),
    }
