"""No opening outside a leased window, in a hold, or by a doubted clock: for any life of a household.

Each opening is looked at afterwards, in true time, by a reading of the accepted orders that shares
nothing with the firmware but the documents: lists of them, and plain intervals.
"""

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator.firmware.effects import RecordEmitted, SetSupply
from emulator.firmware.events import Button, ButtonName, Document, MainsOn
from emulator.firmware.guarded.image import decode_image
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.profile import EmergencyStart
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import (
    Body,
    CutCalendarBody,
    CutOrderBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    LiftBody,
)
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.orders import Order, body_of
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.records import ClockChanged, WarningShown
from protocols.reasons import ClockStatus, FlagName, Source, Supply, SupplyReason
from protocols.spans import Window
from tests.emulator.firmware.guarded.programs import Step, balances_q, live, programs, programs_with
from tests.emulator.firmware.guarded.workbench import (
    MONDAY_MS,
    PEOPLE,
    PROFILE,
    Workbench,
    sign,
    trace,
)

QUICK = replace(PROFILE, warning_s=60, spread_max_s=90)
Span = tuple[int, int]


def true_ms(bench: Workbench, tick: int) -> int:
    return bench.began_ms + tick * 1_000_000 // (1_000_000 + bench.drift_ppm)


def openings(bench: Workbench) -> list[SetSupply]:
    taken = (Supply.OFF, Supply.LIMITED)
    own = (SupplyReason.SAFETY, SupplyReason.LEAK)
    return [e for e in bench.effects if isinstance(e, SetSupply) and e.after in taken and e.reason not in own]


def hull(spans: list[Span]) -> Span | None:
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None


def holds_at(accepted: list[Order]) -> list[Span]:
    """Per hold: its last floor and all that was declared after it, as one hull. Flags from their order on."""
    spans = []
    for name in {order.object for order in accepted if order.object.startswith(("hold/", "flag/"))}:
        held: list[Span] = []
        for order in sorted((o for o in accepted if o.object == name), key=lambda o: o.rev):
            if order.kind is Kind.HOLD:
                hold = body_of(order, HoldBody)
                held.append((hold.from_ms, hold.until_ms))
            elif order.kind is Kind.SET_FLAG and name != "flag/protected":
                held.append((order.not_before_ms, MONDAY_MS * 2))
            elif order.kind is Kind.SHORTEN_HOLD:
                floor = body_of(order, HoldFloorBody)
                held = [(floor.from_ms, floor.until_ms)]
            elif order.kind in (Kind.LIFT_HOLD, Kind.CLEAR_FLAG):
                held = []
        whole = hull(held)
        spans += [] if whole is None else [whole]
    return spans


def check_opening(bench: Workbench, opening: SetSupply) -> None:
    now = true_ms(bench, opening.at_tick)
    before = [order for at, order in bench.accepted if at <= now]
    calendars = [order for order in before if order.kind is Kind.CUT_CALENDAR]
    leases = [order for order in before if order.kind is Kind.LEASE]
    assert calendars, "no calendar was ever accepted"
    assert leases, "no lease was ever accepted"
    assert now < leases[-1].not_after_ms
    windows = body_of(calendars[-1], CutCalendarBody).windows
    assert any(start <= now < end for start, end in windows), "outside every window"
    assert not any(start <= now < end for start, end in holds_at(before)), "inside a hold"
    # The hours are the meter's: its crystal may run 50 ppm fast.
    released = [at for at, order in bench.accepted if order.kind is Kind.RELEASE and at <= now]
    assert not any(now < at + DAY_MS * 999 // 1000 for at in released), "inside the hours of a release"
    assert clock_at(bench, opening) is ClockStatus.TRUSTED
    warned = [
        e.at_tick
        for e in bench.effects
        if isinstance(e, RecordEmitted) and isinstance(e.record, WarningShown)
    ]
    assert any(at <= opening.at_tick - bench.profile.warning_s * 1000 for at in warned), "no full warning"


def clock_at(bench: Workbench, opening: SetSupply) -> ClockStatus:
    changes = [e for e in bench.effects[: bench.effects.index(opening)] if isinstance(e, RecordEmitted)]
    seen = [e.record.status for e in changes if isinstance(e.record, ClockChanged)]
    return seen[-1] if seen else ClockStatus.TRUSTED


@settings(max_examples=250)
@given(
    data=st.data(),
    liar=st.sampled_from(Source),
    balance_q=balances_q,
    drift_ppm=st.sampled_from([0, 50, -50]),
    automatic=st.booleans(),
)
def test_no_opening_outside_a_leased_window_in_a_hold_or_by_a_doubted_clock(
    data: st.DataObject, liar: Source, balance_q: int, drift_ppm: int, automatic: bool
) -> None:
    start = EmergencyStart.AUTOMATIC if automatic else EmergencyStart.BUTTON
    bench = Workbench(profile=replace(QUICK, emergency_start=start), balance_q=balance_q, drift_ppm=drift_ppm)
    begin = bench.now_ms + data.draw(st.sampled_from([0, 60_000, 600_000]))
    bench.permit((begin, begin + HOUR_MS), (begin + 2 * HOUR_MS, begin + 3 * HOUR_MS))
    live(bench, data.draw(programs_with(liar)))
    for opening in openings(bench):
        check_opening(bench, opening)


@settings(max_examples=60)
@given(
    syncs_every_s=st.sampled_from([60, 600, 7200]),
    drift_ppm=st.sampled_from([-50, 0, 50]),
    start_s=st.integers(3700, 7200),
    spread_max_s=st.sampled_from([0, 600]),
    by_order=st.booleans(),
)
# An answer at the very tick of a step that has passed, which brings the early end to the edge.
@example(syncs_every_s=60, drift_ppm=0, start_s=7199, spread_max_s=0, by_order=False)
def test_who_must_be_cut_is_cut_in_the_first_window_with_room(
    syncs_every_s: int, drift_ppm: int, start_s: int, spread_max_s: int, by_order: bool
) -> None:
    profile = replace(PROFILE, spread_max_s=spread_max_s)
    bench = Workbench(profile=profile, drift_ppm=drift_ppm, balance_q=10**18 if by_order else 0)
    start = bench.now_ms + start_s * 1000
    bench.permit((start, start + HOUR_MS))
    if by_order:
        bench.give(Kind.CUT_ORDER, "c", CutOrderBody())
    while bench.now_ms < start + HOUR_MS:
        for source in (Source.HEADEND, Source.TIMESERVER):
            bench.witness(source)
        bench.wait(min(syncs_every_s * 1000, start + HOUR_MS - bench.now_ms))
    [opening] = openings(bench)
    # The spread is at most a quarter of the window; the interval is a few seconds wide.
    assert start <= true_ms(bench, opening.at_tick) <= start + min(spread_max_s * 1000, HOUR_MS // 4) + 10_000


@settings(max_examples=100)
@given(balance_q=balances_q, program=programs)
def test_money_is_conserved_to_the_quantum(balance_q: int, program: list[Step]) -> None:
    bench = Workbench(profile=replace(QUICK, fixed_ueur_per_day=86_399), balance_q=balance_q)
    meter = Ledger(bench)
    for wait_ms, name, act in program:
        meter.wait(wait_ms)
        if not name.startswith("tariff"):
            act(bench)
        meter.note_load()
    assert meter.found() == meter.expected()


class Ledger:
    """Counts millisecond by millisecond what should have been charged, in thousandths of a quantum."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.start_q = bench.meter.point.credit.balance_q
        self.energy_before_mj = 0

    def wait(self, ms: int) -> None:
        self.bench.wait(ms)

    def note_load(self) -> None:
        """Energy only ever rises, and no faster than the load."""
        energy_mj = self.bench.meter.point.credit.energy_mj
        assert energy_mj >= self.energy_before_mj
        self.energy_before_mj = energy_mj

    def found(self) -> tuple[int, int]:
        credit = self.bench.meter.point.credit
        used_q = credit.emergency_limit_q - credit.emergency_left_q
        return divmod((credit.balance_q - used_q) * 1000 - credit.carry_mq, 1000)

    def expected(self) -> tuple[int, int]:
        credit = self.bench.meter.point.credit
        paid_q = self.bench.meter.memory.totals.credited_ueur * 10_800_000
        charged_mq = credit.energy_mj * 300_000 * 3 + credit.settled_at * 86_399 * 125
        out_q = credit.recovered_q + credit.refunded_q
        return divmod((self.start_q + paid_q - out_q) * 1000 - charged_mq, 1000)


@settings(max_examples=60)
@given(balance_q=balances_q, program=programs, cut=st.integers(0, 14))
def test_a_meter_restored_from_its_image_lives_on_as_if_nothing_had_been(
    balance_q: int, program: list[Step], cut: int
) -> None:
    one, two = (Workbench(profile=QUICK, balance_q=balance_q) for _ in range(2))
    for bench in (one, two):
        for wait_ms, _, act in program[:cut]:
            bench.wait(wait_ms)
            act(bench)
    old = two.meter
    two.meter = GuardedMeter.restore(
        old.identity,
        old.profile,
        old.root,
        old.image(),
        load_w=old.point.load_w,
        head=old.journal.head,
        mains_on=old.point.mains_on,
    )
    assert two.meter.image() == old.image()
    if old.point.leak_test_ends_tick != two.meter.point.leak_test_ends_tick:
        return
    two.meter.recorder.text, two.meter.recorder.code = old.recorder.text, old.recorder.code
    two.meter.stepped_tick, two.meter.touched_tick = old.stepped_tick, old.touched_tick
    for bench in (one, two):
        live(bench, program[cut:])
    assert trace(one.effects) == trace(two.effects)


def test_a_meter_that_lost_both_slots_keeps_the_supply_and_cuts_nobody() -> None:
    old = Workbench(balance_q=0).meter
    meter = GuardedMeter.restore(old.identity, PROFILE, old.root, None, load_w=1000, head=old.journal.head)
    meter.advance(Tick(30 * DAY_MS))
    assert meter.point.supply is Supply.ON
    assert meter.readout(Tick(30 * DAY_MS)).glance.clock is ClockStatus.LOST


HARM_BODIES: dict[Kind, tuple[str, Body]] = {
    Kind.LIFT_HOLD: ("a", LiftBody()),
    Kind.CUT_ORDER: ("c", CutOrderBody()),
    Kind.CLEAR_FLAG: ("medical", FlagBody(FlagName.MEDICAL)),
    Kind.CUT_CALENDAR: ("season", CutCalendarBody((Window(MONDAY_MS, MONDAY_MS + DAY_MS),))),
}
HOLDERS = [holder for role in (Role.PROTECT, Role.HARM, Role.LEASE, Role.TIME) for holder in PEOPLE[role]]


@given(
    holder=st.sampled_from(HOLDERS),
    kind=st.sampled_from(sorted(HARM_BODIES)),
    repeats=st.integers(1, 3),
)
def test_no_single_holder_can_reduce_protection(holder: str, kind: Kind, repeats: int) -> None:
    bench = Workbench(balance_q=0)
    bench.permit((MONDAY_MS, MONDAY_MS + 10 * DAY_MS))
    bench.hold("a", MONDAY_MS, MONDAY_MS + 10 * DAY_MS)
    before = decode_image(bench.meter.image())
    order = bench.order(kind, *HARM_BODIES[kind])
    judged = bench.send(order, (holder,) * repeats)
    after = decode_image(bench.meter.image())
    assert judged.reason == "too_few_signers"
    assert (after.protections, after.calendars, after.cut_orders) == (
        before.protections,
        before.calendars,
        before.cut_orders,
    )


@given(garbage=st.lists(st.binary(max_size=300), min_size=1, max_size=20), flip=st.integers(0, 10**6))
def test_garbage_and_flipped_bytes_change_nothing_and_do_not_flush_the_black_box(
    garbage: list[bytes], flip: int
) -> None:
    bench = Workbench()
    bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS))
    order = bytearray(sign(bench.order(Kind.HOLD, "a", HoldBody(MONDAY_MS, MONDAY_MS + DAY_MS))))
    order[flip % len(order)] ^= 1
    before = replace(decode_image(bench.meter.image()), garbage_noted_at=None)
    entries = len(bench.meter.journal.entries)
    for data in [*garbage, *garbage]:
        bench.do(Document(data))
    assert replace(decode_image(bench.meter.image()), garbage_noted_at=None) == before
    assert len(bench.meter.journal.entries) <= entries + 1
    bench.do(Document(bytes(order)))
    assert bench.supply == "on"
    bench.do(MainsOn())
    bench.do(Button(ButtonName.RED))
