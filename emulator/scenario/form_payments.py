"""Checks the top-ups of a scenario file against each other: one `id` is one payment (design §9)."""

from emulator.forms.fields import Fields
from emulator.scenario.form_meters import EVERYONE, Population
from emulator.scenario.model import KioskSpec, TopUpSpec
from protocols.limits import BALANCE_EUR_MAX
from protocols.units import QUANTA_PER_UEUR, UEUR_PER_EUR


class Payments:
    """The payments so far, by meter and for everyone, each payment once."""

    def __init__(self, population: Population) -> None:
        self._everyone = population.everyone
        self._amounts: dict[tuple[str, str], int] = {}
        self._to_some: dict[str, set[int]] = {}
        self._by_meter: dict[str, int] = {}
        self._by_everyone = 0
        highest_q = max((meter.balance_q for meter in population.by_id.values()), default=0)
        self._balance = max(0, highest_q // QUANTA_PER_UEUR)

    def check(self, given: Fields, top_up: TopUpSpec | KioskSpec, meters: tuple[str, ...]) -> None:
        """Refuse a second amount for one payment id, and sums above what a purse can hold (`limits`)."""
        if not given.right("id", "eur"):
            return
        payees = (EVERYONE,) if meters is self._everyone else meters
        for payee in payees:
            self._check_amount(given, top_up, payee)
        paid = self._balance + self._by_everyone
        if meters is self._everyone:
            paid += max(self._by_meter.values(), default=0)
        else:
            paid += max((self._by_meter.get(meter, 0) for meter in meters), default=0)
        if paid > BALANCE_EUR_MAX * UEUR_PER_EUR:
            found = "more than a meter's purse holds, with its balance and earlier payments"
            given.refuse("eur", found, f"at most {BALANCE_EUR_MAX} in all")

    def _check_amount(self, given: Fields, top_up: TopUpSpec | KioskSpec, payee: str) -> None:
        """Add a new payment. A payment to everyone is also one to each meter that is paid by name."""
        known = self._amounts.get((top_up.id, payee), self._amounts.get((top_up.id, EVERYONE)))
        others = {known} if known is not None else set()
        if payee == EVERYONE:
            others |= self._to_some.get(top_up.id, set())
        if others - {top_up.amount_ueur} and given.right("eur"):
            given.refuse("eur", f"another amount for payment {top_up.id}", "the same id is the same payment")
        if known is not None:
            return
        self._amounts[top_up.id, payee] = top_up.amount_ueur
        if payee == EVERYONE:
            self._by_everyone += top_up.amount_ueur
        else:
            self._to_some.setdefault(top_up.id, set()).add(top_up.amount_ueur)
            self._by_meter[payee] = self._by_meter.get(payee, 0) + top_up.amount_ueur
