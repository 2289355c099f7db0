"""How money is taken: a port that a payment terminal's driver fills; cash, and a simulated terminal.

A port is asked by the payment's id, and the same id is the same payment: whoever asks again gets the outcome
and charges nobody twice. An answer may fail to come; then nobody knows, and `outcome` is asked later.
"""

from collections.abc import MutableMapping
from enum import StrEnum, unique
from typing import Protocol

from protocols.documents.till_receipts import PaymentMeans
from protocols.errors import RefusedError


@unique
class PortOutcome(StrEnum):
    """What became of a payment at its port. `unknown`: no answer came; it may be approved all the same."""

    APPROVED = "approved"
    DECLINED = "declined"
    UNKNOWN = "unknown"


class PaymentPort(Protocol):
    """Takes money, and gives it back."""

    @property
    def means(self) -> PaymentMeans:
        """How it is paid."""
        ...

    def take(self, payment: str, amount_ueur: int) -> PortOutcome:
        """Asks for the money. Of a payment that was asked before it is the outcome, and no second charge."""
        ...

    def outcome(self, payment: str) -> PortOutcome:
        """What became of it. `declined` also for a payment that never reached the port."""
        ...

    def give_back(self, payment: str, amount_ueur: int) -> bool:
        """Gives the money back, or cancels what was asked. Returns False where nobody knows."""
        ...


class Cash:
    """A drawer with a clerk: who enters a payment has the money in hand."""

    means = PaymentMeans.CASH

    def take(self, payment: str, amount_ueur: int) -> PortOutcome:
        """As `PaymentPort`."""
        del payment, amount_ueur
        return PortOutcome.APPROVED

    def outcome(self, payment: str) -> PortOutcome:
        """As `PaymentPort`."""
        del payment
        return PortOutcome.APPROVED

    def give_back(self, payment: str, amount_ueur: int) -> bool:
        """As `PaymentPort`."""
        del payment, amount_ueur
        return True


@unique
class TerminalMood(StrEnum):
    """What a simulated terminal does. `late`: no answer comes, and it is approved all the same."""

    APPROVE = "approve"
    DECLINE = "decline"
    TIMEOUT = "timeout"
    LATE = "late"


class SimulatedTerminal:
    """A payment terminal for practice and tests. `held`: what its bank remembers, by payment.

    `amounts` in `held` are what was charged (`_ueur`); 0: declined; -1: given back.
    """

    means = PaymentMeans.TERMINAL

    def __init__(self, held: MutableMapping[str, int], mood: TerminalMood = TerminalMood.APPROVE) -> None:
        self.held = held
        self.mood = mood

    def take(self, payment: str, amount_ueur: int) -> PortOutcome:
        """As `PaymentPort`."""
        if payment not in self.held and self.mood is not TerminalMood.TIMEOUT:
            self.held[payment] = 0 if self.mood is TerminalMood.DECLINE else amount_ueur
        if self.mood in (TerminalMood.TIMEOUT, TerminalMood.LATE):
            return PortOutcome.UNKNOWN
        return self.outcome(payment)

    def outcome(self, payment: str) -> PortOutcome:
        """As `PaymentPort`."""
        if self.mood is TerminalMood.TIMEOUT:
            return PortOutcome.UNKNOWN
        return PortOutcome.APPROVED if self.held.get(payment, 0) > 0 else PortOutcome.DECLINED

    def give_back(self, payment: str, amount_ueur: int) -> bool:
        """As `PaymentPort`. Raises RefusedError for another amount than was charged."""
        if self.mood is TerminalMood.TIMEOUT:
            return False
        charged_ueur = self.held.get(payment, 0)
        if charged_ueur > 0 and charged_ueur != amount_ueur:
            raise RefusedError(f"terminal: payment {payment} is one of another amount")
        # Also what never came here: it must not be approved later.
        self.held[payment] = -1
        return True
