"""The ledger: payments become statements, and nothing is ever lost or credited twice (design §4.3).

A statement is `(issuer, epoch, running total)` for one meter. Conservation: for every meter and issuer the
amounts of all payments of an epoch add up to its highest total, each total is the one before it and its own
amount, and numbers rise. (A payment that a closed epoch never credited has moved on to a later number.)
"""

from collections.abc import Iterable
from enum import StrEnum, unique

from msgspec import Struct

from protocols.documents.accounts import Account, Imbalance, differences
from protocols.documents.statements import Statement
from protocols.errors import InputError
from protocols.limits import STATEMENT_UEUR_MAX
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta


class Payment(Struct, frozen=True, kw_only=True):
    """A booked payment, with its statement. `found`: the meter held it, and no payment explains it.

    `voided_ueur`: what of it a kiosk has given back.
    """

    id: str
    meter: str
    issuer: str
    amount_ueur: int
    number: int
    total_ueur: int
    epoch: int = 0
    found: bool = False
    voided_ueur: int = 0


def next_statement(last: Statement | None, issuer: str, amount_ueur: int, epoch: int = 0) -> Statement:
    """The statement after one more payment: numbers go on, and the total of each epoch begins at 0.

    Raises InputError for an amount out of range.
    """
    before_ueur = 0 if last is None or last.epoch != epoch else last.total_ueur
    if not 0 < amount_ueur <= STATEMENT_UEUR_MAX - before_ueur:
        allowed_eur = eur_from_quanta((STATEMENT_UEUR_MAX - before_ueur) * QUANTA_PER_UEUR)
        shown_eur = eur_from_quanta(amount_ueur * QUANTA_PER_UEUR, 6)
        raise InputError(f"payment of {shown_eur} €; allowed: more than 0 and at most {allowed_eur} €")
    return Statement(issuer, 1 if last is None else last.number + 1, before_ueur + amount_ueur, epoch)


def discrepancies(payments: Iterable[Payment]) -> list[str]:
    """The violations of conservation, as sentences; empty where the ledger adds up."""
    found: list[str] = []
    last: dict[tuple[str, str], Payment] = {}
    for payment in sorted(payments, key=lambda each: (each.meter, each.issuer, each.number)):
        key = payment.meter, payment.issuer
        before = last.get(key)
        number = 0 if before is None else before.number
        goes_on = before is not None and before.epoch == payment.epoch
        expected_ueur = payment.amount_ueur + (before.total_ueur if before is not None and goes_on else 0)
        if payment.number <= number or payment.total_ueur != expected_ueur:
            found.append(
                f"meter {payment.meter}, issuer {payment.issuer}: payment {payment.id} made statement "
                f"{payment.number} of {payment.total_ueur} µ€; expected above {number}, {expected_ueur} µ€"
            )
        last[key] = payment
    return found


@unique
class PurseFault(StrEnum):
    """What is wrong with a purse. All but the last are those of `Imbalance`.

    `ledger`: the meter credited more than was paid, or less than it has confirmed.
    """

    BALANCE = Imbalance.BALANCE.value
    EMERGENCY = Imbalance.EMERGENCY.value
    REGISTERS = Imbalance.REGISTERS.value
    DEBT = Imbalance.DEBT.value
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
