"""Random lives of a household: what happens to it, and how long nothing does. Directed at boundaries.

A program is a list of (wait, act). Waits fall on, just before and just after the seconds of the
crystal and the ends of warnings and windows; amounts are multiples of what one second costs.
"""

from collections.abc import Callable
from itertools import accumulate

from hypothesis import strategies as st

from emulator.firmware.events import (
    Button,
    ButtonName,
    Event,
    MainsOff,
    MainsOn,
    NewEpoch,
    Overcurrent,
    SetLoad,
    TicksLost,
    UnsignedDate,
)
from protocols.documents.bodies import (
    CancelCutBody,
    CutOrderBody,
    DebtBody,
    DeferralBody,
    EmergencyCreditBody,
    FlagBody,
    HoldFloorBody,
    LiftBody,
    LimiterBody,
    ParametersBody,
    RebaseBody,
    RefundBody,
    RegisterPrice,
    ReleaseBody,
    Switch,
    TariffBody,
)
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS, UtcMs
from protocols.reasons import FlagName, PaymentMode, Source
from tests.emulator.firmware.guarded.workbench import MINUTE_MS, Workbench, issuers_of

Act = Callable[[Workbench], object]
Step = tuple[int, str, Act]

WAITS_MS = st.sampled_from(
    [
        *(0, 1, 500, 999, 1000, 1001, 1999, 2000),
        *(59_000, 60_000, 60_001, 61_000, 62_000),
        *(5 * MINUTE_MS, 15 * MINUTE_MS - 1, 15 * MINUTE_MS),
    ]
)
_PAUSES_MS = (1, 999, 1_000, 1_001, 60_000, 5 * MINUTE_MS)
LIES_MS = st.sampled_from([0, 0, 0, 30_000, -30_000, DAY_MS, -DAY_MS, HOUR_MS])


def _act(name: str, act: Act) -> tuple[str, Act]:
    return name, act


def _order(kind: Kind, name: str, body: object) -> tuple[str, Act]:
    return _act(f"{kind} {name}", lambda bench: bench.give(kind, name, body))  # type: ignore[arg-type]  # of KINDS


def _hold(name: str, from_ms: int, length_ms: int) -> tuple[str, Act]:
    def act(bench: Workbench) -> None:
        bench.hold(name, bench.now_ms + from_ms, bench.now_ms + from_ms + length_ms)

    return _act(f"hold {name} {from_ms} {length_ms}", act)


def _shorten(name: str, length_ms: int) -> tuple[str, Act]:
    def act(bench: Workbench) -> None:
        bench.give(Kind.SHORTEN_HOLD, name, HoldFloorBody(bench.now_ms - HOUR_MS, bench.now_ms + length_ms))

    return _act(f"shorten {name} {length_ms}", act)


def _permit(start_ms: int, length_ms: int, days: int) -> tuple[str, Act]:
    def act(bench: Workbench) -> None:
        if bench.clock == "trusted":
            start = bench.now_ms + start_ms
            bench.permit((start, start + length_ms), (start + 2 * HOUR_MS, start + 3 * HOUR_MS), days=days)

    return _act(f"permit {start_ms} {length_ms}", act)


def _cut(name: str, start_ms: int, length_ms: int) -> tuple[str, Act]:
    def act(bench: Workbench) -> None:
        order = bench.order(
            Kind.CUT_ORDER,
            name,
            CutOrderBody(),
            not_before_ms=bench.now_ms + start_ms,
            not_after_ms=bench.now_ms + start_ms + length_ms,
        )
        bench.send(order)

    return _act(f"cut {name} {start_ms} {length_ms}", act)


def _switch_registers(from_ms: int, pauses_ms: list[int]) -> tuple[str, Act]:
    """A tariff with two registers, in use by turns with none; the first switch may be past."""
    registers = (RegisterPrice("1-0:1.8.1", 1_000_000, 0), RegisterPrice("1-0:1.8.2", 0, 86_400))

    def act(bench: Workbench) -> None:
        edges_ms = accumulate(pauses_ms, initial=bench.now_ms + from_ms)
        switches = tuple(Switch(at_ms, place % 3) for place, at_ms in enumerate(edges_ms, 1))
        bench.give(Kind.TARIFF, "m1", TariffBody(300_000, 0, registers, switches))

    return _act(f"tariff, switched {from_ms} {pauses_ms}", act)


def _set_debt(cents: int, share_permille: int) -> tuple[str, Act]:
    return _order(Kind.DEBT, "m1", DebtBody(cents * 10_000, share_permille, period_cap_ueur=15_000))


def _set_parameters(from_ms: int, mode: PaymentMode | None) -> tuple[str, Act]:
    def act(bench: Workbench) -> None:
        bench.give(Kind.PARAMETERS, "m1", ParametersBody(bench.now_ms + from_ms, mode))

    return _act(f"parameters {from_ms} {mode}", act)


def _defer(name: str, from_ms: int, length_ms: int) -> tuple[str, Act]:
    def act(bench: Workbench) -> None:
        begins_ms = bench.now_ms + from_ms
        bench.give(Kind.DEFERRAL, name, DeferralBody(begins_ms, begins_ms + length_ms))

    return _act(f"tariff deferred {name} {from_ms} {length_ms}", act)


def _pay(cents: int) -> tuple[str, Act]:
    def act(bench: Workbench) -> None:
        held = bench.meter.memory.totals.of("controller")
        number, total = (1, 0) if held is None else (held.number + 1, held.total_ueur)
        bench.pay(number, total + cents * 10_000)

    return _act(f"pay {cents}", act)


def _state(cents: int, *signers: str) -> tuple[str, Act]:
    """A statement of the present epoch; of a meter without issuers one that nobody may sign."""

    def act(bench: Workbench) -> None:
        held = bench.meter.memory.totals.of("controller")
        total_ueur, epoch = (0, 1) if held is None else (held.total_ueur, held.epoch)
        bench.state(total_ueur + cents * 10_000, *signers, epoch=epoch)

    return _act(f"state {cents} {signers}", act)


def _name_issuers(epoch: int, ueur_per_day: int) -> tuple[str, Act]:
    def act(bench: Workbench) -> None:
        version = bench.meter.holdings().issuers_version + 1
        bench.name_issuers(issuers_of(version, controller=("service", epoch, ueur_per_day)))

    return _act(f"name issuers {epoch} {ueur_per_day}", act)


def _rebase(bench: Workbench) -> None:
    bench.give(Kind.REBASE, "m1", RebaseBody(bench.meter.dispute_nonce or "none"))


def _witness(source: Source, lie_ms: int) -> tuple[str, Act]:
    return _act(f"witness {source} {lie_ms}", lambda bench: bench.witness(source, lie_ms))


names = st.sampled_from(["a", "b"])
short_ms = st.sampled_from([-60_000, 0, 1000, 60_000, 600_000])
lengths_ms = st.sampled_from([1000, 60_000, 600_000, HOUR_MS])
flag_names: st.SearchStrategy[FlagName] = st.sampled_from(FlagName)
_EVENTS: tuple[Event, ...] = (
    MainsOff(),
    MainsOn(),
    TicksLost(),
    NewEpoch(),
    Overcurrent(),
    UnsignedDate(UtcMs(0)),
)

_other_acts: st.SearchStrategy[tuple[str, Act]] = st.one_of(
    st.sampled_from([0, 1, 1000, 2300, 2301, 12_000]).map(
        lambda w: _act(f"load {w}", lambda bench: bench.do(SetLoad(w)))
    ),
    st.sampled_from(_EVENTS).map(lambda event: _act(type(event).__name__, lambda bench: bench.do(event))),
    st.sampled_from(ButtonName).map(lambda name: _act(name, lambda bench: bench.do(Button(name)))),
    st.builds(_hold, names, short_ms, lengths_ms),
    st.builds(_shorten, names, lengths_ms),
    names.map(lambda name: _order(Kind.LIFT_HOLD, name, LiftBody())),
    st.builds(_permit, short_ms, lengths_ms, st.sampled_from([1, 30])),
    st.builds(_cut, names, short_ms, lengths_ms),
    names.map(lambda name: _order(Kind.CANCEL_CUT, name, CancelCutBody(f"cut/{name}"))),
    st.sampled_from([0, 1, 8, 30, 1200, 5000]).map(_pay),
    st.builds(_name_issuers, st.sampled_from([1, 1, 2]), st.sampled_from([1_000_000, 86_400_000])),
    st.builds(_state, st.sampled_from([0, 1, 100, 101, 8640, 8646]), st.just("service")),
    st.builds(_state, st.sampled_from([1, 5000]), st.just("service"), st.just("dora"), st.just("eric")),
    flag_names.map(lambda name: _order(Kind.SET_FLAG, name, FlagBody(name))),
    flag_names.map(lambda name: _order(Kind.CLEAR_FLAG, name, FlagBody(name))),
    st.booleans().map(lambda on: _order(Kind.LIMITER, "m1", LimiterBody(on))),
    st.sampled_from([0, 300_000, 1_000_000]).map(
        lambda price: _order(Kind.TARIFF, "m1", TariffBody(price, 86_400))
    ),
    st.builds(_switch_registers, short_ms, st.lists(st.sampled_from(_PAUSES_MS), max_size=6)),
    st.builds(_set_debt, st.sampled_from([0, 1, 9, 5_000]), st.sampled_from([0, 333, 1_000])),
    st.sampled_from([1, 100, 2_000]).map(lambda cents: _order(Kind.REFUND, "m1", RefundBody(cents * 10_000))),
    st.builds(_defer, names, short_ms, lengths_ms),
    st.builds(_set_parameters, short_ms, st.sampled_from([None, *PaymentMode])),
    st.just(_order(Kind.RELEASE, "m1", ReleaseBody(24))),
    st.just(_order(Kind.EMERGENCY_CREDIT, "m1", EmergencyCreditBody())),
    st.just(_act("rebase", _rebase)),
)


def _step(wait_ms: int, act: tuple[str, Act]) -> Step:
    return wait_ms, *act


_anybody_lies = st.builds(_witness, st.sampled_from(Source), LIES_MS)
programs = st.lists(st.builds(_step, WAITS_MS, _other_acts | _anybody_lies), min_size=1, max_size=14)


def programs_with(liar: Source) -> st.SearchStrategy[list[Step]]:
    """Programs in which only `liar` lies about the time."""
    honest = st.sampled_from([source for source in Source if source is not liar])
    witnesses = st.builds(_witness, honest, st.just(0)) | st.builds(_witness, st.just(liar), LIES_MS)
    return st.lists(st.builds(_step, WAITS_MS, _other_acts | witnesses), min_size=1, max_size=20)


# What a second of 1 kW at 0.30 EUR/kWh costs, and amounts that run out on a second's edge or beside it.
SECOND_Q = 3 * 1000 * 300_000
balances_q = st.builds(
    lambda seconds, beside: max(0, seconds * SECOND_Q + beside),
    st.sampled_from([0, 1, 59, 60, 61, 600]),
    st.sampled_from([-1, 0, 1, SECOND_Q // 2]),
)


def live(bench: Workbench, program: list[Step]) -> None:
    """Run a program, then a quiet quarter of an hour."""
    for wait_ms, _, act in program:
        bench.wait(wait_ms)
        act(bench)
    bench.wait(15 * 60 * SECOND_MS)
