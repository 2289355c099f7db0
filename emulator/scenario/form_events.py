"""`[[events]]` of a scenario file: what happens to which meters, and when (design §9).

Each `do` has a function that reads its arguments. `delivery` turns them into inputs of a firmware.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from emulator.firmware.events import ButtonName, DocumentChannel
from emulator.forms.fields import Fields, instants_allowed
from emulator.forms.problems import perhaps, shown
from emulator.scenario.form_cards import read_card_in, read_kiosk
from emulator.scenario.form_doubts import doubt_names, doubt_nights
from emulator.scenario.form_meters import Firmware, Population, read_addressed
from emulator.scenario.form_money import read_debt, read_deferral, read_parameters, read_tariff
from emulator.scenario.form_payments import Payments
from emulator.scenario.form_span import ScenarioSpan
from emulator.scenario.model import (
    CancelCutSpec,
    CardOutSpec,
    CutCalendarSpec,
    Do,
    EmergencyCreditSpec,
    EventSpec,
    FlagSpec,
    HoldSpec,
    IssuersSpec,
    KioskSpec,
    LiftHoldSpec,
    OvercurrentSpec,
    PressSpec,
    ProgrammedCutSpec,
    RebaseSpec,
    RefundSpec,
    ReleaseSpec,
    RtcLostSpec,
    SetClockSpec,
    SetLoadSpec,
    SetMainsSpec,
    ShortenHoldSpec,
    TopUpSpec,
    WitnessSpec,
)
from protocols.cutting.cut_calendar import compile_windows
from protocols.instants import DAY_MS, SECOND_MS, iso_from_ms
from protocols.limits import (
    BALANCE_EUR_MAX,
    CLAIM_SPREAD_MS_MAX,
    CLAIM_SPREAD_MS_MIN,
    INSTANT_MS_MAX,
    INSTANT_MS_MIN,
    LEASE_MS_MAX,
    LOAD_W_MAX,
    OBJECTS_MAX,
    RELEASE_HOURS,
    REV_MAX,
    SCENARIO_EVENTS_MAX,
    WINDOWS_MAX,
)
from protocols.reasons import FlagName, Source
from protocols.spans import Window

# In the order of design §9, in which messages list them.
SOURCES: Final = (Source.HEADEND, Source.TIMESERVER, Source.CARD, Source.TECHNICIAN)
# 0 signatures is a case worth playing; the keyring has three people for each role.
SIGNATURES_MAX: Final = 3

_SPAN_S = (INSTANT_MS_MAX - INSTANT_MS_MIN) // SECOND_MS


@dataclass(frozen=True, slots=True)
class EventContext:
    """What an event's arguments are checked against; `at_ms` None if the file's own is wrong."""

    at_ms: int | None
    firmwares: frozenset[Firmware]


# What happens without a signature. In a file with a home nobody can sign: its people's keys are their own.
UNSIGNED: Final = (
    *("set_clock", "rtc_lost", "mains_off", "mains_on", "button", "set_load", "overcurrent"),
    *("card_in", "card_out"),
)


def read_events(
    top: Fields, population: Population, span: ScenarioSpan, *, with_home: bool = False
) -> tuple[EventSpec, ...]:
    """Every event, sorted by `at`; at equal instants in the order of the file."""
    payments = Payments(population)
    events: list[tuple[Fields, EventSpec]] = []
    for index, given in enumerate(top.tables("events", SCENARIO_EVENTS_MAX)):
        at_ms = span.read_at(given)
        meters = read_addressed(given, population)
        do = _read_do(given, EventContext(at_ms, population.firmwares_of(meters)))
        if with_home and do is not None and given.value("do") not in UNSIGNED:
            given.refuse("do", shown(given.value("do")), f"with scenario.home: {', '.join(UNSIGNED)}")
        if isinstance(do, TopUpSpec) or (isinstance(do, KioskSpec) and do.act == "topup"):
            payments.check(given, do, meters)
        if at_ms is not None and do is not None:
            events.append((given, EventSpec(at_ms, index, meters, do)))
    doubt_names(events)
    return tuple(sorted((event for _, event in events), key=lambda event: event.at_ms))


def _read_do(given: Fields, context: EventContext) -> Do | None:
    name = given.value("do")
    reader = READERS.get(name) if isinstance(name, str) else None
    if reader is None:
        found = shown(name) if given.has("do") else "missing"
        given.refuse("do", found, ", ".join(READERS) + perhaps(name, READERS))
        return None
    do = reader(given, context)
    given.finish()
    return do


def _read_claim(given: Fields, context: EventContext) -> tuple[int | None, int | None]:
    """`offset_s` or `time`, in ms: exactly one of them, and the date that it claims is within the limits."""
    if not given.either("offset_s", "time"):
        return None, None
    if given.has("time"):
        return None, given.instant_ms("time")
    offset_ms = given.integer("offset_s", -_SPAN_S, _SPAN_S) * SECOND_MS
    if (
        context.at_ms is not None
        and given.right("offset_s")
        and not INSTANT_MS_MIN <= context.at_ms + offset_ms <= INSTANT_MS_MAX
    ):
        given.refuse("offset_s", f"{offset_ms // SECOND_MS} from at", instants_allowed())
    return offset_ms, None


def _witness(given: Fields, context: EventContext) -> WitnessSpec:
    source = given.one_of("source", SOURCES)
    offset_ms, time_ms = _read_claim(given, context)
    return WitnessSpec(
        source=source,
        offset_ms=offset_ms,
        time_ms=time_ms,
        fresh=given.boolean("fresh", default=True),
        spread_ms=SECOND_MS
        * given.integer("spread_s", CLAIM_SPREAD_MS_MIN // SECOND_MS, CLAIM_SPREAD_MS_MAX // SECOND_MS, 1),
    )


def _set_clock(given: Fields, context: EventContext) -> SetClockSpec:
    return SetClockSpec(*_read_claim(given, context))


def _hold(given: Fields, _context: EventContext) -> HoldSpec:
    hold = HoldSpec(
        id=given.identifier("id"),
        from_ms=given.instant_ms("from"),
        until_ms=given.instant_ms("until"),
        signatures=_signatures(given, 1),
    )
    if given.right("from", "until") and hold.until_ms <= hold.from_ms:
        given.refuse("until", iso_from_ms(hold.until_ms), f"after from, {iso_from_ms(hold.from_ms)}")
    return hold


def _release(given: Fields, context: EventContext) -> ReleaseSpec:
    """A release; with `until` a dated one, which may come after its end too."""
    hours = given.one_of("hours", RELEASE_HOURS, 72)
    if not given.has("until"):
        return ReleaseSpec(hours)
    until_ms, at_ms = given.instant_ms("until"), context.at_ms
    if given.right("until") and at_ms is not None and abs(until_ms - at_ms) > 400 * DAY_MS:
        given.refuse("until", iso_from_ms(until_ms), "an instant at most 400 days before or after at")
    return ReleaseSpec(hours, until_ms)


def _lift_hold(given: Fields, _context: EventContext) -> LiftHoldSpec:
    return LiftHoldSpec(id=given.identifier("id"), signatures=_signatures(given, 2))


def _shorten_hold(given: Fields, _context: EventContext) -> ShortenHoldSpec:
    return ShortenHoldSpec(
        id=given.identifier("id"), until_ms=given.instant_ms("until"), signatures=_signatures(given, 2)
    )


def _signatures(given: Fields, default: int) -> int:
    return given.integer("signatures", 0, SIGNATURES_MAX, default)


def _cut_calendar(given: Fields, context: EventContext) -> CutCalendarSpec:
    rule = given.rule("rule")
    doubt_nights(given, "rule", rule)
    zone = given.zone("zone")
    holidays = given.holidays("holidays")
    until_ms = given.instant_ms("until")
    names = given.identifiers("names", OBJECTS_MAX)
    if context.at_ms is not None and given.right("until"):
        _check_until(given, context.at_ms, until_ms)
    windows: tuple[Window, ...] = ()
    if context.at_ms is not None and given.right("rule", "zone", "holidays", "until"):
        windows = compile_windows(rule, zone, holidays, context.at_ms, until_ms)
        if len(windows) > WINDOWS_MAX:
            found = f"{len(windows)} windows until {iso_from_ms(until_ms)}"
            given.refuse("rule", found, f"at most {WINDOWS_MAX}")
    return CutCalendarSpec(rule.text, zone, holidays, until_ms, windows, names)


def _check_until(given: Fields, at_ms: int, until_ms: int) -> None:
    last_ms = at_ms + LEASE_MS_MAX
    if not at_ms < until_ms <= last_ms:
        allowed = f"after at and at most {LEASE_MS_MAX // DAY_MS} days ahead of it, to {iso_from_ms(last_ms)}"
        given.refuse("until", iso_from_ms(until_ms), allowed)


def _programmed_cut(given: Fields, context: EventContext) -> ProgrammedCutSpec:
    """`time` for the legacy meters addressed, the interval for the guarded ones, all three for both."""
    cut = ProgrammedCutSpec(
        id=given.identifier("id"),
        time_ms=_instant_for("legacy-2020", given, "time", context),
        not_before_ms=_instant_for("guarded", given, "not_before", context),
        not_after_ms=_instant_for("guarded", given, "not_after", context),
    )
    if given.has("not_before") != given.has("not_after") and "guarded" not in context.firmwares:
        given.refuse("not_before", "one end of an interval", "not_before and not_after, or neither")
    if (
        cut.not_before_ms is not None
        and cut.not_after_ms is not None
        and given.right("not_before", "not_after")
        and cut.not_after_ms <= cut.not_before_ms
    ):
        allowed = f"after not_before, {iso_from_ms(cut.not_before_ms)}"
        given.refuse("not_after", iso_from_ms(cut.not_after_ms), allowed)
    return cut


def _instant_for(firmware: Firmware, given: Fields, key: str, context: EventContext) -> int | None:
    """An instant that is required if a meter of this firmware is addressed, and optional otherwise."""
    if given.has(key):
        return given.instant_ms(key)
    if firmware in context.firmwares:
        given.refuse(key, "missing", f"an instant, since {firmware} meters are addressed")
    return None


def _cancel_cut(given: Fields, _context: EventContext) -> CancelCutSpec:
    return CancelCutSpec(id=given.identifier("id"))


def _top_up(given: Fields, _context: EventContext) -> TopUpSpec:
    top_up = TopUpSpec(
        id=given.identifier("id"),
        amount_ueur=given.ueur("eur", 0, BALANCE_EUR_MAX),
        channel=given.one_of("channel", tuple(DocumentChannel), DocumentChannel.MQTT),
        countersigned=given.boolean("countersigned", default=False),
    )
    if given.right("eur") and top_up.amount_ueur <= 0:
        given.refuse("eur", shown(given.value("eur")), "an amount above 0")
    return top_up


def _issuers(given: Fields, _context: EventContext) -> IssuersSpec:
    issuers = IssuersSpec(
        epoch=given.integer("epoch", 1, REV_MAX, 1),
        allowance_ueur_per_day=given.ueur("eur_per_day", 0, BALANCE_EUR_MAX),
        signatures=_signatures(given, 2),
    )
    if given.right("eur_per_day") and issuers.allowance_ueur_per_day <= 0:
        given.refuse("eur_per_day", shown(given.value("eur_per_day")), "an amount above 0")
    return issuers


def _flag(given: Fields, _context: EventContext) -> FlagSpec:
    return FlagSpec(name=given.one_of("name", tuple(FlagName)), value=given.boolean("value"))


READERS: Final[Mapping[str, Callable[[Fields, EventContext], Do]]] = {
    "witness": _witness,
    "set_clock": _set_clock,
    "rtc_lost": lambda _given, _context: RtcLostSpec(),
    "mains_off": lambda _given, _context: SetMainsSpec(on=False),
    "mains_on": lambda _given, _context: SetMainsSpec(on=True),
    "hold": _hold,
    "lift_hold": _lift_hold,
    "shorten_hold": _shorten_hold,
    "cut_calendar": _cut_calendar,
    "programmed_cut": _programmed_cut,
    "cancel_cut": _cancel_cut,
    "top_up": _top_up,
    "issuers": _issuers,
    "tariff": lambda given, context: read_tariff(given, context.at_ms),
    "deferral": lambda given, context: read_deferral(given, context.at_ms),
    "debt": lambda given, _context: read_debt(given),
    "refund": lambda given, _context: RefundSpec(given.ueur("eur", 0, BALANCE_EUR_MAX)),
    "parameters": lambda given, context: read_parameters(given, context.at_ms),
    "release": _release,
    "emergency_credit": lambda _given, _context: EmergencyCreditSpec(),
    "rebase": lambda _given, _context: RebaseSpec(),
    "button": lambda given, _context: PressSpec(given.one_of("name", tuple(ButtonName))),
    "flag": _flag,
    "set_load": lambda given, _context: SetLoadSpec(given.integer("load_w", 0, LOAD_W_MAX)),
    "overcurrent": lambda _given, _context: OvercurrentSpec(),
    "card_in": lambda given, _context: read_card_in(given),
    "card_out": lambda _given, _context: CardOutSpec(),
    "kiosk": lambda given, _context: read_kiosk(given),
}
