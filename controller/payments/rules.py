"""The ledger: payments become statements, and nothing is ever lost or credited twice (design §4.3).

A statement is `(issuer, number, running total)` for one meter. Conservation: for every meter and issuer
the amounts of all payments add up to the highest total, and the numbers are 1, 2, 3, …, each total the
one before it and its own amount.
"""

from collections.abc import Iterable
from enum import StrEnum, unique

from msgspec import Struct

from protocols.documents.accounts import Account, Imbalance, differences
from protocols.documents.statements import Statement
from protocols.errors import InputError
from protocols.limits import STATEMENT_UEUR_MAX
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

# The issuer of payments that are booked at the controller; each kiosk is an issuer of its own.
CONTROLLER = "controller"


class Payment(Struct, frozen=True, kw_only=True):
    """A booked payment, with its statement."""

    id: str
    meter: str
    issuer: str
    amount_ueur: int
    number: int
    total_ueur: int


def next_statement(last: Statement | None, issuer: str, amount_ueur: int) -> Statement:
    """The statement after one more payment. Raises InputError for an amount out of range."""
    before_ueur = 0 if last is None else last.total_ueur
    if not 0 < amount_ueur <= STATEMENT_UEUR_MAX - before_ueur:
        allowed_eur = eur_from_quanta((STATEMENT_UEUR_MAX - before_ueur) * QUANTA_PER_UEUR)
        shown_eur = eur_from_quanta(amount_ueur * QUANTA_PER_UEUR, 6)
        raise InputError(f"payment of {shown_eur} €; allowed: more than 0 and at most {allowed_eur} €")
    return Statement(issuer, 1 if last is None else last.number + 1, before_ueur + amount_ueur)


def discrepancies(payments: Iterable[Payment]) -> list[str]:
    """The violations of conservation, as sentences; empty where the ledger adds up."""
    found: list[str] = []
    totals_ueur: dict[tuple[str, str], tuple[int, int]] = {}
    for payment in sorted(payments, key=lambda each: (each.meter, each.issuer, each.number)):
        key = payment.meter, payment.issuer
        number, total_ueur = totals_ueur.get(key, (0, 0))
        expected = (number + 1, total_ueur + payment.amount_ueur)
        if (payment.number, payment.total_ueur) != expected:
            found.append(
                f"meter {payment.meter}, issuer {payment.issuer}: payment {payment.id} made statement "
                f"{payment.number} of {payment.total_ueur} µ€; expected {expected[0]} of {expected[1]} µ€"
            )
        totals_ueur[key] = payment.number, payment.total_ueur
    return found


@unique
class PurseFault(StrEnum):
    """What is wrong with a purse. The first two are those of `Imbalance`.

    `ledger`: the meter credited more than was paid, or less than it has confirmed.
    """

    BALANCE = Imbalance.BALANCE.value
    EMERGENCY = Imbalance.EMERGENCY.value
    LEDGER = "ledger"


class PurseFinding(Struct, frozen=True, kw_only=True):
    """`found_q` in place of `expected_q`, both in quanta, in the purse of a meter."""

    meter: str
    fault: PurseFault
    expected_q: int
    found_q: int


def purse_findings(
    meter: str, account: Account, confirmed_ueur: int, paid_ueur: int
) -> tuple[PurseFinding, ...]:
    """What is wrong with a meter's purse, to the quantum; empty where nothing is.

    `paid_ueur`: all that the ledger holds for the meter; `confirmed_ueur`: what of it the meter has
    confirmed. Between the two it may be on its way.
    """
    found = [
        PurseFinding(
            meter=meter,
            fault=PurseFault(each.what.value),
            expected_q=each.expected_q,
            found_q=each.found_q,
        )
        for each in differences(account)
    ]
    credited_q = int(account.credited_q)
    expected_q = min(max(credited_q, confirmed_ueur * QUANTA_PER_UEUR), paid_ueur * QUANTA_PER_UEUR)
    if credited_q != expected_q:
        found.append(
            PurseFinding(meter=meter, fault=PurseFault.LEDGER, expected_q=expected_q, found_q=credited_q)
        )
    return tuple(found)
