"""Random scenarios from a seed: short warnings, many windows, witnesses that lie, people and faults."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random  # noqa: TID251 # seeded: the same seed is the same scenario
from typing import Final

from emulator.firmware.events import ButtonName, DocumentChannel
from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from emulator.population.shipped import shipped_profiles
from emulator.scenario.model import (
    CancelCutSpec,
    CutCalendarSpec,
    DebtSpec,
    DeferralSpec,
    Do,
    EmergencyCreditSpec,
    EventSpec,
    FlagSpec,
    HoldSpec,
    LiftHoldSpec,
    MeterSpec,
    OvercurrentSpec,
    ParametersSpec,
    PressSpec,
    ProgrammedCutSpec,
    RebaseSpec,
    RefundSpec,
    ReleaseSpec,
    RtcLostSpec,
    Scenario,
    SetLoadSpec,
    SetMainsSpec,
    ShortenHoldSpec,
    TariffSpec,
    TopUpSpec,
    WitnessSpec,
)
from protocols.documents.bodies import RegisterPrice, Switch
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.limits import DEBT_UEUR_MAX
from protocols.reasons import Energy, FlagName, PaymentMode, Source
from protocols.spans import Window
from protocols.units import QUANTA_PER_EUR, QUANTA_PER_UEUR

START_MS: Final = 1_593_640_800_000  # 2020-07-02T00:00+02:00
_METER: Final = "m1"
_WINDOWS_MAX: Final = 30
_HOLDS: Final = ("a", "b")
_CUTS: Final = ("p", "q", "r")
_PAID_UEUR: Final = {"t": 500_000, "u": 1_000_000, "v": 5_000_000, "w": 20_000}
_TOTALS_UEUR: Final = (0, 1, 100_000, 900_000, 3_000_000)
_LIES_MS: Final = (0, 0, 0, 500, -500, 3_000, -20_000, DAY_MS, -DAY_MS, 60 * DAY_MS)
_SOURCES: Final = (Source.HEADEND, Source.TIMESERVER, Source.TECHNICIAN, Source.CARD)


def scenario_of(seed: int) -> Scenario:
    """One meter for some hours; the same seed is the same scenario."""
    chance, chance_of_money = Random(seed), Random(f"{seed}/money")
    hours = chance.choice([6, 10, 20])
    meter = replace(_meter(chance), mode=_mode(chance_of_money))
    usual = replace(meter.profile, debt_share_percent=chance_of_money.choice([0, 35, 100]))
    meter = replace(meter, profile=usual)
    drawn: list[tuple[int, Do]] = []
    for _ in range(chance.choice([6, 12, 25, 40])):
        drawn += _event(chance, START_MS + chance.randrange(1, hours * 3_600) * SECOND_MS)
    if chance.random() < 1 / 2:
        for _ in range(3):
            at_ms = START_MS + chance.randrange(1, hours * 3_600 - 1) * SECOND_MS
            drawn += [(at_ms, _witness(Source.HEADEND)), (at_ms + SECOND_MS, _witness(Source.TIMESERVER))]
    if chance_of_money.random() < 1 / 2:
        drawn += _money(chance_of_money, hours)
    end_ms = START_MS + hours * HOUR_MS
    inside = sorted(((at_ms, do) for at_ms, do in drawn if at_ms < end_ms), key=lambda each: each[0])
    events = tuple(
        EventSpec(at_ms, index, (_METER,), do) for index, (at_ms, do) in enumerate(_switched(inside))
    )
    return Scenario(f"seed {seed}", "random", START_MS, end_ms, seed, (meter,), events, ())


def _meter(chance: Random) -> MeterSpec:
    energy = chance.choice([Energy.ELECTRICITY, Energy.GAS])
    return MeterSpec(
        id=_METER,
        firmware="guarded",
        profile=_profile(chance, shipped_profiles()["wallonia-smart"].of(energy)),
        balance_q=chance.choice([0, 100_000, 1_000_000, 3_000_000]) * QUANTA_PER_UEUR,
        load_w=chance.choice([0, 400, 2_000, 5_000]),
        faults=(),
        drift_ppm=chance.choice([0, 0, 20, -50, 50]),
    )


def _money(chance: Random, hours: int) -> list[tuple[int, Do]]:
    """Orders about money, at any second."""
    found: list[tuple[int, Do]] = []
    for _ in range(chance.choice([1, 3, 6])):
        at_ms = START_MS + chance.randrange(0, hours * 3_600) * SECOND_MS
        orders: list[Do] = [
            _tariff(chance, at_ms),
            _debt(chance),
            RefundSpec(chance.choice(_TOTALS_UEUR)),
            _deferral(chance, at_ms),
            _parameters(chance, at_ms),
        ]
        found.append((at_ms + chance.choice([0, 0, 300]), chance.choice(orders)))
    return found


def _debt(chance: Random) -> DebtSpec:
    """Shares that leave a rest, and caps below and above what is paid."""
    return DebtSpec(
        total_ueur=chance.choice(_TOTALS_UEUR),
        share_permille=chance.choice([0, 333, None, 1_000]),
        payment_cap_ueur=chance.choice([10_001, 400_000, DEBT_UEUR_MAX]),
        period_cap_ueur=chance.choice([0, 150_000, DEBT_UEUR_MAX]),
        period_days=chance.choice([1, 7]),
    )


def _deferral(chance: Random, at_ms: int) -> DeferralSpec:
    from_ms = at_ms + chance.choice([-60, 0, 1, 30]) * MINUTE_MS + chance.choice([0, 1, 999])
    return DeferralSpec(chance.choice(["d", "e"]), from_ms, from_ms + chance.choice([1, 30, 180]) * MINUTE_MS)


def _parameters(chance: Random, at_ms: int) -> ParametersSpec:
    """Dated before, now and later; back to versions that are there, and to ones that are not."""
    from_ms = at_ms + chance.choice([-60, 0, 0, 1, 61, 300]) * MINUTE_MS
    if chance.random() < 1 / 3:
        return ParametersSpec(from_ms, None, chance.choice([0, 0, 1, 2, 9]))
    return ParametersSpec(from_ms, chance.choice([*PaymentMode, None]), None)


def _tariff(chance: Random, at_ms: int) -> TariffSpec:
    """Switches some minutes apart, also ones that are past, and of a day that is not this one."""
    prices = [(250_000, 0), (2_000_000, 0), (0, 300_000), (1_000_000, 7)]
    registers = tuple(
        RegisterPrice(f"1-0:1.8.{place}", *chance.choice(prices)) for place in range(1, chance.choice([2, 3]))
    )
    edge_ms = at_ms + chance.choice([-120, -5, 0, 30, 24 * 60]) * MINUTE_MS
    switches: list[Switch] = []
    for _ in range(chance.choice([0, 1, 5, 20]) if registers else 0):
        switches.append(Switch(edge_ms, chance.randrange(len(registers) + 1)))
        edge_ms += chance.choice([1, 999, 1_000, 61_000, 20 * MINUTE_MS, 3 * HOUR_MS])
    return TariffSpec(*chance.choice(prices), registers, tuple(switches))


def _mode(chance: Random) -> PaymentMode:
    return PaymentMode.CREDIT if chance.random() < 1 / 10 else PaymentMode.PREPAID


def _profile(chance: Random, shipped: Profile) -> Profile:
    return replace(
        shipped,
        spread_max_s=0,
        warning_s=chance.choice([60, 300, 600, 3_600]),
        emergency_start=chance.choice(list(EmergencyStart)),
        reconnect=chance.choice([Reconnect.CLOSE, Reconnect.CLOSE, Reconnect.ARM]),
        emergency_credit_q=chance.choice([0, 1, 5]) * QUANTA_PER_EUR,
        price_ueur_per_kwh=chance.choice([250_000, 2_000_000]),
        fixed_ueur_per_day=chance.choice([0, 300_000]),
        crystal_ppm=chance.choice([50, 200]),
        limiter_w=chance.choice([0, 2_300]),
    )


def _event(chance: Random, at_ms: int) -> list[tuple[int, Do]]:
    draw = chance.choice(_DRAWS)
    return [(at_ms + later_ms, do) for later_ms, do in draw(chance, at_ms)]


_Drawn = Iterator[tuple[int, Do]]


def _calendar(chance: Random, at_ms: int) -> _Drawn:
    until_ms = at_ms + chance.choice([2, 6, 30]) * HOUR_MS
    windows: list[Window] = []
    edge_ms = at_ms
    while edge_ms < until_ms and len(windows) < _WINDOWS_MAX:
        start_ms = edge_ms + chance.choice([0, 0, 10, 30]) * MINUTE_MS
        end_ms = min(start_ms + chance.choice([5, 60, 240, 600]) * MINUTE_MS, until_ms)
        if start_ms < end_ms:
            windows.append(Window(start_ms, end_ms))
        edge_ms = end_ms + chance.choice([1, 20]) * MINUTE_MS
    names = (chance.choice(_HOLDS),) if chance.random() < 1 / 10 else ()
    if windows:
        yield 0, CutCalendarSpec("random", "Europe/Brussels", "none", until_ms, tuple(windows), names)


def _hold(chance: Random, at_ms: int) -> _Drawn:
    from_ms = at_ms + chance.randrange(-60, 120) * MINUTE_MS
    until_ms = from_ms + chance.choice([1, 30, 120, 600]) * MINUTE_MS
    yield 0, HoldSpec(chance.choice(_HOLDS), from_ms, until_ms, chance.choice([1, 1, 2]))


def _lowered(chance: Random, at_ms: int) -> _Drawn:
    name, signatures = chance.choice(_HOLDS), chance.choice([2, 2, 1])
    if chance.random() < 1 / 2:
        yield 0, LiftHoldSpec(name, signatures)
    else:
        yield 0, ShortenHoldSpec(name, at_ms + chance.randrange(-30, 120) * MINUTE_MS, signatures)


def _cut(chance: Random, at_ms: int) -> _Drawn:
    from_ms = at_ms + chance.randrange(-60, 180) * MINUTE_MS
    until_ms = from_ms + chance.choice([10, 60, 240]) * MINUTE_MS
    yield 0, ProgrammedCutSpec(chance.choice(_CUTS), None, from_ms, until_ms)


def _paid(chance: Random, _at_ms: int) -> _Drawn:
    name = chance.choice(list(_PAID_UEUR))
    yield 0, TopUpSpec(name, _PAID_UEUR[name], DocumentChannel.MQTT)


def _heard(chance: Random, _at_ms: int) -> _Drawn:
    spread_ms = chance.choice([1_000, 1_000, 5_000])
    fresh = chance.random() < 4 / 5
    yield 0, WitnessSpec(chance.choice(_SOURCES), chance.choice(_LIES_MS), None, fresh, spread_ms)


def _dark(chance: Random, _at_ms: int) -> _Drawn:
    yield 0, SetMainsSpec(False)
    yield chance.randrange(1, 90) * MINUTE_MS, SetMainsSpec(True)


def _other(chance: Random, at_ms: int) -> _Drawn:
    found: list[Do] = [
        FlagSpec(chance.choice(list(FlagName)), chance.random() < 3 / 5),
        ReleaseSpec(chance.choice([24, 48])),
        ReleaseSpec(24, at_ms + chance.randrange(-120, 120) * MINUTE_MS),
        CancelCutSpec(chance.choice(_CUTS)),
        EmergencyCreditSpec(),
        RtcLostSpec(),
        RebaseSpec(),
        SetLoadSpec(chance.choice([0, 300, 3_000])),
        OvercurrentSpec(),
        *(PressSpec(each) for each in ButtonName),
    ]
    yield 0, chance.choice(found)


_DRAWS: Final[tuple[Callable[[Random, int], _Drawn], ...]] = (
    *(_calendar, _calendar, _calendar, _hold, _lowered, _cut, _cut, _cut, _paid, _paid),
    *(_heard, _heard, _heard, _dark, _other, _other, _other, _other, _other, _other, _other),
)


def _witness(source: Source) -> WitnessSpec:
    return WitnessSpec(source, 0, None, True, 1_000)


def _switched(drawn: list[tuple[int, Do]]) -> Iterator[tuple[int, Do]]:
    """The mains go off only where they are on, and on where they are off."""
    on = True
    for at_ms, do in drawn:
        if isinstance(do, SetMainsSpec):
            if do.on == on:
                continue
            on = do.on
        yield at_ms, do
