"""`relance-kiosk queue`: payments that are open; and a hundred people, card after card, by symptom."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from cardreader.cli.app import PROGRAM
from cardreader.cli.clerks import ClerkKey, clerks_signer
from cardreader.cli.desk import as_it_is_now, kiosk_at_work, kiosk_now_ms, moment, port_of, receive
from cardreader.cli.find import show_queue
from cardreader.cli.options import (
    PRACTICE_SEED,
    Generation,
    Json,
    KioskHomeOption,
    OpenMinutes,
    Practice,
    StoreFile,
)
from cardreader.cli.printing import PrinterOption, printed_or_warned, wanted_printer
from cardreader.cli.queueing import LEFT, REPEATED, WRITTEN, readers_of, serve_queue
from cardreader.cli.recover import CutOption, told_of, validity_of
from cardreader.cli.topup import paid_fields, read_amount
from cardreader.explaining.call_code import call_code
from cardreader.explaining.cuts import cut_to_cancel, named_cuts
from cardreader.explaining.rules import explain
from cardreader.explaining.symptoms import Symptom, has_symptom
from cardreader.kiosk.clerks_key import ShiftKey, open_for_shift
from cardreader.kiosk.desk import CardAtDesk, Kiosk
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.receiving import payment_receipt, reactivation_receipt, recovery_receipt
from cardreader.kiosk.recovering import Recovery, check_hours, reactivate, recover
from cardreader.kiosk.rules import PaymentClaim, eur
from cardreader.kiosk.store import note_mark, noted_mark, reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import TakenPaymentRow
from cardreader.readers.inserted import InsertedCard
from cardreader.receipts.printer import PrinterPlace
from protocols.arguments import check_choice, read_name
from protocols.documents.envelope import Signer
from protocols.documents.till_receipts import PaymentMeans
from protocols.errors import InputError
from protocols.limits import CLERK_KEY_MINUTES_MAX, ID_CHARS_MAX
from protocols.rim.clocks import tick_ms

queue_app = typer.Typer(
    name="queue",
    help="Say which payments are open; or serve card after card.",
    epilog="\n\n".join(
        (
            "**Examples**",
            f"- `{PROGRAM} queue --home kiosk-1`",
            f"- `{PROGRAM} queue recover --home kiosk-1 --reader any --key anna.pem --symptom code-8`",
            f"- `{PROGRAM} queue topup --reader virtual:a.bin --reader virtual:b.bin --eur 20 --batch storm`",
        )
    ),
    invoke_without_command=True,
)

Readers = Annotated[
    list[str] | None,
    typer.Option(
        "--reader", metavar="NAME|virtual:FILE", help="Where cards are put in; files may be repeated."
    ),
]
CardList = Annotated[
    Path | None, typer.Option("--list", metavar="FILE", help="Virtual cards, one virtual:FILE a line.")
]
Batch = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The same batch serves each card once; default: by chance."),
]
SymptomOption = Annotated[
    str,
    typer.Option(metavar="SYMPTOM", help="Only these: any, code-8, off, programmed-cut, clock."),
]

_BATCH_BYTES: Final = 4
# What a batch has done with a card, in the name of its mark: a batch may give supply back and cancel cuts.
_RECOVERED: Final = ""
_REACTIVATED: Final = "cancelled/"
# A payment of a batch is named by it, a dash, and so many digits of its meter's digest.
_METER_DIGITS: Final = 16
_BATCH_CHARS_MAX: Final = ID_CHARS_MAX - 1 - _METER_DIGITS


@queue_app.callback()
def queue_of_kiosk(
    context: typer.Context,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Say which payments are open, and what finishes each; or serve card after card.

    `recover`, `reactivate` and `topup` serve a queue of people: what is written is chosen once, then card
    after card is put in. Ends with 0 also where no payment is open.
    """
    if context.invoked_subcommand is None:
        return show_queue(home, store, generation, practice, as_json=as_json)
    if home is not None or store is not None or as_json or (generation, practice) != (1, PRACTICE_SEED):
        raise InputError(f"queue: options stand behind `{context.invoked_subcommand}`")
    return 0


@queue_app.command("recover")
def recover_queue(
    readers: Readers = None,
    cards: CardList = None,
    hours: Annotated[int, typer.Option(metavar="HOURS", help="24, 48, 72 or 240, from the meter on.")] = 72,
    symptom: SymptomOption = Symptom.ANY,
    batch: Batch = None,
    printer: PrinterOption = None,
    key: ClerkKey = None,
    open_minutes: OpenMinutes = CLERK_KEY_MINUTES_MAX,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Put a release onto card after card. The clerk's key is opened once, and closed with the shift.

    Each card is read, and left alone where it does not say the symptom; what it says instead is in its
    result. The same --batch writes each card once, so an interrupted queue goes on. Ends with 1 where a card
    failed.
    """
    check_hours(hours)
    wanted, name, found = _symptom(symptom), _batch(batch), readers_of(readers or (), cards)
    place = wanted_printer(printer)
    with kiosk_at_work(home, practice, generation, store=store, reader=found[0]) as kiosk:
        opened = open_for_shift(kiosk, clerks_signer(kiosk, key), open_minutes, tick_ms)
        queue = _SignedQueue(kiosk, opened, name, _RECOVERED, wanted, place)

        def write(now: Kiosk, card: CardAtDesk, signer: Signer) -> _Written:
            done = recover(now, card, signer, hours, kiosk_now_ms(now))
            receipt = recovery_receipt(now, card, done, kiosk_now_ms(now))
            validity = validity_of(done, now.home.form.zone)
            said = f"{hours} h, to be put in until the end of {validity['present_until_local']}"
            return _Written(done, receipt, validity, said)

        def serve_one(channel: InsertedCard) -> tuple[dict[str, Any], str]:
            return _serve_signed(queue, channel, write)

        return serve_queue(found, serve_one, f"--batch {name}", as_json=as_json)


@queue_app.command("reactivate")
def reactivate_queue(
    readers: Readers = None,
    cards: CardList = None,
    cut: CutOption = None,
    symptom: SymptomOption = Symptom.ANY,
    batch: Batch = None,
    printer: PrinterOption = None,
    key: ClerkKey = None,
    open_minutes: OpenMinutes = CLERK_KEY_MINUTES_MAX,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Put the cancellation of a planned cut onto card after card. The clerk's key is opened once.

    Without --id it is the cut that each card names; one that names none is left alone, and one that names
    several fails. The same --batch writes each card once, so an interrupted queue goes on. Ends with 1 where
    a card failed.
    """
    wanted_cut = None if cut is None else read_name(cut, "--id")
    wanted, name, found = _symptom(symptom), _batch(batch), readers_of(readers or (), cards)
    place = wanted_printer(printer)
    with kiosk_at_work(home, practice, generation, store=store, reader=found[0]) as kiosk:
        opened = open_for_shift(kiosk, clerks_signer(kiosk, key), open_minutes, tick_ms)
        queue = _SignedQueue(kiosk, opened, name, _REACTIVATED, wanted, place)

        def why_left(card: CardAtDesk) -> str:
            return "" if wanted_cut is not None or named_cuts(card.found) else "it names no planned cut"

        def write(now: Kiosk, card: CardAtDesk, signer: Signer) -> _Written:
            chosen = cut_to_cancel(card.found, wanted_cut)
            done = reactivate(now, card, signer, chosen, kiosk_now_ms(now))
            receipt = reactivation_receipt(now, card, chosen, kiosk_now_ms(now))
            return _Written(done, receipt, {"cut": chosen}, f"the cancellation of cut {chosen}")

        def serve_one(channel: InsertedCard) -> tuple[dict[str, Any], str]:
            return _serve_signed(queue, channel, write, why_left)

        return serve_queue(found, serve_one, f"--batch {name}", as_json=as_json)


@queue_app.command("topup")
def top_up_queue(
    amount: Annotated[str, typer.Option("--eur", metavar="EUR", help="The amount of each card, such as 20.")],
    readers: Readers = None,
    cards: CardList = None,
    symptom: SymptomOption = Symptom.ANY,
    batch: Batch = None,
    printer: PrinterOption = None,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Take the same amount in cash for card after card.

    A payment's id is of the batch and the meter, so the same --batch takes for each meter once, whichever
    card it has by then: after an interruption it goes on, and finishes what is open. Ends with 1 where a card
    failed.
    """
    amount_ueur = read_amount(amount)
    wanted, name, found = _symptom(symptom), _batch(batch), readers_of(readers or (), cards)
    place = wanted_printer(printer)
    with kiosk_at_work(home, practice, generation, store=store, reader=found[0]) as kiosk:
        port = port_of(kiosk, PaymentMeans.CASH, "approve")

        def serve_one(channel: InsertedCard) -> tuple[dict[str, Any], str]:
            now = as_it_is_now(kiosk)
            card = receive(now, channel)
            if (left := _left(card, wanted)) is not None:
                return left
            # A batch may be older than the store: nobody guesses whether its payments were made before.
            claim = PaymentClaim.UNSAID
            paid = top_up(now, card, _payment_of(now, name, card), amount_ueur, port, moment(), claim)
            receipt = payment_receipt(now, card, paid)
            is_printed = printed_or_warned(now, receipt, place) if paid.is_new else None
            told = {**paid_fields(card, paid, receipt), "batch": name, "printed": is_printed}
            return told, (
                f"card {card.serial}, meter {card.meter}: {eur(paid.payment.amount_ueur)}, "
                f"{told['did']}; receipt {receipt}"
            )

        return serve_queue(found, serve_one, f"--batch {name}", as_json=as_json)


def _payment_of(kiosk: Kiosk, batch: str, card: CardAtDesk) -> str:
    """The id of this meter's payment in a batch; one that was begun under its card's name keeps that."""
    by_card = f"{batch}-{card.serial}"
    with reading_kiosk(kiosk.engine) as session:
        if session.get(TakenPaymentRow, by_card) is not None:
            return by_card
    return f"{batch}-{sha256(card.meter.encode()).hexdigest()[:_METER_DIGITS]}"


@dataclass(frozen=True, slots=True)
class _SignedQueue:
    """A queue whose cards get what a clerk's key signs. `deed`: as in the names of its marks."""

    kiosk: Kiosk
    key: ShiftKey
    batch: str
    deed: str
    symptom: Symptom
    printer: PrinterPlace | None


class _Written(NamedTuple):
    """What was written onto a card of a queue: the order, its ticket, further values, and words."""

    done: Recovery
    receipt: int
    fields: dict[str, Any]
    said: str


def _serve_signed(
    queue: _SignedQueue,
    channel: InsertedCard,
    write: Callable[[Kiosk, CardAtDesk, Signer], _Written],
    why_left: Callable[[CardAtDesk], str] = lambda _card: "",
) -> tuple[dict[str, Any], str]:
    """The result of one card: left alone, served in this batch already, or written and its ticket printed."""
    now = as_it_is_now(queue.kiosk)
    signer, card = queue.key.signer(now), receive(now, channel)
    if (left := _left(card, queue.symptom)) is not None:
        return left
    if why := why_left(card):
        return _left_alone(card, why)
    if (receipt := _ticket(now, queue.batch, card, queue.deed)) is not None:
        return _repeated(card, receipt)
    done, receipt, fields, said = write(now, card, signer)
    _note_ticket(now, queue.batch, card, receipt, queue.deed)
    is_printed = printed_or_warned(now, receipt, queue.printer)
    told = {"did": WRITTEN, "batch": queue.batch, **told_of(card, done), **fields, "receipt": receipt}
    told["printed"] = is_printed
    return told, f"card {card.serial}, meter {card.meter}: {said}; ticket {receipt}"


def _left(card: CardAtDesk, wanted: Symptom) -> tuple[dict[str, Any], str] | None:
    """The result of a card that this batch is not for; None: it is."""
    if has_symptom(explain(card.found), wanted):
        return None
    return _left_alone(card, f"it does not say {wanted}")


def _left_alone(card: CardAtDesk, why: str) -> tuple[dict[str, Any], str]:
    number = call_code(explain(card.found))
    told = {"did": LEFT, "card": card.serial, "meter": card.meter, "call_code": number}
    return told, f"card {card.serial}, meter {card.meter}: left, {why}: {number}"


def _repeated(card: CardAtDesk, receipt: int) -> tuple[dict[str, Any], str]:
    told = {"did": REPEATED, "card": card.serial, "meter": card.meter, "receipt": receipt}
    return told, f"card {card.serial}, meter {card.meter}: served in this batch already; ticket {receipt}"


def _ticket(kiosk: Kiosk, batch: str, card: CardAtDesk, deed: str) -> int | None:
    """The ticket that this card has had in this batch."""
    with reading_kiosk(kiosk.engine) as session:
        return noted_mark(session, _mark(batch, card, deed))


def _note_ticket(kiosk: Kiosk, batch: str, card: CardAtDesk, receipt: int, deed: str) -> None:
    """Killed before it, the card's next visit is served once more.

    The cancellation of a cut is the same thing again. A release has the next number and a slot of its own;
    the meter carries out both, and nothing cuts for the same hours from the second one on.
    """
    with writing_kiosk(kiosk.engine) as session:
        note_mark(session, _mark(batch, card, deed), receipt)


def _mark(batch: str, card: CardAtDesk, deed: str) -> str:
    return f"batch/{batch}/{deed}{card.serial}"


def _symptom(text: str) -> Symptom:
    check_choice(text, list(Symptom), "--symptom")
    return Symptom(text)


def _batch(text: str | None) -> str:
    name = read_name(text or f"q-{secrets.token_hex(_BATCH_BYTES)}", "--batch")
    if len(name) > _BATCH_CHARS_MAX:
        raise InputError(f"--batch: {len(name)} characters; allowed: {_BATCH_CHARS_MAX}")
    return name
