"""Credit to the quantum: consumption, fixed charge, payments and the emergency purse.

Between two changes of load, price or supply everything is linear, so `settle` charges any span in
one step and `empty_tick` says when the purse in use runs out, with integers only. A charge smaller
than a quantum is carried (`carry_mq`, thousandths of a quantum), never rounded away.

While emergency credit is in use, consumption draws on that purse and the balance stands still; a
payment repays it first. Conservation, at every instant (design §4.3):

    balance - (emergency_limit - emergency_left) = start + payments - energy * price - fixed

Beside the purses an `Account` counts what went in and out. Purses and account are added up on their own, so
that either shows a fault of the other: `protocols.documents.accounts` computes the purses from the account.

The functions work on a plain record of integers so that a rehearsal of a whole fleet runs this same
source. The caller settles before it changes anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final, NamedTuple

from msgspec.msgpack import Decoder

from emulator.firmware.packed import PackedTable
from emulator.firmware.ticks import FIRST_TICK, NEVER, Tick
from protocols.documents.accounts import Account, RegisterSum
from protocols.instants import SECOND_MS
from protocols.reasons import PaymentMode
from protocols.units import (
    QUANTA_PER_S_PER_UEUR_DAY,
    QUANTA_PER_UEUR,
    QUANTA_PER_WS_PER_UEUR_KWH,
)


class Emergency(IntEnum):
    """The emergency purse: untouched, being drawn on, or used up and to be repaid in full first."""

    READY = 0
    IN_USE = 1
    USED_UP = 2


# Looked up here once: by its enum, a member costs as much as a multiplication and an addition together.
_READY: Final = Emergency.READY
_IN_USE: Final = Emergency.IN_USE
_USED_UP: Final = Emergency.USED_UP
_ON_CREDIT: Final = PaymentMode.CREDIT


class Counted(NamedTuple):
    """What one register of a tariff was charged with while it was in use. `wholes` as in `Credit`."""

    energy_mj: int = 0
    charged_mq: int = 0
    wholes: int = 0


# An image has integers of 64 bits, and a household of some years is charged more thousandths than these hold.
_WHOLE_MQ: Final = 1 << 62
_NOTHING_COUNTED: Final = Counted()
_NO_REGISTERS: Final[Mapping[str, Counted]] = {}


class CountedTable(PackedTable[str, Counted]):
    """What was counted on each register: asked where prices change, and by reports."""

    __slots__ = ()

    decoder = Decoder(dict[str, Counted])


@dataclass(slots=True)
class Credit:
    """One meter's purses, prices and registers. `drawn_w` is what flows; the supply sets it.

    `settled_at` is a tick; its name is in the image and stays. The fields from `start_q` on are the account
    since it was opened (see `opened`); None: not yet, as in an image of a firmware that had none.
    `consumed_mq` and `fixed_mq` end where the present prices began: at the register's `priced_mj`, and at
    `priced_tick`. What came since is computed from register and ticks. `register`: the tariff's register in
    use, empty for none; `counted`: what was charged on each until the present prices began. `debt_q`: what
    is owed of the debt `debt_set_q`; `recovered_q`: what payments brought of it; `refunded_q`: paid back out.
    `consumed_wholes` and `fixed_wholes` count 2^62 thousandths each, beside `consumed_mq` and `fixed_mq`.
    """

    balance_q: int
    price_ueur_per_kwh: int
    fixed_ueur_per_day: int
    emergency_limit_q: int
    emergency_left_q: int
    emergency: Emergency = Emergency.READY
    drawn_w: int = 0
    carry_mq: int = 0
    settled_at: Tick = FIRST_TICK
    energy_mj: int = 0
    start_q: int | None = None
    credited_q: int = 0
    consumed_mq: int = 0
    fixed_mq: int = 0
    lent_q: int = 0
    repaid_q: int = 0
    priced_mj: int = 0
    priced_tick: Tick = FIRST_TICK
    mode: PaymentMode = PaymentMode.PREPAID
    debt_q: int = 0
    debt_set_q: int = 0
    recovered_q: int = 0
    refunded_q: int = 0
    register: str = ""
    counted: Mapping[str, Counted] = field(default_factory=lambda: _NO_REGISTERS)
    consumed_wholes: int = 0
    fixed_wholes: int = 0


def opened(credit: Credit, credited_ueur: int = 0) -> Credit:
    """The same record, its account opened now if it was not: it begins with what the purse holds and owes.

    `credited_ueur`: what was ever credited, so that the account and the statements agree from the first
    report on. `carry_mq` is charged already, so that the account begins with it.
    """
    if credit.start_q is None:
        credit.credited_q = credited_ueur * QUANTA_PER_UEUR
        credit.lent_q = credit.emergency_limit_q - credit.emergency_left_q
        credit.start_q = credit.balance_q - credit.lent_q - credit.credited_q
        credit.fixed_mq = credit.carry_mq
        credit.priced_mj, credit.priced_tick = credit.energy_mj, credit.settled_at
    return credit


def set_prices(
    credit: Credit, price_ueur_per_kwh: int, fixed_ueur_per_day: int, *, register: str = ""
) -> None:
    """Charge these prices from now on, and count them on a register. Its caller has settled the record."""
    credit.counted, credit.register = CountedTable.pack(_counted(credit)), register
    credit.consumed_wholes, credit.consumed_mq = divmod(_consumed_mq(credit), _WHOLE_MQ)
    credit.fixed_wholes, credit.fixed_mq = divmod(_fixed_mq(credit), _WHOLE_MQ)
    credit.priced_mj, credit.priced_tick = credit.energy_mj, credit.settled_at
    credit.price_ueur_per_kwh, credit.fixed_ueur_per_day = price_ueur_per_kwh, fixed_ueur_per_day


def _counted(credit: Credit) -> Mapping[str, Counted]:
    """What each register was charged with so far."""
    if not credit.register:
        return credit.counted
    before = credit.counted.get(credit.register, _NOTHING_COUNTED)
    charged_mq = before.charged_mq + _consumed_since_mq(credit) + _fixed_since_mq(credit)
    wholes, rest_mq = divmod(charged_mq, _WHOLE_MQ)
    now = Counted(before.energy_mj + credit.energy_mj - credit.priced_mj, rest_mq, before.wholes + wholes)
    return {**credit.counted, credit.register: now}


def _consumed_mq(credit: Credit) -> int:
    return credit.consumed_wholes * _WHOLE_MQ + credit.consumed_mq + _consumed_since_mq(credit)


def _consumed_since_mq(credit: Credit) -> int:
    """What energy was charged with since the present prices began."""
    # A watt second costs whole quanta, so that a milliwatt second (mJ) costs whole thousandths of them.
    energy_mj = credit.energy_mj - credit.priced_mj
    return energy_mj * credit.price_ueur_per_kwh * QUANTA_PER_WS_PER_UEUR_KWH


def _fixed_mq(credit: Credit) -> int:
    return credit.fixed_wholes * _WHOLE_MQ + credit.fixed_mq + _fixed_since_mq(credit)


def _fixed_since_mq(credit: Credit) -> int:
    elapsed_ticks = credit.settled_at - credit.priced_tick
    return elapsed_ticks * credit.fixed_ueur_per_day * QUANTA_PER_S_PER_UEUR_DAY


def account_of(credit: Credit) -> Account:
    """The account of an opened record, as a report carries it. Its caller has settled it."""
    assert credit.start_q is not None, "the account is opened"
    return Account(
        start_q=str(credit.start_q),
        credited_q=str(credit.credited_q),
        consumed_mq=str(_consumed_mq(credit)),
        fixed_mq=str(_fixed_mq(credit)),
        lent_q=str(credit.lent_q),
        repaid_q=str(credit.repaid_q),
        balance_q=str(credit.balance_q),
        owed_q=str(credit.emergency_limit_q - credit.emergency_left_q),
        debt_set_q=str(credit.debt_set_q),
        recovered_q=str(credit.recovered_q),
        debt_q=str(credit.debt_q),
        refunded_q=str(credit.refunded_q),
        registers=tuple(
            RegisterSum(obis, str(each.energy_mj), str(each.wholes * _WHOLE_MQ + each.charged_mq))
            for obis, each in sorted(_counted(credit).items())
        ),
    )


def rate_q_per_s(credit: Credit) -> int:
    """What a second costs now, in quanta."""
    consumption = credit.drawn_w * credit.price_ueur_per_kwh * QUANTA_PER_WS_PER_UEUR_KWH
    return consumption + credit.fixed_ueur_per_day * QUANTA_PER_S_PER_UEUR_DAY


def settle(credit: Credit, at_tick: Tick) -> None:
    """Charge everything up to `at_tick`. A tick already settled is left alone."""
    elapsed_ticks = at_tick - credit.settled_at
    if elapsed_ticks <= 0:
        return
    spent_q, credit.carry_mq = divmod(rate_q_per_s(credit) * elapsed_ticks + credit.carry_mq, SECOND_MS)
    credit.energy_mj += credit.drawn_w * elapsed_ticks
    credit.settled_at = at_tick
    if credit.emergency is _IN_USE:
        drawn_q = min(spent_q, credit.emergency_left_q)
        credit.emergency_left_q -= drawn_q
        credit.lent_q += drawn_q
        spent_q -= drawn_q
    credit.balance_q -= spent_q


def settled_copy(credit: Credit, at_tick: Tick) -> Credit:
    """A copy, settled to `at_tick`; the record itself stays as it is."""
    seen = replace(credit)
    settle(seen, at_tick)
    return seen


def falls_to_tick(credit: Credit, level_q: int) -> int:
    """First tick at which the purse in use has fallen to `level_q` or below; NEVER at a rate of 0."""
    in_use = credit.emergency is _IN_USE
    above_q = (credit.emergency_left_q if in_use else credit.balance_q) - level_q
    if above_q <= 0:
        return credit.settled_at
    rate = rate_q_per_s(credit)
    if rate == 0:
        return NEVER
    # In thousandths of a quantum: `rate` of them are charged per tick, and `carry_mq` of them are charged
    # already. The minus signs make `//` round up: a part of a tick counts as a whole one.
    return credit.settled_at - (-(above_q * SECOND_MS - credit.carry_mq) // rate)


def empty_tick(credit: Credit) -> int:
    """First tick at which the purse in use is empty."""
    return falls_to_tick(credit, 0)


def has_nothing_left(credit: Credit) -> bool:
    """The evidence for a cut: balance at or below 0 and no emergency credit in use has anything left.

    In credit mode there is none: a balance below 0 is what the household owes.
    """
    if credit.balance_q > 0 or credit.mode is _ON_CREDIT:
        return False
    return credit.emergency is not _IN_USE or credit.emergency_left_q <= 0


def can_start_emergency(credit: Credit) -> bool:
    """Only an untouched purse, and only at or below 0; in credit mode nobody needs it."""
    if credit.balance_q > 0 or credit.emergency is not _READY or credit.emergency_limit_q == 0:
        return False
    return credit.mode is not _ON_CREDIT


def start_emergency(credit: Credit) -> bool:
    """Begin to draw on the emergency purse, if it can be."""
    if not can_start_emergency(credit):
        return False
    credit.emergency = _IN_USE
    return True


def close_used_up_emergency(credit: Credit) -> bool:
    """Mark an emptied emergency purse as used up; True if it just was."""
    if credit.emergency is not _IN_USE or credit.emergency_left_q > 0:
        return False
    credit.emergency = _USED_UP
    return True


def left_of_payment_q(credit: Credit, amount_ueur: int) -> int:
    """What a payment leaves when it has repaid the emergency credit."""
    return max(amount_ueur * QUANTA_PER_UEUR - credit.emergency_limit_q + credit.emergency_left_q, 0)


def pay(credit: Credit, amount_ueur: int, to_debt_q: int = 0) -> int:
    """Credit a payment: emergency credit is repaid first, of the rest `to_debt_q` goes to the debt.

    What is left goes to the balance. Returns the quanta that went to the emergency purse. A purse repaid in
    full is ready again as soon as the balance is above 0; until then a household that lives on it goes on
    living on it.
    """
    amount_q = amount_ueur * QUANTA_PER_UEUR
    repaid_q = min(amount_q, credit.emergency_limit_q - credit.emergency_left_q)
    credit.emergency_left_q += repaid_q
    credit.balance_q += amount_q - repaid_q - to_debt_q
    credit.debt_q -= to_debt_q
    credit.recovered_q += to_debt_q
    credit.credited_q += amount_q
    credit.repaid_q += repaid_q
    whole = credit.emergency_left_q == credit.emergency_limit_q
    if whole:
        # One object, as in a new purse.
        credit.emergency_left_q = credit.emergency_limit_q
        if credit.balance_q > 0 or credit.emergency is _USED_UP:
            credit.emergency = _READY
    return repaid_q
