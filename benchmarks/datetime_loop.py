"""The obvious implementation: aware datetimes, a time zone and rules as text, every quarter of an hour.

A restatement of the guarded meter's rules (credit, emergency credit, low credit, warning, windows, holidays,
spread, holds, release, lease, orders, limiter, a clock in doubt) that takes the same decisions, to the
quarter of an hour: the tests say so. All rules are asked at every step. It has no black box, image or
signatures, and no witnesses: its clock ages and learns nothing. It is here to be measured against.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from benchmarks.households import (
    DAYS,
    HOLDS_MS,
    HOLIDAYS,
    START_MS,
    ZONE,
    Life,
    identity,
    profile,
)
from emulator.firmware.events import Button, ButtonName, Event, SetLoad
from emulator.firmware.guarded.identity import SPREAD_WHOLE
from emulator.firmware.profile import EmergencyStart
from protocols.cutting.public_holidays import holiday_name
from protocols.instants import DAY_MS, datetime_from_ms
from protocols.reasons import Supply
from protocols.units import eur_from_quanta

_QUARTER = timedelta(minutes=15)
_ZONE = ZoneInfo(ZONE)
_FROM, _UNTIL = time(10), time(15)
_WEEKDAYS = range(4)
_START = datetime_from_ms(START_MS)
_HOLDS = tuple((datetime_from_ms(from_ms), datetime_from_ms(until_ms)) for from_ms, until_ms in HOLDS_MS)
_LEASE_ENDS = _START + timedelta(days=DAYS + 1)
_WARNING = timedelta(seconds=profile().warning_s)
_SPREAD_MAX = timedelta(seconds=profile().spread_max_s)
# How wrong the clock may be at the start, and how much its crystal adds to that.
_DOUBT = timedelta(seconds=1)
_PPM = profile().crystal_ppm
_HOURS_PER_STEP = Decimal("0.25")
_STEPS_PER_DAY = 96
HOLIDAY_DATES: frozenset[date] = frozenset(
    day
    for day in (datetime_from_ms(START_MS + number * DAY_MS, _ZONE).date() for number in range(DAYS + 1))
    if holiday_name(HOLIDAYS, day) is not None
)


@dataclass(slots=True)
class DatetimeMeter:
    """One household; money in euro. `turn`: its share of the spread, from 0 to 1."""

    balance: Decimal
    load_w: int
    turn: float
    emergency: Decimal
    price_per_kwh: Decimal
    fixed_per_day: Decimal
    low_credit: Decimal
    now: datetime = _START
    supply: Supply = Supply.ON
    emergency_in_use: bool = False
    emergency_used_up: bool = False
    is_protected: bool = False
    limiter_ordered: bool = False
    lease_ends: datetime = _LEASE_ENDS
    holds: tuple[tuple[datetime, datetime], ...] = _HOLDS
    cut_orders: tuple[tuple[datetime, datetime], ...] = ()
    released_until: datetime | None = None
    warned: datetime | None = None
    low_credit_shown: bool = False
    log: list[tuple[datetime, str]] = field(default_factory=list)
    opened: list[datetime] = field(default_factory=list)

    def step(self) -> None:
        """Let a quarter of an hour pass, then apply the rules."""
        self.now += _QUARTER
        self._spend(self._cost_of_step())
        self._tell_of_low_credit()
        permitted = self.is_permitted()
        wanted = self._wanted_supply()
        if wanted is None:
            self.warned = None
        elif self.warned is None:
            self.warned = self.now
            self.log.append((self.now, "supply may stop"))
        elif permitted and self.now >= self.warned + _WARNING:
            self.supply, self.warned = wanted, None
            self.log.append((self.now, f"supply {wanted}"))
            self.opened.append(self.now)

    def is_permitted(self) -> bool:
        """Whether the household may be cut now, which must be true at every instant that it may be now."""
        doubt = _DOUBT + (self.now - _START) * _PPM / 1_000_000
        earliest, latest = self.now - doubt, self.now + doubt
        if self.released_until is not None and earliest < self.released_until:
            return False
        if any(begins <= latest and earliest < ends for begins, ends in self.holds):
            return False
        window = _window_on(earliest.astimezone(_ZONE).date())
        if window is None or latest >= self.lease_ends:
            return False
        begins, ends = window
        spread = min(_SPREAD_MAX, (ends - begins) / 4) * self.turn
        return begins + spread <= earliest and latest < ends

    def press(self, name: ButtonName) -> None:
        """A person presses a button."""
        if name is ButtonName.RED and self.balance <= 0 and not self.emergency_used_up:
            self.emergency_in_use = True

    def _wanted_supply(self) -> Supply | None:
        """What the supply should become for a cause that stands; None if no cause stands."""
        empty = self.balance <= 0 and not self.emergency_in_use
        ordered = any(begins <= self.now < ends for begins, ends in self.cut_orders)
        darkness = Supply.LIMITED if self.is_protected and profile().has_limiter else Supply.OFF
        wanted = darkness if empty or ordered else Supply.LIMITED if self.limiter_ordered else None
        return None if wanted is self.supply or self.supply is Supply.OFF else wanted

    def _cost_of_step(self) -> Decimal:
        load_w = self.load_w
        if self.supply is Supply.OFF:
            load_w = 0
        elif self.supply is Supply.LIMITED:
            load_w = min(load_w, profile().limiter_w)
        energy_kwh = load_w * _HOURS_PER_STEP / 1000
        return energy_kwh * self.price_per_kwh + self.fixed_per_day / _STEPS_PER_DAY

    def _spend(self, cost: Decimal) -> None:
        """The balance first, then emergency credit if it starts by itself or was asked for, then debt."""
        if cost >= self.balance > 0:
            cost, self.balance = cost - self.balance, Decimal(0)
            if profile().emergency_start is EmergencyStart.AUTOMATIC and not self.emergency_used_up:
                self.emergency_in_use = True
                self.log.append((self.now, "emergency credit begins"))
        if self.emergency_in_use:
            drawn = min(cost, self.emergency)
            cost -= drawn
            self.emergency -= drawn
            if self.emergency == 0:
                self.emergency_in_use, self.emergency_used_up = False, True
                self.log.append((self.now, "emergency credit used up"))
        self.balance -= cost

    def _tell_of_low_credit(self) -> None:
        low = self.balance <= self.low_credit
        if low and not self.low_credit_shown:
            self.log.append((self.now, "low credit"))
        self.low_credit_shown = low


def _window_on(day: date) -> tuple[datetime, datetime] | None:
    """When a household may be cut on a day, in its time zone; None on a weekend or holiday."""
    if day.weekday() not in _WEEKDAYS or day in HOLIDAY_DATES:
        return None
    return datetime.combine(day, _FROM, _ZONE), datetime.combine(day, _UNTIL, _ZONE)


def datetime_meter(life: Life) -> DatetimeMeter:
    """The household of a life."""
    return DatetimeMeter(
        Decimal(eur_from_quanta(life.balance_q, 6)),
        life.load_w,
        identity(life).spread_share() / SPREAD_WHOLE,
        Decimal(eur_from_quanta(profile().emergency_credit_q)),
        Decimal(profile().price_ueur_per_kwh) / 1_000_000,
        Decimal(profile().fixed_ueur_per_day) / 1_000_000,
        Decimal(eur_from_quanta(profile().low_credit_q)),
    )


def live_all(households: Iterable[tuple[DatetimeMeter, Life]]) -> None:
    """Every household's life, one after the other."""
    for meter, life in households:
        live(meter, life)


def live(meter: DatetimeMeter, life: Life) -> None:
    """Every quarter of an hour of a life."""
    inputs = [(datetime.fromtimestamp((START_MS + at) / 1000, UTC), event) for at, event in life.inputs]
    place = 0
    for _ in range(DAYS * DAY_MS // (15 * 60_000)):
        while place < len(inputs) and inputs[place][0] <= meter.now:
            _apply(inputs[place][1], meter)
            place += 1
        meter.step()


def _apply(event: Event, meter: DatetimeMeter) -> None:
    if isinstance(event, SetLoad):
        meter.load_w = event.load_w
    elif isinstance(event, Button):
        meter.press(event.name)
