"""The loop that one writes first: aware datetimes, a time zone and a rule in words, every quarter of an hour.

A restatement of credit, warning, windows, holidays, holds and lease as the guarded meter knows them, but
with a clock that is simply believed. It is here to be measured against, and for nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from benchmarks.households import DAYS, HOLD_MS, HOLIDAYS, START_MS, ZONE, Life, profile
from emulator.firmware.events import Button, SetLoad
from protocols.instants import DAY_MS, datetime_from_ms
from protocols.public_holidays import holiday_name
from protocols.units import QUANTA_PER_UEUR

_QUARTER = timedelta(minutes=15)
_ZONE = ZoneInfo(ZONE)
_FROM, _UNTIL = time(10), time(15)
_WEEKDAYS = range(4)
_START = datetime_from_ms(START_MS)
_HOLD = (datetime_from_ms(HOLD_MS[0]), datetime_from_ms(HOLD_MS[1]))
_LEASE_ENDS = _START + timedelta(days=DAYS + 1)
_WARNING = timedelta(seconds=profile().warning_s)
HOLIDAY_DATES: frozenset[date] = frozenset(
    day
    for day in (datetime_from_ms(START_MS + number * DAY_MS, _ZONE).date() for number in range(DAYS + 1))
    if holiday_name(HOLIDAYS, day) is not None
)


@dataclass(slots=True)
class DatetimeMeter:
    """One household, in micro-euro."""

    balance_ueur: int
    load_w: int
    spread: timedelta
    emergency_ueur: int
    now: datetime = _START
    in_use: bool = False
    on: bool = True
    warned: datetime | None = None
    opened: list[datetime] = field(default_factory=list)

    def step(self) -> None:
        """A quarter of an hour passes; then the rules are evaluated."""
        self.now += _QUARTER
        if self.on:
            self._spend(self.load_w * profile().price_ueur_per_kwh // 4000)
        permitted = self.is_permitted()
        if self.balance_ueur <= 0 and not self.in_use and self.emergency_ueur > 0:
            self.in_use = True
        if not self.on or self.balance_ueur > 0 or (self.in_use and self.emergency_ueur > 0):
            self.warned = None
            return
        if self.warned is None:
            self.warned = self.now
        if permitted and self.now >= self.warned + _WARNING:
            self.on = False
            self.opened.append(self.now)

    def is_permitted(self) -> bool:
        """Whether the household could be cut now, by weekday, hour, holiday, lease and hold."""
        local = self.now.astimezone(_ZONE)
        begins = datetime.combine(local.date(), _FROM, _ZONE) + self.spread
        return (
            local.weekday() in _WEEKDAYS
            and local.date() not in HOLIDAY_DATES
            and begins <= local
            and local.time() < _UNTIL
            and self.now < _LEASE_ENDS
            and not _HOLD[0] <= self.now < _HOLD[1]
        )

    def _spend(self, cost_ueur: int) -> None:
        if self.in_use and self.emergency_ueur > 0:
            drawn_ueur = min(cost_ueur, self.emergency_ueur)
            self.emergency_ueur -= drawn_ueur
            cost_ueur -= drawn_ueur
        self.balance_ueur -= cost_ueur


def datetime_meter(life: Life) -> DatetimeMeter:
    """The household of a life."""
    return DatetimeMeter(
        life.balance_q // QUANTA_PER_UEUR,
        life.load_w,
        timedelta(minutes=int.from_bytes(life.meter.encode(), "big") % 60),
        profile().emergency_credit_q // QUANTA_PER_UEUR,
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
            event = inputs[place][1]
            if isinstance(event, SetLoad):
                meter.load_w = event.load_w
            elif isinstance(event, Button) and meter.balance_ueur <= 0:
                meter.in_use = True
            place += 1
        meter.step()
