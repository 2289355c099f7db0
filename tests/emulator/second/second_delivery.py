"""What a scenario's events do to the second meter: its own reading of roles, dates and revisions (§5, §9)."""

from collections.abc import Iterable, Iterator

from emulator.firmware.effects import Effect
from emulator.firmware.ticks import Tick
from emulator.scenario.cards import SlotContact
from emulator.scenario.keyring import Keyring
from emulator.scenario.model import (
    CancelCutSpec,
    CardInSpec,
    CutCalendarSpec,
    DebtSpec,
    DeferralSpec,
    Do,
    EmergencyCreditSpec,
    FlagSpec,
    HoldSpec,
    LiftHoldSpec,
    MeterSpec,
    ParametersSpec,
    ProgrammedCutSpec,
    RebaseSpec,
    RefundSpec,
    ReleaseSpec,
    Scenario,
    SetClockSpec,
    ShortenHoldSpec,
    TariffSpec,
    TopUpSpec,
    WitnessSpec,
)
from protocols.instants import DAY_MS, SECOND_MS, UtcMs
from protocols.reasons import ClockStatus, SupplyReason
from protocols.spans import Span
from tests.emulator.second.second_clock import NEVER_MS
from tests.emulator.second.second_memory import Object, Ordered, joined
from tests.emulator.second.second_meter import SecondMeter

# As the runner of scenarios dates its documents (decision record 0006).
_BACKDATED_MS = DAY_MS
_HARM_MS = 28 * DAY_MS
_PEOPLE_WHO_HARM = 2


class SecondDelivery:
    """Delivers to one meter. It counts revisions, and what leases name, as the runner does."""

    def __init__(self, meter: SecondMeter) -> None:
        self._meter = meter
        self._revs: dict[str, int] = {}
        self._calendars = 0
        self._total_ueur = 0
        self._credited_ueur = 0
        self._totals_ueur: dict[str, int] = {}

    def deliver(self, do: Do, at_ms: UtcMs, tick: Tick) -> Iterator[Effect]:
        self._meter.arrive(tick)
        self._document(do, at_ms)
        yield from self._meter.said()

    def put_in(self, do: CardInSpec, at_ms: UtcMs) -> SlotContact:
        raise AssertionError((do, at_ms))  # the second meter has no slot

    def hear(self, effects: Iterable[Effect]) -> None:
        raise AssertionError(effects)

    def _document(self, do: Do, at_ms: int) -> None:
        match do:
            case WitnessSpec():
                self._witness(do, at_ms)
            case RebaseSpec():
                if self._meter.clock.status is ClockStatus.DISPUTED:
                    self._meter.lose_ticks()
            case HoldSpec() | LiftHoldSpec() | ShortenHoldSpec() | FlagSpec():
                self._protection(do, at_ms)
                self._meter.judge_again()
            case CutCalendarSpec():
                self._calendar(do, at_ms)
            case ProgrammedCutSpec():
                self._cut(do)
            case CancelCutSpec():
                self._cancel(do)
            case ReleaseSpec():
                self._release(do)
            case TopUpSpec() | TariffSpec() | DeferralSpec() | DebtSpec() | RefundSpec() | ParametersSpec():
                self._money(do, at_ms)
            case EmergencyCreditSpec():
                self._meter.start_emergency_credit()
            case SetClockSpec():
                pass  # an unsigned date is logged, and no more
            case _:
                raise AssertionError(do)

    def _release(self, do: ReleaseSpec) -> None:
        """A dated one is refused after its end by whoever trusts a clock that is sure of it."""
        sure = self._meter.clock.status is ClockStatus.TRUSTED
        if do.until_ms is None or not sure or self._meter.interval_ms()[0] < do.until_ms:
            self._meter.release(do.hours)

    def _witness(self, do: WitnessSpec, at_ms: int) -> None:
        meter, clock = self._meter, self._meter.clock
        before = clock.status
        said_ms = at_ms + (do.offset_ms or 0) if do.time_ms is None else do.time_ms
        clock.hear(do.source, said_ms, do.spread_ms, meter.tick, fresh=do.fresh)
        if clock.status is ClockStatus.DISPUTED and before is not ClockStatus.DISPUTED:
            meter.begin_dispute()
        if clock.status is ClockStatus.TRUSTED and before is ClockStatus.LOST:
            meter.regain_clock()

    def _protection(self, do: HoldSpec | LiftHoldSpec | ShortenHoldSpec | FlagSpec, at_ms: int) -> None:
        memory = self._meter.memory
        if isinstance(do, FlagSpec):
            flag, rev = memory.flags.setdefault(do.name, Object()), self._next(f"flag/{do.name}")
            if do.value:
                flag.protect(rev, Span(at_ms, NEVER_MS))
            elif self._takes_harm(at_ms):
                flag.lower(rev, None)
            return
        hold, rev = memory.holds.setdefault(do.id, Object()), self._next(f"hold/{do.id}")
        if isinstance(do, HoldSpec):
            hold.protect(rev, Span(do.from_ms, do.until_ms))
        elif do.signatures >= _PEOPLE_WHO_HARM and self._takes_harm(at_ms):
            hold.lower(rev, None if isinstance(do, LiftHoldSpec) else _shortened(do, hold, at_ms))

    def _calendar(self, do: CutCalendarSpec, at_ms: int) -> None:
        """The calendar is harm. Its lease is judged by what is certain, and names all that was accepted."""
        self._calendars += 1
        memory, (low_ms, high_ms) = self._meter.memory, self._meter.interval_ms()
        if self._takes_harm(at_ms, do.until_ms):
            memory.calendar = (self._calendars, joined(do.windows))
        if low_ms < do.until_ms and high_ms >= at_ms - _BACKDATED_MS:
            missing = tuple((name, self._revs.get(f"hold/{name}", 0) + 1) for name in do.names)
            memory.lease = (self._calendars, do.until_ms, missing)

    def _cut(self, do: ProgrammedCutSpec) -> None:
        """A cut order may come long before its interval; each revision has a whole warning of its own."""
        meter, name = self._meter, f"cut/{do.id}"
        assert do.not_before_ms is not None, do
        assert do.not_after_ms is not None, do
        ends_late = meter.interval_ms()[1] < do.not_after_ms
        if meter.clock.status is not ClockStatus.TRUSTED or not ends_late or name in meter.memory.tombstones:
            return
        meter.memory.orders[name] = Ordered(do.not_before_ms, do.not_after_ms)
        meter.warned.pop(name, None)

    def _cancel(self, do: CancelCutSpec) -> None:
        meter, name = self._meter, f"cut/{do.id}"
        meter.memory.tombstones.add(name)
        meter.memory.orders.pop(name, None)
        if meter.cut_for == name:
            meter.restore(SupplyReason.CUT_ORDER)

    def _money(
        self, do: TopUpSpec | TariffSpec | DeferralSpec | DebtSpec | RefundSpec | ParametersSpec, at_ms: int
    ) -> None:
        """All but payments is harm. A debt that is lowered may give credit back, and so supply."""
        meter = self._meter
        version = self._next("parameters") if isinstance(do, ParametersSpec) else 0
        if isinstance(do, TopUpSpec):
            self._pay(do)
        elif self._takes_harm(at_ms):
            match do:
                case TariffSpec():
                    meter.purse.tariff = do
                    meter.purse.look(meter.clock.estimate_ms(meter.tick))
                case DeferralSpec():
                    meter.purse.deferrals[do.id] = do
                case DebtSpec():
                    meter.purse.set_debt(do, meter.tick)
                    meter.restore_credit(SupplyReason.TOP_UP)
                case RefundSpec():
                    meter.purse.refund(do.total_ueur)
                case ParametersSpec():
                    meter.purse.store_mode(version, do.from_ms, do.mode, do.back_to)

    def _pay(self, do: TopUpSpec) -> None:
        if do.id not in self._totals_ueur:
            self._total_ueur += do.amount_ueur
            self._totals_ueur[do.id] = self._total_ueur
        more_ueur = self._totals_ueur[do.id] - self._credited_ueur
        if more_ueur > 0:
            self._credited_ueur += more_ueur
            self._meter.purse.pay(more_ueur, self._meter.tick)
            self._meter.restore_credit(SupplyReason.TOP_UP)

    def _takes_harm(self, at_ms: int, until_ms: int | None = None) -> bool:
        """Harm is taken by a trusted clock alone, and only if it is good at every instant."""
        low_ms, high_ms = self._meter.interval_ms()
        ends_ms = at_ms + _HARM_MS if until_ms is None else until_ms
        trusted = self._meter.clock.status is ClockStatus.TRUSTED
        return trusted and at_ms - _BACKDATED_MS <= low_ms and high_ms < ends_ms

    def _next(self, name: str) -> int:
        self._revs[name] = self._revs.get(name, 0) + 1
        return self._revs[name]


def _shortened(do: ShortenHoldSpec, hold: Object, at_ms: int) -> Span:
    """The new interval begins where the hold began, and is never empty."""
    span = hold.in_force()
    from_ms = at_ms if span is None else span.from_ms
    return Span(min(from_ms, do.until_ms - SECOND_MS), do.until_ms)


def commission_second(
    spec: MeterSpec, scenario: Scenario, keyring: Keyring, load_w: int
) -> tuple[SecondMeter, SecondDelivery]:
    """A second meter in the place of the firmware's, for `player.play`."""
    del keyring
    meter = SecondMeter(spec, scenario, load_w)
    return meter, SecondDelivery(meter)
