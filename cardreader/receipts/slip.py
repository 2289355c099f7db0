"""A receipt in words: what it says, in the language of whoever gets it, whatever it is printed on. Pure.

A household reads what it has paid, what stood at its meter, and what to do next. Money is itemised: what is
to be repaid first is said, so that nobody wonders where it has gone.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from cardreader.kiosk.facts import ReceiptFacts, ReceiptKind
from protocols.cutting.zones import load_zone, local_date
from protocols.documents.till_receipts import PaymentMeans
from protocols.languages import catalogue
from protocols.languages.catalogue import Sentences
from protocols.languages.dates import date_for, moment_for
from protocols.languages.money import sum_for

# After these the household takes its card home, to the meter.
HOME_KINDS: Final = (ReceiptKind.PAYMENT, ReceiptKind.RECOVERY, ReceiptKind.REACTIVATION)
_TITLES: Final = {
    ReceiptKind.PAYMENT: catalogue.say("Receipt"),
    ReceiptKind.VOID: catalogue.say("Payment given back"),
    ReceiptKind.REFUND: catalogue.say("Refund asked for"),
    ReceiptKind.RECOVERY: catalogue.say("Recovery card"),
    ReceiptKind.REACTIVATION: catalogue.say("Cut cancelled by card"),
    ReceiptKind.CASH_UP: catalogue.say("End of shift"),
}
_BY_MEANS: Final = {
    PaymentMeans.CASH: catalogue.say("Paid in cash"),
    PaymentMeans.TERMINAL: catalogue.say("Paid by bank card"),
}


class SlipLine(NamedTuple):
    """A line: what it is, and its value. `is_sum`: it stands out."""

    label: str
    value: str
    is_sum: bool = False


class Slip(NamedTuple):
    """A receipt. `marks`: what must be seen first, such as that it is for practice; `notes`: sentences."""

    language: str
    title: str
    marks: tuple[str, ...]
    lines: tuple[SlipLine, ...]
    notes: tuple[str, ...]


def slip_of(facts: ReceiptFacts, number: int, sentences: Sentences, *, is_copy: bool = False) -> Slip:
    """The receipt of this number in words. Raises InputError for a zone that is not known."""
    zone, say = load_zone(facts.zone), sentences.say
    marks = [say("PRACTICE: no money and no real meter")] if facts.practice else []
    marks += [say("Copy")] if is_copy else []
    body = _BODIES[facts.kind]
    return Slip(
        sentences.language,
        say(_TITLES[facts.kind]),
        tuple(marks),
        (*_head(facts, number, sentences, zone), *body(facts, sentences)),
        tuple(_notes(facts, sentences, zone)),
    )


def _head(facts: ReceiptFacts, number: int, sentences: Sentences, zone: ZoneInfo) -> Iterator[SlipLine]:
    say = sentences.say
    yield SlipLine(say("Number"), f"{facts.kiosk}-{number}")
    yield SlipLine(say("Date"), moment_for(sentences, facts.at_ms, zone))
    for label, value in (
        (say("Office"), facts.office),
        (say("Clerk"), facts.clerk),
        (say("Customer"), facts.reference),
        (say("Meter"), facts.meter),
        (say("Card"), facts.card),
        (say("Payment"), facts.payment),
    ):
        if value:
            yield SlipLine(label, value)


def _payment(facts: ReceiptFacts, sentences: Sentences) -> Iterator[SlipLine]:
    say = sentences.say
    yield _sum(sentences, say(_BY_MEANS[PaymentMeans(facts.means)]), facts.amount_ueur, is_sum=True)
    if facts.total_ueur != facts.amount_ueur:
        yield _sum(sentences, say("All payments here for this meter"), facts.total_ueur)
    if facts.balance_ueur is not None:
        yield _sum(sentences, say("Balance at the last visit of the card"), facts.balance_ueur)
    if facts.emergency_owed_ueur:
        yield _sum(sentences, say("Emergency credit, repaid first"), facts.emergency_owed_ueur)
    if facts.debt_owed_ueur:
        yield _sum(sentences, say("Debt, of each payment a share"), facts.debt_owed_ueur)


def _given_back(facts: ReceiptFacts, sentences: Sentences) -> Iterator[SlipLine]:
    label = sentences.say("Given back") if facts.kind is ReceiptKind.VOID else sentences.say("Asked back")
    yield _sum(sentences, label, facts.amount_ueur, is_sum=True)


def _recovery(facts: ReceiptFacts, sentences: Sentences) -> Iterator[SlipLine]:
    yield SlipLine(
        sentences.say("Without a cut"), sentences.say("{hours} hours", hours=str(facts.hours)), is_sum=True
    )


def _reactivation(facts: ReceiptFacts, sentences: Sentences) -> Iterator[SlipLine]:
    yield SlipLine(sentences.say("Cancelled cut"), facts.cut, is_sum=True)


def _cash_up(facts: ReceiptFacts, sentences: Sentences) -> Iterator[SlipLine]:
    say = sentences.say
    booked_ueur = (facts.float_ueur or 0) + (facts.cash_in_ueur or 0) - (facts.cash_out_ueur or 0)
    yield SlipLine(say("Payments"), str(facts.payments))
    yield _sum(sentences, say("By bank card"), facts.terminal_ueur)
    yield _sum(sentences, say("In the drawer at the beginning"), facts.float_ueur)
    yield _sum(sentences, say("Cash taken"), facts.cash_in_ueur)
    yield _sum(sentences, say("Cash given back"), facts.cash_out_ueur)
    yield _sum(sentences, say("Must be in the drawer"), booked_ueur)
    yield _sum(sentences, say("Counted"), facts.counted_ueur)
    yield _sum(sentences, say("Difference"), (facts.counted_ueur or 0) - booked_ueur, is_sum=True)


_BODIES: Final[dict[ReceiptKind, Callable[[ReceiptFacts, Sentences], Iterator[SlipLine]]]] = {
    ReceiptKind.PAYMENT: _payment,
    ReceiptKind.VOID: _given_back,
    ReceiptKind.REFUND: _given_back,
    ReceiptKind.RECOVERY: _recovery,
    ReceiptKind.REACTIVATION: _reactivation,
    ReceiptKind.CASH_UP: _cash_up,
}


def _notes(facts: ReceiptFacts, sentences: Sentences, zone: ZoneInfo) -> Iterator[str]:
    say = sentences.say
    if facts.kind is ReceiptKind.REFUND:
        yield say("The office looks at your meter and then decides. You will hear from it.")
    if facts.kind is ReceiptKind.RECOVERY and facts.present_until_ms is not None:
        last = date_for(sentences, local_date(facts.present_until_ms - 1, zone))
        yield say("Put the card into your meter until the end of {date} at the latest.", date=last)
        yield say("From that moment on nothing cuts your supply for {hours} hours.", hours=str(facts.hours))
    if facts.kind is ReceiptKind.REACTIVATION:
        yield say("The cut counts as cancelled once your meter has read this card.")
    if facts.kind in HOME_KINDS:
        yield say("At home: 1. Put the card into the slot of the meter.")
        yield say("2. Leave it in until the meter shows 9 and beeps twice. Only then take it out.")


def _sum(sentences: Sentences, label: str, ueur: int | None, *, is_sum: bool = False) -> SlipLine:
    return SlipLine(label, sum_for(sentences, ueur or 0), is_sum)
