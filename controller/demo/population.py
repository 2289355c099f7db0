"""The households of the demo, the same for both fleets: who they are, what they draw, pay and have done.

Each household has two meters, one of the card fleet and one of the guarded fleet; load, balance, energy,
crystal, payments and what it did about its reactivation are the same for both. Everything follows from the
seed. Shares are exact quotas, given to the households in the order of a hash, so that a small fleet has each
kind too. Pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from hashlib import blake2b
from typing import Final

from controller.demo import night
from emulator.world.loads import HouseholdLoad
from protocols.cutting.zones import load_zone, wall_clock
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.reasons import Energy
from protocols.units import QUANTA_PER_EUR, UEUR_PER_EUR

# Of a hundred households. Ten had not passed their card again by 2 July (48,852 in order and 4,727 not,
# domain.md §2.1); the rest of these is assumed, see `night.ASSUMED`.
_NOT_IN_ORDER: Final = 10
_IN_ORDER_ON_PAPER: Final = 4
_IN_ORDER_BEFORE_START: Final = 74
_GAS: Final = 20
_PENNILESS: Final = 7
_COMFORTABLE: Final = 72
_PROTECTED: Final = 8
_MEDICAL: Final = 3
_CLOCK_SET_WRONG: Final = 70
_LATE_REACTIVATION: Final = 60

# Faults of card meters, of a hundred (domain.md §5.5). Those that fire when a card is passed are left out:
# nobody reported any.
FAULTS: Final[tuple[tuple[int, tuple[str, ...]], ...]] = (
    (45, ()),
    (12, ("leap_skip",)),
    (12, ("doy_table",)),
    (8, ("date_only",)),
    (6, ("date_only", "tz_twice")),
    (5, ("extension_as_hours",)),
    (4, ("utc_as_local",)),
    (4, ("inclusive_end",)),
    (2, ("dst_flag_inverted",)),
    (2, ("stale_card_time",)),
)

_DRIFT_PPM_MAX: Final = 40
_SHOP_OPENS_H: Final = 9
_SHOP_HOURS: Final = 10
_TOP_UPS_EUR: Final = (20, 30, 50)
# A gas meter's household cooks: W while it does, and the hours on the wall in which it may.
_COOKING_W: Final = 1_800
_COOKING_HOURS: Final = (7, 12, 18, 19)
# What gas costs in the cooker is little: such a household lives on less.
_COOKING_ONE_IN: Final = 2


@unique
class Order(StrEnum):
    """What a household had done about its reactivation by the evening of 2 July."""

    BEFORE_START = "in order before 29 June"
    IN_TIME = "in order by 2 July"
    ON_PAPER = "in order, on paper"
    NOT = "not in order"


@dataclass(frozen=True, slots=True)
class TopUp:
    """A payment of a household.

    `twice`: its statement reaches the meter once more, `by_card`: by a card first.
    """

    id: str
    at_ms: int
    amount_ueur: int
    twice: bool
    by_card: bool


@dataclass(frozen=True, slots=True)
class Household:
    """One household and its two meters. `reactivated_ms`: when its card was passed again; None: never.

    `late_ms`: when, on 3 July, it reactivates after all, if its meter has not cut it by then.
    """

    number: int
    energy: Energy
    drift_ppm: int
    balance_q: int
    load: Callable[[int], int]
    order: Order
    reactivated_ms: int | None
    late_ms: int | None
    extended_ms: int | None
    penniless: bool
    protected: bool
    medical: bool
    faults: tuple[str, ...]
    clock_set_wrong: bool
    office: int
    top_ups: tuple[TopUp, ...]

    @property
    def guarded(self) -> str:
        """The name of its meter in the guarded fleet."""
        return f"m{self.number:05d}"

    @property
    def card(self) -> str:
        """The name of its meter in the card fleet."""
        return f"c{self.number:05d}"

    @property
    def cut_pending(self) -> bool:
        """Whether a date for a cut stands in its card meter on the evening of 2 July."""
        return self.order in {Order.NOT, Order.ON_PAPER}


def chance(seed: int, number: int, what: str, below: int) -> int:
    """A number from 0 to `below` - 1 that belongs to this seed, household and thing."""
    digest = blake2b(f"{seed}/{number}/{what}".encode(), digest_size=8, person=b"demo").digest()
    return int.from_bytes(digest, "big") % below


def households(count: int, seed: int) -> list[Household]:
    """The households 1 to `count`."""
    numbers = range(1, count + 1)
    orders = _orders(numbers, seed)
    pending = [number for number in numbers if orders[number] in {Order.NOT, Order.ON_PAPER}]
    settled = [number for number in numbers if number not in set(pending)]
    not_in_order = [number for number in pending if orders[number] is Order.NOT]
    # Within each kind by itself: a small fleet has some of each too.
    wrong = _some(pending, seed, "clock", _CLOCK_SET_WRONG) | _some(settled, seed, "clock", _CLOCK_SET_WRONG)
    faults = _faults(pending, seed) | _faults(settled, seed)
    late = _some(not_in_order, seed, "late", _LATE_REACTIVATION, most=len(not_in_order) - 1)
    traits = _Traits(
        gas=_some(numbers, seed, "gas", _GAS),
        penniless=_some(settled, seed, "penniless", _PENNILESS),
        comfortable=_some(settled, seed, "comfortable", _COMFORTABLE),
        # Flags where the household had spoken to somebody; a household not in order had not.
        protected=_some(settled, seed, "protected", _PROTECTED),
        medical=_some(settled, seed, "medical", _MEDICAL),
        wrong=wrong,
        late=late,
    )
    return [_household(number, seed, orders[number], faults[number], traits) for number in numbers]


@dataclass(frozen=True, slots=True)
class _Traits:
    gas: frozenset[int]
    penniless: frozenset[int]
    comfortable: frozenset[int]
    protected: frozenset[int]
    medical: frozenset[int]
    wrong: frozenset[int]
    late: frozenset[int]


def _household(number: int, seed: int, order: Order, faults: tuple[str, ...], traits: _Traits) -> Household:
    gas = number in traits.gas
    penniless, comfortable = number in traits.penniless, number in traits.comfortable
    reactivated_ms = _reactivated_ms(number, seed, order)
    extended_ms = None
    if order is not Order.BEFORE_START:
        span_ms = night.EXTENSION_UNTIL_MS - night.EXTENSION_FROM_MS
        extended_ms = (
            night.EXTENSION_FROM_MS + chance(seed, number, "extended", span_ms // MINUTE_MS) * MINUTE_MS
        )
    late_ms = None
    if number in traits.late:
        late_ms = night.NIGHT_ENDS_MS + HOUR_MS + chance(seed, number, "late at", 8 * 60) * MINUTE_MS
    return Household(
        number=number,
        energy=Energy.GAS if gas else Energy.ELECTRICITY,
        drift_ppm=chance(seed, number, "drift", 2 * _DRIFT_PPM_MAX + 1) - _DRIFT_PPM_MAX,
        balance_q=_balance_q(number, seed, penniless=penniless, comfortable=comfortable),
        load=_load(number, seed, gas=gas),
        order=order,
        reactivated_ms=reactivated_ms,
        late_ms=late_ms,
        extended_ms=extended_ms,
        penniless=penniless,
        protected=number in traits.protected,
        medical=number in traits.medical,
        faults=faults,
        clock_set_wrong=number in traits.wrong,
        office=chance(seed, number, "office", len(night.OFFICES)),
        top_ups=() if penniless or comfortable else _top_ups(number, seed),
    )


def _orders(numbers: Sequence[int], seed: int) -> dict[int, Order]:
    ranked = _ranked(numbers, seed, "order")
    total = len(ranked)
    not_in_order = max(1, total * _NOT_IN_ORDER // 100)
    on_paper = max(1, total * _IN_ORDER_ON_PAPER // 100)
    before = total * _IN_ORDER_BEFORE_START // 100
    kinds = [Order.NOT] * not_in_order + [Order.ON_PAPER] * on_paper + [Order.BEFORE_START] * before
    kinds += [Order.IN_TIME] * max(0, total - len(kinds))
    return dict(zip(ranked, kinds, strict=False))


def _reactivated_ms(number: int, seed: int, order: Order) -> int | None:
    """In the hours of the shops; on paper only: on the Monday on which the extension is written too."""
    if order is Order.NOT:
        return None
    if order is Order.ON_PAPER:
        hours = chance(seed, number, "on paper", 9 * 60)
        return night.EXTENSION_FROM_MS + HOUR_MS + hours * MINUTE_MS
    if order is Order.BEFORE_START:
        first_ms, days = night.REACTIVATION_FROM_MS, 24
    else:
        first_ms, days = night.EXTENSION_FROM_MS + DAY_MS, 3
    day = chance(seed, number, "day", days)
    minutes = chance(seed, number, "minute", 11 * 60)
    return first_ms + day * DAY_MS + HOUR_MS + minutes * MINUTE_MS


def _balance_q(number: int, seed: int, *, penniless: bool, comfortable: bool) -> int:
    """The purse on 29 June, in cents made quanta."""
    if penniless:
        cents = chance(seed, number, "balance", 2_700) - 2_600
    elif comfortable:
        cents = 4_000 + chance(seed, number, "balance", 3_000)
    else:
        cents = 1_200 + chance(seed, number, "balance", 1_500)
    return cents * QUANTA_PER_EUR // 100


def _top_ups(number: int, seed: int) -> tuple[TopUp, ...]:
    """One or two payments, in the hours of the shops, the first before Friday."""
    made: list[TopUp] = []
    days = (chance(seed, number, "first day", 4), 4 + chance(seed, number, "second day", 4))
    for place, day in enumerate(days[: 1 + chance(seed, number, "payments", 2)], start=1):
        minute = _SHOP_OPENS_H * 60 + chance(seed, number, f"paid {place}", _SHOP_HOURS) * 60
        amount_eur = _TOP_UPS_EUR[chance(seed, number, f"amount {place}", len(_TOP_UPS_EUR))]
        made.append(
            TopUp(
                id=f"shop-{number:05d}-{place}",
                at_ms=night.START_MS + day * DAY_MS + minute * MINUTE_MS,
                amount_ueur=amount_eur * UEUR_PER_EUR,
                twice=chance(seed, number, f"twice {place}", 4) == 0,
                by_card=chance(seed, number, f"card {place}", 4) == 0,
            )
        )
    return tuple(made)


def _load(number: int, seed: int, *, gas: bool) -> Callable[[int], int]:
    """W at an instant: of a household's appliances, or of its cooker."""
    if not gas:
        return HouseholdLoad(seed, f"home-{number}", night.ZONE).load_w
    zone = load_zone(night.ZONE)

    def cooking_w(true_ms: int) -> int:
        wall = wall_clock(true_ms, zone)
        cooks = chance(seed, number, f"cooks {true_ms // HOUR_MS}", _COOKING_ONE_IN) == 0
        return _COOKING_W if wall.hour in _COOKING_HOURS and cooks else 0

    return cooking_w


def _faults(numbers: Sequence[int], seed: int) -> dict[int, tuple[str, ...]]:
    """Faults dealt out by their shares, in the order of a hash."""
    dealt = [faults for percent, faults in FAULTS for _ in range(percent)]
    ranked = _ranked(numbers, seed, "faults")
    return {number: dealt[place * len(dealt) // len(ranked)] for place, number in enumerate(ranked)}


def _some(
    numbers: Sequence[int], seed: int, what: str, percent: int, most: int | None = None
) -> frozenset[int]:
    """So many of a hundred, rounded up; never more than `most`."""
    count = -(-len(numbers) * percent // 100)
    return frozenset(_ranked(numbers, seed, what)[: count if most is None else min(count, max(most, 0))])


def _ranked(numbers: Sequence[int], seed: int, what: str) -> list[int]:
    return sorted(numbers, key=lambda number: (chance(seed, number, f"rank {what}", 2**64), number))
