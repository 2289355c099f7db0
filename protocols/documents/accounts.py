"""A meter's account: what went in and out of its purse, from which the balance is computed again (§4.3).

Amounts travel as decimal strings, since JSON readers lose integers beyond 2**53 (834 € in quanta). Pure.
"""

from enum import StrEnum, unique
from typing import Annotated, Final

from msgspec import Meta, Struct

from protocols.limits import REGISTERS_TOLD_MAX

# 63 bits of quanta and three digits more: no purse holds that much.
Quanta = Annotated[str, Meta(pattern=r"^-?[0-9]{1,24}$(?!\n)")]

_MQ_PER_QUANTUM: Final = 1_000


class RegisterSum(Struct, frozen=True):
    """What was counted while a tariff's register was in use: energy, and what it and the days cost.

    `obis` begins with `deferred` while nothing was charged, and is that word alone where none was in use.
    """

    obis: str
    energy_mj: Quanta
    charged_mq: Quanta


class Account(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sums since the account was opened, in quanta (`_q`) or thousandths of them (`_mq`).

    `start_q`: the balance then, less what was owed. `credited_q`: all payments. `consumed_mq`: energy at its
    price. `fixed_mq`: the fixed charge. `lent_q`: drawn from emergency credit; `repaid_q`: given back to it.
    `balance_q` and `owed_q` are the purses at that instant; they are not made of the sums. `registers`: what
    of `consumed_mq` and `fixed_mq` was charged on each register; the rest while none was in use.
    `debt_set_q`: all debt that was put on the meter; `recovered_q`: what payments brought of it; `debt_q`:
    what is owed of it at that instant, not made of these sums. `refunded_q`: paid back out of the balance.
    """

    start_q: Quanta
    credited_q: Quanta
    consumed_mq: Quanta
    fixed_mq: Quanta
    lent_q: Quanta
    repaid_q: Quanta
    balance_q: Quanta
    owed_q: Quanta
    debt_set_q: Quanta = "0"
    recovered_q: Quanta = "0"
    debt_q: Quanta = "0"
    refunded_q: Quanta = "0"
    registers: Annotated[tuple[RegisterSum, ...], Meta(max_length=REGISTERS_TOLD_MAX)] = ()


@unique
class Imbalance(StrEnum):
    """What does not add up in an account."""

    BALANCE = "balance"
    EMERGENCY = "emergency"
    REGISTERS = "registers"
    DEBT = "debt"


class Difference(Struct, frozen=True):
    """`found_q` in place of `expected_q`, both in quanta."""

    what: Imbalance
    expected_q: int
    found_q: int


def differences(account: Account) -> tuple[Difference, ...]:
    """What the purses hold otherwise than the sums say; empty for an account that adds up.

    balance = start + credited + lent - repaid - recovered - refunded
              - (consumed + fixed) rounded down to quanta
    owed    = lent - repaid
    debt    = set - recovered
    registers, together: at most consumed + fixed
    """
    spent_q = (int(account.consumed_mq) + int(account.fixed_mq)) // _MQ_PER_QUANTUM
    on_registers_q = sum(int(each.charged_mq) for each in account.registers) // _MQ_PER_QUANTUM
    owed_q = int(account.lent_q) - int(account.repaid_q)
    recovered_q = int(account.recovered_q)
    debt_q = int(account.debt_set_q) - recovered_q
    paid_out_q = recovered_q + int(account.refunded_q)
    balance_q = int(account.start_q) + int(account.credited_q) + owed_q - paid_out_q - spent_q
    pairs = (
        Difference(Imbalance.BALANCE, balance_q, int(account.balance_q)),
        Difference(Imbalance.EMERGENCY, owed_q, int(account.owed_q)),
        Difference(Imbalance.DEBT, debt_q, int(account.debt_q)),
        Difference(Imbalance.REGISTERS, min(on_registers_q, spent_q), on_registers_q),
    )
    return tuple(each for each in pairs if each.expected_q != each.found_q)
