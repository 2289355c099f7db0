"""Debt that payments bring back by shares, and money that is paid back out of a purse (design §4.3).

Both are running totals, as payments are: a repetition adds nothing. Nothing here draws on emergency credit.
"""

from msgspec import Struct
from msgspec.structs import replace

from emulator.firmware.credit import Credit, left_of_payment_q, pay
from emulator.firmware.guarded.memory import Debt, Memory
from emulator.firmware.guarded.sharing import shared
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import DebtBody
from protocols.instants import DAY_MS
from protocols.limits import BALANCE_EUR_MAX
from protocols.units import QUANTA_PER_EUR, QUANTA_PER_UEUR

_BALANCE_Q_MAX = BALANCE_EUR_MAX * QUANTA_PER_EUR
_WHOLE_PERMILLE = 1_000


class _Shared(Struct, frozen=True):
    """What of a payment goes to the debt, and the terms after it."""

    share_q: int
    debt: Debt


def pay_in(memory: Memory, amount_ueur: int, tick: Tick) -> None:
    """Credit a payment: emergency credit first, of the rest the debt's share, and what is left."""
    credit = memory.credit
    if memory.debt is None or credit.debt_q == 0:
        pay(credit, amount_ueur)
        return
    part = _share(memory.debt, credit, left_of_payment_q(credit, amount_ueur), tick)
    memory.debt = part.debt
    pay(credit, amount_ueur, part.share_q)


def is_in_force(memory: Memory, body: DebtBody) -> bool:
    """Whether these are the debt and its terms that the meter holds."""
    debt = memory.debt
    if debt is None or memory.credit.debt_set_q != body.total_ueur * QUANTA_PER_UEUR:
        return False
    terms = replace(debt, began=Tick(0), taken_q=0)
    return terms == _terms(body, Tick(0))


def has_room(credit: Credit, body: DebtBody) -> bool:
    """Whether the purse holds what a lower total gives back."""
    return credit.balance_q + _given_back_q(credit, body) <= _BALANCE_Q_MAX


def begin(memory: Memory, body: DebtBody, tick: Tick) -> None:
    """Put a debt and its terms in force; its caller has settled the credit, and asked `has_room`.

    What payments have brought beyond a lower total goes to the balance.
    """
    credit = memory.credit
    back_q = _given_back_q(credit, body)
    credit.debt_set_q = body.total_ueur * QUANTA_PER_UEUR
    credit.recovered_q -= back_q
    credit.balance_q += back_q
    credit.debt_q = credit.debt_set_q - credit.recovered_q
    memory.debt = _terms(body, tick)


def can_refund(credit: Credit, total_ueur: int) -> bool:
    """Whether this total adds something, and the balance holds it: a refund takes no purse below 0.

    A restored store may give a total again for another refund, of which nothing would be taken.
    """
    return 0 < total_ueur * QUANTA_PER_UEUR - credit.refunded_q <= max(credit.balance_q, 0)


def refund(credit: Credit, total_ueur: int) -> None:
    """Take what a total of refunds adds out of the balance; its caller has asked `can_refund`."""
    more_q = total_ueur * QUANTA_PER_UEUR - credit.refunded_q
    credit.balance_q -= more_q
    credit.refunded_q += more_q


def _share(debt: Debt, credit: Credit, rest_q: int, tick: Tick) -> _Shared:
    """The share of what is left of a payment, rounded down, below every cap."""
    period_ticks = debt.period_days * DAY_MS
    passed = (tick - debt.began) // period_ticks
    if passed:
        debt = replace(debt, began=Tick(debt.began + passed * period_ticks), taken_q=0)
    share_q = min(
        rest_q * debt.share_permille // _WHOLE_PERMILLE,
        debt.payment_cap_ueur * QUANTA_PER_UEUR,
        debt.period_cap_ueur * QUANTA_PER_UEUR - debt.taken_q,
        credit.debt_q,
    )
    return _Shared(share_q, replace(debt, taken_q=debt.taken_q + share_q))


def _given_back_q(credit: Credit, body: DebtBody) -> int:
    return max(credit.recovered_q - body.total_ueur * QUANTA_PER_UEUR, 0)


def _terms(body: DebtBody, tick: Tick) -> Debt:
    # Caps are a policy: most meters of a process that have one have the same.
    caps = shared(body.payment_cap_ueur), shared(body.period_cap_ueur)
    return Debt(body.share_permille, *caps, body.period_days, tick)
