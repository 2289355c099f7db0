"""A restored store gives numbers twice: another document is no repetition, and a refusal names the number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.documents.bodies import (
    Body,
    CutCalendarBody,
    CutOrderBody,
    DebtBody,
    DeferralBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    LeaseBody,
    LiftBody,
    LimiterBody,
    ParametersBody,
    ReleaseBody,
    TariffBody,
)
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, digest_of
from protocols.instants import DAY_MS, HOUR_MS
from protocols.reasons import FlagName, PaymentMode
from protocols.spans import Window
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, SIGNERS, Workbench

M = MONDAY_MS
KEYID = SIGNERS["anna"].keyid
# What a number can stand for: for each kind the name of its object, and two documents of it.
SUBJECTS: dict[Kind, tuple[str, tuple[Body, Body]]] = {
    Kind.CUT_CALENDAR: (
        "season",
        (CutCalendarBody((Window(M, M + DAY_MS),)), CutCalendarBody((Window(M, M + HOUR_MS),))),
    ),
    Kind.CUT_ORDER: ("c", (CutOrderBody(), CutOrderBody())),
    Kind.LIMITER: ("m1", (LimiterBody(True), LimiterBody(False))),
    Kind.TARIFF: ("base", (TariffBody(300_000, 0), TariffBody(400_000, 1))),
    Kind.DEBT: ("m1", (DebtBody(5, 300), DebtBody(5, 400))),
    Kind.DEFERRAL: ("d", (DeferralBody(M, M + DAY_MS), DeferralBody(M, M + HOUR_MS))),
    Kind.PARAMETERS: ("m1", (ParametersBody(M, PaymentMode.CREDIT), ParametersBody(M, groups=("north",)))),
    Kind.LEASE: (
        "fleet",
        (LeaseBody("calendar/season", 1, "0" * 64, ()), LeaseBody("calendar/season", 2, "0" * 64, ())),
    ),
    Kind.RELEASE: (KEYID, (ReleaseBody(24), ReleaseBody(48))),
}
KINDS_NUMBERED = sorted(SUBJECTS)


def document(bench: Workbench, kind: Kind, number: int, variant: int) -> Order:
    name, bodies = SUBJECTS[kind]
    ends_ms = bench.now_ms + (variant + 1) * DAY_MS
    return bench.order(kind, name, bodies[variant], rev=number, not_after_ms=ends_ms)


def shows(bench: Workbench, order: Order) -> bool:
    """Whether the meter's memory is as this very document says."""
    memory, body = bench.meter.memory, SUBJECTS[order.kind][1]
    match order.kind:
        case Kind.CUT_CALENDAR:
            held = memory.calendars[order.object]
            return (held.rev, held.digest) == (order.rev, digest_of(order))
        case Kind.CUT_ORDER:
            cut = memory.cut_orders[order.object]
            return (cut.rev, cut.until_ms) == (order.rev, order.not_after_ms)
        case Kind.LIMITER:
            return memory.limiter_ordered is (body[0] == LimiterBody(True) and b"true" in bytes(order.body))
        case Kind.TARIFF:
            return f":{memory.credit.price_ueur_per_kwh}".encode() in bytes(order.body)
        case Kind.DEBT:
            debt = memory.debt
            return debt is not None and f'"share_permille":{debt.share_permille}'.encode() in bytes(
                order.body
            )
        case Kind.DEFERRAL:
            return f":{memory.deferrals[order.object].until_ms}".encode() in bytes(order.body)
        case Kind.PARAMETERS:
            assert memory.parameters is not None
            newest = memory.parameters.sets[-1]
            return newest.version == order.rev and (newest.groups is None) is (b"credit" in bytes(order.body))
        case Kind.LEASE:
            lease = memory.lease
            return lease is not None and (lease.rev, lease.ends_ms) == (order.rev, order.not_after_ms)
        case _:
            return any(each.rev == order.rev for each in memory.protections[order.object].above)


@pytest.mark.parametrize("kind", KINDS_NUMBERED)
@given(deliveries=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 1)), min_size=1, max_size=12))
def test_what_a_meter_accepts_it_holds_and_what_it_refuses_it_takes_above_the_number_named(
    kind: Kind, deliveries: list[tuple[int, int]]
) -> None:
    bench = Workbench()
    documents = {key: document(bench, kind, *key) for key in deliveries}
    for key in deliveries:
        order = documents[key]
        judged = bench.send(order)
        if judged.verdict == "accepted":
            # A release that was carried out is remembered; every other kind holds its latest document.
            assert shows(bench, order)
            continue
        assert judged.reason in {"stale_rev", "stale_number"}
        assert isinstance(judged.known_number, int)
        assert judged.known_number >= order.rev
        above = document(bench, kind, judged.known_number + 1, key[1])
        assert bench.send(above).verdict == "accepted"
        assert shows(bench, above)


@pytest.mark.parametrize("kind", KINDS_NUMBERED)
def test_another_document_of_a_number_is_refused_and_the_same_one_is_repeated(kind: Kind) -> None:
    bench = Workbench()
    first, other = document(bench, kind, 7, 0), document(bench, kind, 7, 1)
    assert bench.send(first).verdict == "accepted"
    judged = bench.send(other)
    assert (judged.verdict, judged.known_number) == ("refused", 7)
    assert bench.send(first).reason == "repeated"
    assert shows(bench, first)


@pytest.mark.parametrize("floor", [5, 4_000_000_000])
def test_protection_below_a_floor_that_the_store_has_forgotten_names_the_floor(floor: int) -> None:
    bench = Workbench()
    assert bench.send(bench.order(Kind.LIFT_HOLD, "a", LiftBody(), rev=floor)).reason == "stored"
    clear = bench.order(Kind.CLEAR_FLAG, "medical", FlagBody(FlagName.MEDICAL), rev=floor)
    assert bench.send(clear).reason == "stored"
    for kind, name, body in (
        (Kind.HOLD, "a", HoldBody(M, M + DAY_MS)),
        (Kind.SET_FLAG, "medical", FlagBody(FlagName.MEDICAL)),
    ):
        refused = bench.send(bench.order(kind, name, body, rev=1))
        assert (refused.reason, refused.known_number) == ("below_floor", floor)
        assert bench.send(bench.order(kind, name, body, rev=floor + 1)).reason == "stored"
    lower = bench.send(bench.order(Kind.SHORTEN_HOLD, "a", HoldFloorBody(M, M + HOUR_MS), rev=1))
    assert (lower.reason, lower.known_number) == ("stale_rev", floor)


def test_a_refusal_that_no_number_mends_names_none() -> None:
    bench = Workbench()
    late = bench.order(Kind.CUT_ORDER, "c", CutOrderBody(), rev=1, not_after_ms=M - HOUR_MS + 1)
    assert bench.send(late).reason == "expired"
    assert not isinstance(bench.send(late).known_number, int)
