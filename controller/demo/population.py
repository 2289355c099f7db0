"""The households of the demo, the same for both fleets: their load, balance, payments, and past card passes.

Each household has two meters, one in the card fleet and one in the guarded fleet. Load, balance, energy,
crystal, payments and reactivation are the same for both. Everything follows from the seed. Shares are exact
quotas, given to the households in the order of a hash, so that a small fleet has households of each kind too.
Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from controller.demo import night
from controller.demo.choices import chance, ranked, share
from emulator.world.household import Load
from emulator.world.loads import HouseholdLoad
from protocols.cutting.zones import load_zone, wall_clock
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, UtcMs
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

# Faults of card meters, each with its share of a hundred (docs/bugs.md). Without the faults that act when a
# card is passed: nobody reported any.
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
# The load of a gas cooker in W, and the hours of local time in which a household may cook.
_COOKING_W: Final = 1_800
_COOKING_HOURS: Final = (7, 12, 18, 19)
# A household cooks in one of so many of these hours.
_COOKING_ONE_IN: Final = 2


@unique
class Reactivation(StrEnum):
    """What a household had done about its reactivation by the evening of 2 July."""

    BEFORE_START = "in order before 29 June"
    IN_TIME = "in order by 2 July"
    ON_PAPER = "in order, on paper"
    NOT = "not in order"


# Whose card meter holds the date of a cut on the evening of 2 July.
CUT_PENDING: Final = frozenset({Reactivation.NOT, Reactivation.ON_PAPER})


@dataclass(frozen=True, slots=True)
class ShopPayment:
    """A payment of a household in a shop.

    `twice`: a second copy of its statement reaches the meter; `by_card`: a card brings the first copy.
    """

    id: str
    at_ms: int
    amount_ueur: int
    twice: bool
    by_card: bool


@dataclass(frozen=True, slots=True)
class TwinHousehold:
    """A household with two meters, one in each fleet.

    `reactivated_ms`: when its card was passed again; None: never. `late_ms`: when, on 3 July, it reactivates
    after all, unless its meter has cut it before.
    """

    number: int
    energy: Energy
    drift_ppm: int
    balance_q: int
    load: Load
    reactivation: Reactivation
    reactivated_ms: int | None
    late_ms: int | None
    extended_ms: int | None
    penniless: bool
    protected: bool
    medical: bool
    faults: tuple[str, ...]
    clock_set_wrong: bool
    office: int
    top_ups: tuple[ShopPayment, ...]

    @property
    def guarded(self) -> str:
        """The id of its meter in the guarded fleet."""
        return f"m{self.number:05d}"

    @property
    def card(self) -> str:
        """The id of its meter in the card fleet."""
        return f"c{self.number:05d}"


def households(count: int, seed: int) -> list[TwinHousehold]:
    """The households 1 to `count`."""
    numbers = range(1, count + 1)
    reactivations = _reactivations(numbers, seed)
    pending = [number for number in numbers if reactivations[number] in CUT_PENDING]
    settled = [number for number in numbers if number not in set(pending)]
    not_in_order = [number for number in pending if reactivations[number] is Reactivation.NOT]
    # The share is taken from each group by itself, so that a small fleet has such meters in both.
    wrong = share(pending, seed, "clock", _CLOCK_SET_WRONG) | share(settled, seed, "clock", _CLOCK_SET_WRONG)
    faults = _faults(pending, seed) | _faults(settled, seed)
    late = share(not_in_order, seed, "late", _LATE_REACTIVATION, most=len(not_in_order) - 1)
    traits = _Traits(
        gas=share(numbers, seed, "gas", _GAS),
        penniless=share(settled, seed, "penniless", _PENNILESS),
        comfortable=share(settled, seed, "comfortable", _COMFORTABLE),
        # Only households in order have flags: the others had not been in touch with the DSO.
        protected=share(settled, seed, "protected", _PROTECTED),
        medical=share(settled, seed, "medical", _MEDICAL),
        wrong=wrong,
        late=late,
    )
    return [_household(number, seed, reactivations[number], faults[number], traits) for number in numbers]


@dataclass(frozen=True, slots=True)
class _Traits:
    gas: frozenset[int]
    penniless: frozenset[int]
    comfortable: frozenset[int]
    protected: frozenset[int]
    medical: frozenset[int]
    wrong: frozenset[int]
    late: frozenset[int]


def _household(
    number: int, seed: int, reactivation: Reactivation, faults: tuple[str, ...], traits: _Traits
) -> TwinHousehold:
    gas = number in traits.gas
    penniless, comfortable = number in traits.penniless, number in traits.comfortable
    reactivated_ms = _reactivated_ms(number, seed, reactivation)
    extended_ms = None
    if reactivation is not Reactivation.BEFORE_START:
        span_ms = night.EXTENSION_UNTIL_MS - night.EXTENSION_FROM_MS
        extended_ms = (
            night.EXTENSION_FROM_MS + chance(seed, number, "extended", span_ms // MINUTE_MS) * MINUTE_MS
        )
    late_ms = None
    if number in traits.late:
        late_ms = night.NIGHT_ENDS_MS + HOUR_MS + chance(seed, number, "late at", 8 * 60) * MINUTE_MS
    return TwinHousehold(
        number=number,
        energy=Energy.GAS if gas else Energy.ELECTRICITY,
        drift_ppm=chance(seed, number, "drift", 2 * _DRIFT_PPM_MAX + 1) - _DRIFT_PPM_MAX,
        balance_q=_balance_q(number, seed, penniless=penniless, comfortable=comfortable),
        load=_load(number, seed, gas=gas),
        reactivation=reactivation,
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


def _reactivations(numbers: Sequence[int], seed: int) -> dict[int, Reactivation]:
    in_order = ranked(numbers, seed, "order")
    total = len(in_order)
    not_in_order = max(1, total * _NOT_IN_ORDER // 100)
    on_paper = max(1, total * _IN_ORDER_ON_PAPER // 100)
    before = total * _IN_ORDER_BEFORE_START // 100
    kinds = (
        [Reactivation.NOT] * not_in_order
        + [Reactivation.ON_PAPER] * on_paper
        + [Reactivation.BEFORE_START] * before
    )
    kinds += [Reactivation.IN_TIME] * max(0, total - len(kinds))
    return dict(zip(in_order, kinds, strict=False))


def _reactivated_ms(number: int, seed: int, reactivation: Reactivation) -> int | None:
    """During shop hours; ON_PAPER on the Monday on which the extension is written as well."""
    if reactivation is Reactivation.NOT:
        return None
    if reactivation is Reactivation.ON_PAPER:
        hours = chance(seed, number, "on paper", 9 * 60)
        return night.EXTENSION_FROM_MS + HOUR_MS + hours * MINUTE_MS
    if reactivation is Reactivation.BEFORE_START:
        first_ms, days = night.REACTIVATION_FROM_MS, 24
    else:
        first_ms, days = UtcMs(night.EXTENSION_FROM_MS + DAY_MS), 3
    day = chance(seed, number, "day", days)
    minutes = chance(seed, number, "minute", 11 * 60)
    return first_ms + day * DAY_MS + HOUR_MS + minutes * MINUTE_MS


def _balance_q(number: int, seed: int, *, penniless: bool, comfortable: bool) -> int:
    """The balance on 29 June, whole cents as quanta."""
    if penniless:
        cents = chance(seed, number, "balance", 2_700) - 2_600
    elif comfortable:
        cents = 4_000 + chance(seed, number, "balance", 3_000)
    else:
        cents = 1_200 + chance(seed, number, "balance", 1_500)
    return cents * QUANTA_PER_EUR // 100


def _top_ups(number: int, seed: int) -> tuple[ShopPayment, ...]:
    """One or two payments during shop hours, the first before Friday."""
    made: list[ShopPayment] = []
    days = (chance(seed, number, "first day", 4), 4 + chance(seed, number, "second day", 4))
    for visit, day in enumerate(days[: 1 + chance(seed, number, "payments", 2)], start=1):
        minute = _SHOP_OPENS_H * 60 + chance(seed, number, f"paid {visit}", _SHOP_HOURS) * 60
        amount_eur = _TOP_UPS_EUR[chance(seed, number, f"amount {visit}", len(_TOP_UPS_EUR))]
        made.append(
            ShopPayment(
                id=f"shop-{number:05d}-{visit}",
                at_ms=night.START_MS + day * DAY_MS + minute * MINUTE_MS,
                amount_ueur=amount_eur * UEUR_PER_EUR,
                twice=chance(seed, number, f"twice {visit}", 4) == 0,
                by_card=chance(seed, number, f"card {visit}", 4) == 0,
            )
        )
    return tuple(made)


def _load(number: int, seed: int, *, gas: bool) -> Load:
    """The load in W as a function of true time: of electric appliances, or of a gas cooker."""
    if not gas:
        return HouseholdLoad(seed, f"home-{number}", night.ZONE).load_w
    zone = load_zone(night.ZONE)

    def cooking_w(true_ms: UtcMs) -> int:
        wall = wall_clock(true_ms, zone)
        cooks = chance(seed, number, f"cooks {true_ms // HOUR_MS}", _COOKING_ONE_IN) == 0
        return _COOKING_W if wall.hour in _COOKING_HOURS and cooks else 0

    return cooking_w


def _faults(numbers: Sequence[int], seed: int) -> dict[int, tuple[str, ...]]:
    """The faults of each meter: dealt by their shares, in the order of a hash."""
    dealt = [faults for percent, faults in FAULTS for _ in range(percent)]
    in_order = ranked(numbers, seed, "faults")
    return {number: dealt[rank * len(dealt) // len(in_order)] for rank, number in enumerate(in_order)}
