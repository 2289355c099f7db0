"""Sentences of the screen that stand in no template: states of payments, and ways to pay."""

from typing import Final

from cardreader.kiosk.rules import PaymentState, is_with_office
from cardreader.kiosk.tables import TakenPaymentRow
from protocols.documents.till_receipts import PaymentMeans
from protocols.languages.catalogue import Sentences, say

_STATES: Final = {
    PaymentState.ASKED: say("The terminal was asked; its answer is not known yet."),
    PaymentState.CANCELLING: say("It is being cancelled at the terminal. Take it back once more."),
    PaymentState.DECLINED: say("The terminal has declined. No money was taken."),
    PaymentState.TAKEN: say("The money is here, and not on the card yet."),
    PaymentState.WRITTEN: say("It may be on the card; the card has not confirmed it yet."),
    PaymentState.COMMITTED: say("It is on the card."),
    PaymentState.VOIDING: say("It is being taken back; the money is still here."),
    PaymentState.VOIDED: say("It was taken back, and the money was given back."),
    PaymentState.REFUND: say("The household asks for it back; the office decides."),
}
_WITH_OFFICE: Final = say("It was on the card when the office closed that key; the office decides.")
_MEANS: Final = {
    PaymentMeans.CASH: say("Cash"),
    PaymentMeans.TERMINAL: say("Bank card"),
}


def state_text(sentences: Sentences, payment: TakenPaymentRow, epoch: int | None) -> str:
    """How far a payment has come. `epoch`: of the kiosk's issuer (`ledger.epoch_now`)."""
    if is_with_office(payment.state, payment.epoch, epoch):
        return sentences.say(_WITH_OFFICE)
    return sentences.say(_STATES[PaymentState(payment.state)])


def means_text(sentences: Sentences, means: str) -> str:
    """How it is paid."""
    return sentences.say(_MEANS[PaymentMeans(means)])
