"""Guarded meters that hold a fleet's documents, and the lives that the benchmarks play on them.

A life is a list of inputs at ticks: changes of load, and a button now and then. Every variant plays the same
life. Everything follows from a seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from typing import Final

from emulator.firmware.events import Button, ButtonName, Document, Event, SetLoad
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.profile import Profile
from emulator.firmware.ticks import Tick
from emulator.population.shipped import shipped_profiles
from emulator.scenario.keyring import Keyring
from emulator.world.loads import QUARTER_MS
from protocols.cutting.cut_calendar import compile_windows
from protocols.cutting.rules import parse_rule
from protocols.documents.bodies import Body, CutCalendarBody, HoldBody, LeaseBody, Named
from protocols.documents.issuers import Issuer, Issuers
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, Scope, digest_of, make_body
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS, ms_from_iso
from protocols.units import QUANTA_PER_EUR, UEUR_PER_EUR

SEED: Final = 1
START_MS: Final = ms_from_iso("2020-06-29T00:00:00+02:00")
# A lease lives 31 days at most. Lives are as long, so that none needs a renewal.
DAYS: Final = 28
ZONE: Final = "Europe/Brussels"
RULE: Final = "mon-thu 10:00-15:00"
HOLIDAYS: Final = "BE"
# How long a calendar of a season reaches.
_SEASON_DAYS: Final = 180
_GROUPS: Final[frozenset[str]] = frozenset()
_BALANCE_CENT_MIN, _BALANCE_CENT_MAX = 5_00, 160_00
_LOAD_W_MAX: Final = 1_000
# One in these weeks, one before them.
HOLDS_MS: Final = (
    (START_MS + 8 * DAY_MS, START_MS + 10 * DAY_MS),
    (START_MS - 30 * DAY_MS, START_MS - 20 * DAY_MS),
)


@dataclass(frozen=True, slots=True)
class Life:
    """What happens to one meter: inputs in order of their ticks, which count from `START_MS`."""

    meter: str
    balance_q: int
    load_w: int
    inputs: tuple[tuple[int, Event], ...]


@cache
def keyring() -> Keyring:
    """Everybody's keys; they are valid for longer than any life."""
    return Keyring(SEED, START_MS + _SEASON_DAYS * DAY_MS)


@cache
def profile() -> Profile:
    """The communicating meter of Wallonia, for electricity."""
    return replace(shipped_profiles()["wallonia-smart"].electricity, name="benchmark")


@cache
def issuers() -> Issuers:
    """The one issuer of the fleet's payments, as `relance init` names it."""
    public = keyring().issuer(1).public.hex()
    named = Issuer(name="controller", epoch=1, public=public, allowance_ueur_per_day=500 * UEUR_PER_EUR)
    return Issuers(version=1, issuers=(named,))


@cache
def documents() -> tuple[bytes, ...]:
    """A season's calendar by two people, two holds, and the lease that names them, for the whole fleet."""
    windows = compile_windows(parse_rule(RULE), ZONE, HOLIDAYS, START_MS, START_MS + _SEASON_DAYS * DAY_MS)
    calendar = FLEET.order(Kind.CUT_CALENDAR, "calendar/season", CutCalendarBody(windows))
    holds = [
        FLEET.order(Kind.HOLD, name, HoldBody(*hold))
        for name, hold in zip(("hold/summer", "hold/spring"), HOLDS_MS, strict=True)
    ]
    names = tuple(Named(hold.object, 0, (hold.rev,)) for hold in holds)
    lease = FLEET.order(
        Kind.LEASE, "lease/fleet", LeaseBody(calendar.object, calendar.rev, digest_of(calendar), names)
    )
    signed = [keyring().seal_order(calendar, 2), *(keyring().seal_order(hold, 1) for hold in holds)]
    return (*signed, keyring().seal_order(lease, 1))


@dataclass(frozen=True, slots=True)
class WholeFleet:
    """Makes orders to the whole fleet, issued at one instant and valid until another."""

    issued_ms: int
    until_ms: int

    def order(self, kind: Kind, name: str, body: Body, rev: int = 1) -> Order:
        return Order(
            id=f"{kind}-{name.partition('/')[2]}-{rev}",
            kind=kind,
            object=name,
            scope=Scope(fleet=True),
            rev=rev,
            issued_at_ms=self.issued_ms,
            not_before_ms=self.issued_ms - HOUR_MS,
            not_after_ms=self.until_ms,
            basis="benchmark",
            body=make_body(body),
        )


# For as long as a lease may be.
FLEET: Final = WholeFleet(START_MS, START_MS + (DAYS + 1) * DAY_MS)


def lives(meters: int, loads_per_day: int) -> list[Life]:
    """The lives of so many meters; `loads_per_day` 0: the load changes once in four days."""
    return [_life(f"m{number:05d}", loads_per_day) for number in range(meters)]


def identity(life: Life) -> Identity:
    """The name and key of a life's meter."""
    return Identity(life.meter, _GROUPS, blake2b(life.meter.encode(), digest_size=32).digest())


def commission(life: Life, kind: type[GuardedMeter] = GuardedMeter) -> GuardedMeter:
    """A meter that stores the fleet's documents, at tick 0 of its life."""
    meter = kind(
        identity(life),
        profile(),
        keyring().root,
        balance_q=life.balance_q,
        load_w=life.load_w,
        commissioned_ms=START_MS,
        issuers=issuers(),
    )
    for document in documents():
        meter.handle(Document(document), Tick(0))
    return meter


def _life(meter: str, loads_per_day: int) -> Life:
    every_ms = DAY_MS // loads_per_day if loads_per_day else 4 * DAY_MS
    span_cent = _BALANCE_CENT_MAX - _BALANCE_CENT_MIN
    inputs: list[tuple[int, Event]] = [
        (at, SetLoad(_chance(meter, f"load {at}", _LOAD_W_MAX)))
        for at in range(every_ms, DAYS * DAY_MS, every_ms)
    ]
    # Once in these weeks somebody presses the red button, needed or not, and not at a quarter of an hour.
    pressed_at = _chance(meter, "button", DAYS * DAY_MS // SECOND_MS) * SECOND_MS
    inputs.append((pressed_at, Button(ButtonName.RED)))
    return Life(
        meter,
        (_BALANCE_CENT_MIN + _chance(meter, "balance", span_cent)) * QUANTA_PER_EUR // 100,
        _chance(meter, "load 0", _LOAD_W_MAX),
        tuple(sorted(inputs, key=lambda pair: pair[0])),
    )


def _chance(meter: str, what: str, below: int) -> int:
    digest = blake2b(f"{SEED}/{meter}/{what}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % below


# -- the variants -----------------------------------------------------------------------------------


class QuarterMeter(GuardedMeter):
    """The same rules, evaluated every quarter of an hour, even if nothing can happen."""

    __slots__ = ()

    def _next_due(self) -> int:
        return (self.stepped_tick // QUARTER_MS + 1) * QUARTER_MS


def jump(meters: Sequence[GuardedMeter], lived: Sequence[Life]) -> None:
    """Give each meter its inputs, and advance it to the end."""
    for meter, life in zip(meters, lived, strict=True):
        for at, event in life.inputs:
            meter.handle(event, Tick(at))
        meter.advance(Tick(DAYS * DAY_MS))


def tick(meters: Sequence[GuardedMeter], lived: Sequence[Life]) -> None:
    """Advance each meter every quarter of an hour, and give it its inputs in between."""
    for meter, life in zip(meters, lived, strict=True):
        place = 0
        for now in range(QUARTER_MS, DAYS * DAY_MS + 1, QUARTER_MS):
            while place < len(life.inputs) and life.inputs[place][0] <= now:
                at, event = life.inputs[place]
                meter.handle(event, Tick(at))
                place += 1
            meter.advance(Tick(now))
