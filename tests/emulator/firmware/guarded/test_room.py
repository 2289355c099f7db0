"""What one key can do to a meter's memory: others lose nothing by it, and two people undo it."""

import pytest

from emulator.firmware.guarded.image import decode_image
from protocols.documents.bodies import (
    Body,
    CancelCutBody,
    CutOrderBody,
    EmergencyCreditBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    LiftBody,
    Named,
    PaymentBody,
    ReleaseBody,
)
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order
from protocols.documents.room import catch_all_of
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, ms_from_iso
from protocols.limits import (
    HOLDS_PER_KEY_MAX,
    ISSUERS_PER_PERSON_MAX,
    OBJECTS_MAX,
    RELEASE_KEYS_MAX,
    TOMBSTONES_MAX,
)
from protocols.reasons import FlagName, Source
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, SIGNERS, Workbench

M = MONDAY_MS
# What one hostile key may take of a meter's memory, said in docs/performance.md.
ROOM_BYTES_MAX = 32 * 1024
FAR_MS = ms_from_iso("2099-01-01T00:00:00Z")


def junk_holds(bench: Workbench, count: int = 64) -> None:
    """One stolen key signs holds until 2099."""
    for number in range(count):
        order = bench.order(Kind.HOLD, f"junk{number:03}", HoldBody(M, FAR_MS))
        assert bench.send(order, ("anna",)).verdict == "accepted"


def in_force(bench: Workbench) -> set[str]:
    return {span.name for span in bench.meter.known.holds}


def test_one_persons_junk_leaves_room_for_release_moratorium_and_flag_of_everybody() -> None:
    bench = Workbench(balance_q=0)
    bench.permit((M, M + 30 * DAY_MS))
    assert bench.wait(2 * HOUR_MS).supply == "off"
    junk_holds(bench)
    assert bench.supply == "on", "the junk protects"
    for who in ("anna", "bert"):
        hold = bench.order(Kind.HOLD, f"winter-{who}", HoldBody(M, M + DAY_MS))
        # Anna's joins her catch-all, which covers it already.
        assert bench.send(hold, (who,)).reason == ("repeated" if who == "anna" else "stored")
        flag = bench.order(Kind.SET_FLAG, "medical", FlagBody(FlagName.MEDICAL))
        assert bench.send(flag, (who,)).reason == "stored"
        release = bench.order(Kind.RELEASE, SIGNERS[who].keyid, ReleaseBody(24))
        assert bench.send(release, (who,)).reason == "released"
    assert "hold/winter-bert" in in_force(bench)
    assert len(bench.meter.memory.protections) <= 2 * (HOLDS_PER_KEY_MAX + 1) + 1 + 2


def test_two_people_undo_what_one_key_declared() -> None:
    bench = Workbench(balance_q=0)
    junk_holds(bench)
    assert len(in_force(bench)) == HOLDS_PER_KEY_MAX + 1
    assert catch_all_of("anna") in in_force(bench)
    for name in sorted(in_force(bench)):
        lift = bench.order(Kind.LIFT_HOLD, name.partition("/")[2], LiftBody(), rev=5_000_000)
        assert bench.send(lift).reason == "stored"
    assert in_force(bench) == set()
    bench.permit((M, M + 30 * DAY_MS))
    assert bench.wait(2 * HOUR_MS).supply == "off"


def test_a_hold_beyond_the_quota_restores_what_was_cut_inside_it() -> None:
    bench = Workbench(balance_q=0)
    for number in range(HOLDS_PER_KEY_MAX):
        bench.hold(f"a{number}", M + 20 * DAY_MS, M + 21 * DAY_MS)
    bench.permit((M, M + 10 * DAY_MS))
    assert bench.wait(2 * HOUR_MS).supply == "off"
    assert bench.hold("zz", M, M + DAY_MS).reason == "stored"
    assert bench.supply == "on"
    assert bench.hold("zz", M, M + DAY_MS).reason == "repeated"


def test_a_lease_names_a_catch_all_that_must_have_come() -> None:
    bench = Workbench(balance_q=0)
    named = Named(catch_all_of("anna"), 0, (M + 20 * DAY_MS, M + 22 * DAY_MS))
    bench.permit((M, M + 10 * DAY_MS), names=(named,))
    for number in range(HOLDS_PER_KEY_MAX + 1):
        bench.hold(f"a{number}", M + 20 * DAY_MS, M + 21 * DAY_MS)
    assert bench.wait(3 * HOUR_MS).supply == "on"
    bench.hold("b", M + 21 * DAY_MS, M + 22 * DAY_MS)
    assert bench.wait(3 * HOUR_MS).supply == "off"


def test_holds_that_are_over_make_room_while_the_clock_is_trusted() -> None:
    bench = Workbench()
    for number in range(HOLDS_PER_KEY_MAX):
        bench.hold(f"a{number}", M, M + HOUR_MS)
    bench.wait(2 * HOUR_MS)
    bench.hold("b", M, M + DAY_MS)
    assert set(bench.meter.memory.protections) == {"hold/b"}


@pytest.mark.parametrize("step", [1, 1_000])
def test_a_hold_climbed_by_a_thousand_revisions_is_lifted_by_one_document_of_two_people(step: int) -> None:
    bench = Workbench()
    for number in range(1, 1_001):
        order = bench.order(Kind.HOLD, "a", HoldBody(M, FAR_MS), rev=number * step)
        assert bench.send(order, ("anna",)).verdict == "accepted"
    bench.send(bench.order(Kind.LIFT_HOLD, "a", LiftBody(), rev=1_234_567_890))
    assert in_force(bench) == set()


def test_nobody_merges_the_revisions_of_another() -> None:
    bench = Workbench()
    bench.send(bench.order(Kind.HOLD, "a", HoldBody(M, M + DAY_MS), rev=1), ("bert",))
    for number in range(2, 40):
        bench.send(bench.order(Kind.HOLD, "a", HoldBody(M, M + DAY_MS), rev=number), ("anna",))
    own = [each for each in bench.meter.memory.protections["hold/a"].above if each.holder == "bert"]
    assert [(each.rev, each.merged) for each in own] == [(1, ())]


def test_protection_for_a_moment_not_yet_come_is_stored() -> None:
    bench = Workbench()

    def later(kind: Kind, name: str, body: Body) -> Order:
        begins_ms, ends_ms = M + 50 * DAY_MS, M + 60 * DAY_MS
        return bench.order(kind, name, body, not_before_ms=begins_ms, not_after_ms=ends_ms)

    orders = [
        later(Kind.HOLD, "a", HoldBody(M + 50 * DAY_MS, M + 59 * DAY_MS)),
        later(Kind.SET_FLAG, "medical", FlagBody(FlagName.MEDICAL)),
        later(Kind.CANCEL_CUT, "c", CancelCutBody("cut/c")),
    ]
    assert [bench.send(order).reason for order in orders] == ["stored"] * 3
    flag = next(span for span in bench.meter.known.holds if span.name == "flag/medical")
    assert flag.from_ms == M + 50 * DAY_MS


def cancel_far_ahead(bench: Workbench) -> None:
    """One key cancels cuts that nobody has ordered, dated 2099."""
    now_ms = bench.now_ms
    bench.now_ms = FAR_MS
    orders = [
        bench.order(
            Kind.CANCEL_CUT,
            f"no{number}",
            CancelCutBody(f"cut/no{number}"),
            not_before_ms=M - DAY_MS,
            not_after_ms=FAR_MS,
        )
        for number in range(TOMBSTONES_MAX + 1)
    ]
    bench.now_ms = now_ms
    assert {bench.send(order).verdict for order in orders} == {"accepted"}


def test_cancels_dated_2099_refuse_no_later_cut() -> None:
    bench = Workbench()
    early = bench.order(Kind.CUT_ORDER, "early", CutOrderBody())
    cancel_far_ahead(bench)
    assert bench.send(early).reason == "cancelled", "issued before what had to make room"
    bench.wait(MINUTE_MS)
    assert bench.give(Kind.CUT_ORDER, "later", CutOrderBody()).reason == "stored"


def test_cancels_dated_2099_while_the_clock_is_lost_refuse_cuts_only_until_it_is_trusted() -> None:
    bench = Workbench()
    bench.meter.memory.clock.latest = None
    cancel_far_ahead(bench)
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source)
    assert bench.clock == "trusted"
    assert bench.give(Kind.CUT_ORDER, "one", CutOrderBody()).reason == "cancelled"
    bench.wait(MINUTE_MS)
    assert bench.give(Kind.CUT_ORDER, "two", CutOrderBody()).reason == "stored"


def test_one_persons_issuers_leave_room_for_those_of_others() -> None:
    bench = Workbench()
    for number in range(40):
        order = bench.order(Kind.PAYMENT, f"junk{number}", PaymentBody(f"junk{number}", 1, 0))
        reason = bench.send(order, ("anna",)).reason
        assert reason == ("repeated" if number < ISSUERS_PER_PERSON_MAX else "too_many")
    order = bench.order(Kind.PAYMENT, "controller", PaymentBody("controller", 1, 5_000_000))
    assert bench.send(order, ("bert",)).reason == "credited"
    order = bench.order(Kind.PAYMENT, "controller", PaymentBody("controller", 2, 6_000_000))
    assert bench.send(order, ("anna",)).reason == "credited", "whoever signs it, it is known now"
    assert len(decode_image(bench.meter.image()).issuers_of) == ISSUERS_PER_PERSON_MAX + 1


def test_floors_are_bounded_and_one_that_protects_is_never_forgotten() -> None:
    bench = Workbench()
    shorten = [
        bench.order(Kind.SHORTEN_HOLD, f"s{number}", HoldFloorBody(M, M + DAY_MS)) for number in range(2)
    ]
    assert [bench.send(each).reason for each in shorten] == ["stored"] * 2
    for number in range(3 * OBJECTS_MAX):
        assert bench.give(Kind.LIFT_HOLD, f"l{number}", LiftBody()).reason == "stored"
    assert len(bench.meter.memory.protections) == OBJECTS_MAX
    assert in_force(bench) == {"hold/s0", "hold/s1"}
    for number in range(2, OBJECTS_MAX):
        bench.give(Kind.SHORTEN_HOLD, f"s{number}", HoldFloorBody(M, M + DAY_MS))
    before = dict(bench.meter.memory.protections)
    assert bench.give(Kind.SHORTEN_HOLD, "s99", HoldFloorBody(M, M + DAY_MS)).reason == "too_many"
    assert bench.meter.memory.protections == before


def test_numbers_of_keys_that_the_root_forgot_are_kept_up_to_a_bound() -> None:
    bench = Workbench()
    bench.send(bench.order(Kind.RELEASE, SIGNERS["bert"].keyid, ReleaseBody(24)), ("bert",))
    bert = bench.meter.memory.protections[f"release/{SIGNERS['bert'].keyid}"]
    gone = [f"release/{number:064x}" for number in range(RELEASE_KEYS_MAX - 1)]
    bench.meter.memory.protections = {**bench.meter.memory.protections, **dict.fromkeys(gone, bert)}
    bench.send(bench.order(Kind.RELEASE, SIGNERS["anna"].keyid, ReleaseBody(24)), ("anna",))
    held = bench.meter.memory.protections
    assert len(held) == RELEASE_KEYS_MAX
    assert gone[0] not in held
    assert {f"release/{SIGNERS[who].keyid}" for who in ("anna", "bert")} <= held.keys()


def test_what_one_key_adds_to_the_image_is_bounded() -> None:
    bench = Workbench()
    before = len(bench.meter.image())
    for number in range(12):
        for rev in range(1, 36):
            body = HoldBody(M, FAR_MS - rev)
            order = bench.order(Kind.HOLD, f"{number:064d}", body, rev=2**53 - 1 - rev * 2_000)
            assert bench.send(order, ("anna",)).verdict == "accepted"
    for number in range(40):
        name = f"{number:063d}x"
        bench.send(bench.order(Kind.RELEASE, name, ReleaseBody(24)), ("anna",))
        bench.send(bench.order(Kind.RELEASE, SIGNERS["anna"].keyid, ReleaseBody(24)), ("anna",))
        bench.send(bench.order(Kind.PAYMENT, name, PaymentBody(name, 1, 0)), ("anna",))
        bench.send(bench.order(Kind.EMERGENCY_CREDIT, "e", EmergencyCreditBody()), ("anna",))
        flag = bench.order(Kind.SET_FLAG, "dispute", FlagBody(FlagName.DISPUTE), rev=1 + number * 2_000)
        bench.send(flag, ("anna",))
    added = len(bench.meter.image()) - before
    assert added < ROOM_BYTES_MAX, added
