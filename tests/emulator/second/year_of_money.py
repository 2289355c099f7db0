"""A year of one household's money, drawn from a seed: 2028, with its leap day and both changes of the clock.

Prices by quarter with two registers and a fixed charge, payments, a debt with caps, a moratorium that
delivers without pricing and is owed later, refunds, and six weeks on credit. Loads change some times a day.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from random import Random  # noqa: TID251 # seeded: the same seed is the same year
from typing import Final
from zoneinfo import ZoneInfo

from emulator.population.shipped import shipped_profiles
from emulator.scenario.form import read_scenario
from emulator.scenario.model import Scenario

ZONE: Final = ZoneInfo("Europe/Brussels")
# What a kWh of the moratorium costs, as people price it afterwards.
SETTLED_UEUR_PER_KWH: Final = 287_500
FIRST: Final = date(2028, 1, 1)
LAST: Final = date(2028, 12, 31)
DAYS: Final = 366
QUARTERS: Final = (date(2028, 1, 1), date(2028, 4, 1), date(2028, 7, 1), date(2028, 10, 1), date(2029, 1, 1))
DAY_REGISTER: Final = "1-0:1.8.1"
NIGHT_REGISTER: Final = "1-0:1.8.2"
# The hours of the day register, on Mondays to Fridays.
DAY_FROM_H: Final = 7
DAY_UNTIL_H: Final = 22
DEFERRED_FROM: Final = date(2028, 3, 18)
DEFERRED_UNTIL: Final = date(2028, 7, 1)
SETTLED_ON: Final = date(2028, 7, 10)


def text_of(seed: int, settled_cents: int, *, until: date = LAST) -> str:
    """The scenario as TOML. `settled_cents`: the invoice of what the moratorium has delivered."""
    chance = Random(seed)
    first_cents = chance.randrange(8_000, 20_000)
    events = sorted(
        [
            *_steady(chance),
            *_debts(chance, first_cents, settled_cents),
            *_loads(chance),
            *_payments(chance),
        ]
    )
    end = _at(until + timedelta(days=1))
    lines = [
        "[scenario]",
        f'name = "a year of money, seed {seed}"',
        f"start = {_at(FIRST).isoformat()}",
        f"end = {end.isoformat()}",
        f"seed = {seed}",
        "[profile.wallonia-smart]",
        "spread_max_s = 0",
        "warning_s = 600",
        'emergency_credit_eur = "0"',
        "crystal_ppm = 1",
        "[[meters]]",
        'id = "m1"',
        'firmware = "guarded"',
        'profile = "wallonia-smart"',
        f'balance_eur = "{chance.randrange(0, 30)}.00"',
        "load_w = 300",
    ]
    for at, _, event in events:
        if at < end:
            lines += ["[[events]]", f"at = {at.isoformat()}", *event]
    return "\n".join(lines) + "\n"


def scenario_of_year(seed: int, settled_cents: int, *, until: date = LAST) -> Scenario:
    """The year, read as any file of a scenario."""
    return read_scenario(text_of(seed, settled_cents, until=until), "year.toml", shipped_profiles(), ())


# An instant, a number that orders what is at the same one, and the lines of an event.
_Event = tuple[datetime, int, tuple[str, ...]]


def _at(day: date, seconds: int = 0) -> datetime:
    """So many seconds after the day's first instant, with the offset of then."""
    begin = datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()
    return datetime.fromtimestamp(begin + seconds, ZONE)


def _prices(chance: Random) -> Iterator[_Event]:
    for first, end in pairwise(QUARTERS):
        fixed = f'fixed_eur_per_day = "0.{chance.randrange(10, 45)}"'
        day, night = (f'eur_per_kwh = "0.{chance.randrange(*span)}"' for span in ((30, 60), (12, 29)))
        hours = f"mon-fri {DAY_FROM_H:02}:00-{DAY_UNTIL_H:02}:00"
        registers = ", ".join(
            f'{{ obis = "{obis}", {price}, {fixed}, rule = "{rule}" }}'
            for obis, price, rule in ((DAY_REGISTER, day, hours), (NIGHT_REGISTER, night, "rest"))
        )
        event = (
            *('do = "tariff"', day, fixed, 'zone = "Europe/Brussels"', 'holidays = "none"'),
            f"until = {_at(end + timedelta(days=1)).isoformat()}",
            f"registers = [{registers}]",
        )
        yield _at(first, 1 + chance.randrange(3_600)), 0, event


def _steady(chance: Random) -> Iterator[_Event]:
    yield from _prices(chance)
    yield from _calendars()
    yield (
        _at(DEFERRED_FROM - timedelta(days=1), 43_200),
        0,
        (
            'do = "deferral"',
            'id = "moratorium-2028"',
            f"from = {_at(DEFERRED_FROM).isoformat()}",
            f"until = {_at(DEFERRED_UNTIL).isoformat()}",
        ),
    )
    refunded = 0
    for paid_back in (date(2028, 2, 29), date(2028, 8, 16), date(2028, 12, 5)):
        refunded += chance.randrange(100, 900)
        yield _at(paid_back, 50_000), 0, ('do = "refund"', f'eur = "{euro(refunded)}"')
    for given, begins, mode in (
        (date(2028, 8, 28), date(2028, 9, 1), "credit"),
        (date(2028, 10, 9), date(2028, 10, 15), "prepaid"),
    ):
        event = ('do = "parameters"', f'mode = "{mode}"', f"from = {_at(begins).isoformat()}")
        yield _at(given, 36_000), 0, event


def _calendars() -> Iterator[_Event]:
    """A calendar reaches 31 days ahead at most; each comes some days before the last one ends."""
    for day in (FIRST + timedelta(days=number) for number in range(0, DAYS, 28)):
        event = (
            'do = "cut_calendar"',
            'rule = "mon-thu 09:00-15:00"',
            'zone = "Europe/Brussels"',
            'holidays = "none"',
            f"until = {_at(day + timedelta(days=30)).isoformat()}",
        )
        yield _at(day, 7_200), 1, event


def _debts(chance: Random, first_cents: int, settled_cents: int) -> Iterator[_Event]:
    """A debt; later what the moratorium has delivered is added to it: a debt is told as its running total."""
    terms = (
        (date(2028, 1, 20), first_cents, chance.choice([150, 333, 350]), chance.randrange(3, 9), 20),
        (SETTLED_ON, first_cents + settled_cents, 400, 12, 30),
    )
    for day, cents, share, cap, period_cap in terms:
        event = (
            'do = "debt"',
            f'eur = "{euro(cents)}"',
            f"share_permille = {share}",
            f'payment_cap_eur = "{cap}.50"',
            f'period_cap_eur = "{period_cap}.00"',
        )
        yield _at(day, 36_000), 0, event


def euro(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _loads(chance: Random) -> Iterator[_Event]:
    for day in (FIRST + timedelta(days=number) for number in range(DAYS)):
        # The days on which clocks are changed have 23 and 25 hours.
        hours = int((_at(day + timedelta(days=1)).timestamp() - _at(day).timestamp()) // 3_600)
        for second in sorted(chance.sample(range(1, hours * 3_600), chance.choice([1, 2, 4]))):
            load_w = chance.choice([0, 60, 180, 350, 900, 2_300])
            yield _at(day, second), 2, ('do = "set_load"', f"load_w = {load_w}")


def _payments(chance: Random) -> Iterator[_Event]:
    number, day = 0, FIRST + timedelta(days=2)
    while day <= LAST:
        cents = chance.randrange(500, 4_000)
        event = ('do = "top_up"', f'id = "p{number}"', f'eur = "{euro(cents)}"')
        yield _at(day, chance.randrange(3_600, 80_000)), 3, event
        number, day = number + 1, day + timedelta(days=chance.choice([2, 4, 7, 7, 12]))
