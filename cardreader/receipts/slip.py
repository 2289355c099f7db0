"""A receipt in words: what it says, in the language of whoever gets it, whatever it is printed on. Pure.

A household reads what it has paid, what stood at its meter, and what to do next. Money is itemised: what is
to be repaid first is said, so that nobody wonders where it has gone.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from cardreader.explaining.telling import spaced
from cardreader.kiosk.facts import ReceiptFacts, ReceiptKind
from protocols.cutting.zones import load_zone, local_date
from protocols.documents.till_receipts import PaymentMeans
from protocols.languages import catalogue
from protocols.languages.card_messages import CardMessage, CardPicture
from protocols.languages.card_sentences import BUTTONS, card_sentence, picture_text
from protocols.languages.catalogue import Sentences
from protocols.languages.dates import date_for, duration_for, moment_for
from protocols.languages.money import sum_for
from protocols.reasons import Energy

# After these the household takes its card home, to the meter.
_HOME_KINDS: Final = (ReceiptKind.PAYMENT, ReceiptKind.RECOVERY, ReceiptKind.REACTIVATION)
_TITLES: Final = {
    ReceiptKind.PAYMENT: catalogue.say("Receipt"),
    ReceiptKind.VOID: catalogue.say("Payment given back"),
    ReceiptKind.REFUND: catalogue.say("Refund asked for"),
    ReceiptKind.RECOVERY: BUTTONS["recover"],
    ReceiptKind.REACTIVATION: catalogue.say("Planned cut cancelled"),
    ReceiptKind.CASH_UP: catalogue.say("End of shift"),
}
_BY_MEANS: Final = {
    PaymentMeans.CASH: catalogue.say("Paid in cash"),
    PaymentMeans.TERMINAL: catalogue.say("Paid by bank card"),
}


_BACK_BY_MEANS: Final = {
    PaymentMeans.CASH: catalogue.say("Given back in cash"),
    PaymentMeans.TERMINAL: catalogue.say("Given back to the bank card"),
}
_UNDONE: Final = {
    ReceiptKind.VOID: catalogue.say("Cancelled: this payment was given back"),
    ReceiptKind.REFUND: catalogue.say("A refund of this payment was asked for"),
}
_ENERGIES: Final = {
    Energy.ELECTRICITY: catalogue.say("electricity"),
    Energy.GAS: catalogue.say("gas"),
}
# A receipt of an older program names no steps: these two were always said.
_STEPS_ALWAYS: Final = (CardMessage.PUT_CARD_IN, CardMessage.WAIT_FOR_NINE)
_PICTURES: Final = {
    CardMessage.PUT_CARD_IN: CardPicture.SLOT,
    CardMessage.WAIT_FOR_NINE: CardPicture.NINE,
    CardMessage.PRESS_RED: CardPicture.RED_BUTTON,
    CardMessage.CLOSE_APPLIANCES: CardPicture.APPLIANCES,
    CardMessage.PRESS_BLUE: CardPicture.BLUE_BUTTON,
}


class SlipLine(NamedTuple):
    """A line: what it is, and its value. `is_sum`: it stands out."""

    label: str
    value: str
    is_sum: bool = False


class SlipStep(NamedTuple):
    """A thing to do at home, with its picture and what that shows."""

    text: str
    picture: CardPicture
    picture_text: str


class Slip(NamedTuple):
    """A receipt. `marks`: what must be seen first, such as that it is for practice; `notes`: sentences.

    `steps`: what the household does at home, in this order.
    """

    language: str
    title: str
    marks: tuple[str, ...]
    lines: tuple[SlipLine, ...]
    notes: tuple[str, ...]
    steps: tuple[SlipStep, ...] = ()


def slip_of(
    facts: ReceiptFacts,
    number: int,
    sentences: Sentences,
    *,
    is_copy: bool = False,
    undone: ReceiptKind | None = None,
) -> Slip:
    """The receipt of this number in words. `undone`: what became of its payment since then; None: nothing.

    Raises InputError for a zone that is not known.
    """
    zone, say = load_zone(facts.zone), sentences.say
    marks = [say("PRACTICE: no money and no real meter")] if facts.practice else []
    marks += [] if undone is None else [say(_UNDONE[undone])]
    marks += [say("Copy")] if is_copy else []
    body = _BODIES[facts.kind]
    return Slip(
        sentences.language,
        say(_TITLES[facts.kind]),
        tuple(marks),
        (*_head(facts, number, sentences, zone), *body(facts, sentences)),
        tuple(_notes(facts, sentences, zone)),
        tuple(_steps(facts, sentences, zone)),
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
        (say("Energy"), "" if facts.energy is None else say(_ENERGIES[facts.energy])),
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
    if facts.repaid_ueur:
        yield _sum(sentences, say("Repays the emergency credit first"), facts.repaid_ueur)
        yield _sum(sentences, say("Left of this payment"), (facts.amount_ueur or 0) - facts.repaid_ueur)
    elif facts.emergency_owed_ueur and facts.repaid_ueur is None:
        yield _sum(sentences, say("Emergency credit, repaid first"), facts.emergency_owed_ueur)
    if facts.debt_owed_ueur:
        yield _sum(sentences, say("Debt, of each payment a share"), facts.debt_owed_ueur)


def _given_back(facts: ReceiptFacts, sentences: Sentences) -> Iterator[SlipLine]:
    if facts.kind is ReceiptKind.REFUND:
        label = sentences.say("Asked back")
    elif facts.means:
        label = sentences.say(_BACK_BY_MEANS[PaymentMeans(facts.means)])
    else:
        label = sentences.say("Given back")
    yield _sum(sentences, label, facts.amount_ueur, is_sum=True)


def _recovery(facts: ReceiptFacts, sentences: Sentences) -> Iterator[SlipLine]:
    yield SlipLine(sentences.say("Without a cut"), duration_for(sentences, facts.hours), is_sum=True)


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
        yield say(
            "Once the meter has read the card, the supply can come back, and nothing cuts it for {duration}.",
            duration=duration_for(sentences, facts.hours),
        )
    if facts.kind is ReceiptKind.REACTIVATION:
        yield say("The cut counts as cancelled once your meter has read this card.")
    if facts.kind is ReceiptKind.PAYMENT and facts.debt_owed_ueur and facts.repaid_ueur is not None:
        yield say("Of what is left, a share goes to the debt. The meter says how much at its next visit.")


def _steps(facts: ReceiptFacts, sentences: Sentences, zone: ZoneInfo) -> Iterator[SlipStep]:
    if facts.kind not in _HOME_KINDS:
        return
    for message in facts.steps or _STEPS_ALWAYS:
        is_call = message is CardMessage.CALL_US
        said = CardMessage.CALL_US_AT if is_call and facts.phone else message
        text = card_sentence(sentences, said, zone, code=spaced(facts.call_code), phone=facts.phone)
        picture = _PICTURES.get(message, CardPicture.PHONE)
        yield SlipStep(text, picture, picture_text(sentences, picture))


def _sum(sentences: Sentences, label: str, ueur: int | None, *, is_sum: bool = False) -> SlipLine:
    return SlipLine(label, sum_for(sentences, ueur or 0), is_sum)
