"""A lease permits cuts only to a meter that holds all its protection, and it is renewed in time."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.leases.rules import (
    METERS_PER_LEASE_MAX,
    LeaseHeld,
    LeasePlan,
    demanding_root,
    due_leases,
    lease_held,
    plan_leases,
    protection_to_name,
)
from controller.orders.life import DeliveryState
from emulator.firmware.guarded.known import known_of
from protocols.cutting import planning
from protocols.documents import drafting
from protocols.documents.drafting import FLEET, Sheet
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import in_force
from protocols.documents.orders import ORDER_TYPE, Order, Scope, write_document
from protocols.documents.protecting import FLOORS, PROTECTING
from protocols.instants import DAY_MS, HOUR_MS
from protocols.limits import CARD_LEASE_LIFE_MS, INSTANT_MS_MAX, LEASE_MS_MAX, PAYLOAD_BYTES_MAX
from protocols.reasons import Refusal
from tests.controller.one_meter import STORIES, MeterAndOrders
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, SIGNERS

NOW_MS = MONDAY_MS


def sheet(number: int, rev: int = 1, now_ms: int = NOW_MS) -> Sheet:
    return Sheet(id=f"o{number}", rev=rev, now_ms=now_ms, basis="test")


def season(number: int = 1, scope: Scope = FLEET) -> Order:
    span_ms = (NOW_MS, NOW_MS + 30 * DAY_MS)
    rule = drafting.CalendarRule("mon-thu 09:00-12:00", "Europe/Brussels", "BE")
    return planning.plan_calendar(sheet(number), "season", rule, span_ms, scope)


def hold(number: int, name: str, meters: tuple[str, ...] = (), days: int = 10) -> Order:
    scope = Scope(meters=meters) if meters else FLEET
    return drafting.declare_moratorium(sheet(number), name, NOW_MS, NOW_MS + days * DAY_MS, scope)


def held_by(plans: list[LeasePlan], now_ms: int) -> dict[str, LeaseHeld]:
    found: dict[str, LeaseHeld] = {}
    for index, plan in enumerate(plans):
        order = drafting.lease(sheet(100 + index, 1 + index, now_ms), plan.meters, plan.calendar, plan.names)
        found |= dict.fromkeys(plan.meters, lease_held(order))
    return found


@given(STORIES)
def test_a_meter_that_stores_all_may_be_permitted_and_one_that_lacks_a_hold_may_not(
    story: list[tuple[str, bool]],
) -> None:
    pair = MeterAndOrders()
    pair.decide("calendar", arrives=True)
    for verb, arrives in story:
        pair.decide(verb, arrives=arrives)
    protecting = [each.order for each in pair.active.values() if each.order.kind in (*PROTECTING, *FLOORS)]
    names = protection_to_name(protecting, pair.bench.now_ms)
    if isinstance(names, Refusal):
        return
    calendars = [each.order for each in pair.active.values() if each.order.kind is Kind.CUT_CALENDAR]
    (calendar,) = calendars
    pair.deliver(calendar)
    pair.bench.send(drafting.lease(sheet(999, 1, pair.bench.now_ms), ("m1",), calendar, names))
    lacks = [
        each.order
        for each in pair.active.values()
        if each.order.kind in PROTECTING and each.state is not DeliveryState.STORED
    ]
    complete = known_of(pair.bench.meter.memory).permission.complete
    assert not (complete and lacks), lacks
    for order in protecting:
        pair.deliver(order)
    assert known_of(pair.bench.meter.memory).permission.complete
    for name, protection in pair.bench.meter.memory.protections.items():
        force = in_force(protection)
        if force is not None and force.until_ms > pair.bench.now_ms:
            assert name in {named.object for named in names}


def test_meters_with_equal_names_share_documents_and_others_have_their_own() -> None:
    meters = [f"m{number:05d}" for number in range(1, 501)]
    plans, without = plan_leases(meters, [season(), hold(2, "mora"), hold(3, "one", ("m00007",))], NOW_MS)
    assert without == []
    assert {(len(plan.meters), len(plan.names)) for plan in plans} == {(499, 1), (1, 2)}
    documents = due_leases(plans, {}, NOW_MS)
    assert sorted(len(each.meters) for each in documents) == [1, 99, 200, 200]
    assert METERS_PER_LEASE_MAX == 200


def test_a_lease_does_not_name_a_hold_that_was_lifted_for_the_meter() -> None:
    lifted = drafting.lift_moratorium(sheet(3, 2), "mora", Scope(meters=("m2",)))
    plans, _ = plan_leases(["m1", "m2"], [season(), hold(2, "mora"), lifted], NOW_MS)
    assert {plan.meters: [named.object for named in plan.names] for plan in plans} == {
        ("m1",): ["hold/mora"],
        ("m2",): [],
    }


def test_a_meter_without_a_calendar_gets_no_lease() -> None:
    assert plan_leases(["m1"], [hold(1, "mora")], NOW_MS) == ([], [])


def test_a_lease_is_due_daily_or_when_what_it_names_has_changed() -> None:
    plans, _ = plan_leases(["m1", "m2"], [season()], NOW_MS)
    held = held_by(plans, NOW_MS)
    assert due_leases(plans, held, NOW_MS + DAY_MS - 1) == []
    assert due_leases(plans, held, NOW_MS + DAY_MS) == plans
    changed, _ = plan_leases(["m1", "m2"], [season(), hold(2, "one", ("m2",))], NOW_MS)
    assert [each.meters for each in due_leases(changed, held, NOW_MS)] == [("m2",)]
    newer, _ = plan_leases(["m1", "m2"], [replace(season(), rev=2)], NOW_MS)
    assert due_leases(newer, held, NOW_MS) == newer


def test_a_lease_names_holds_and_releases_until_two_days_after_their_end() -> None:
    mora = hold(1, "mora", days=1)
    assert protection_to_name([mora], NOW_MS + 3 * DAY_MS - 1)
    assert protection_to_name([mora], NOW_MS + 3 * DAY_MS) == ()
    release = drafting.release(sheet(2), "all", 72)
    assert protection_to_name([release], NOW_MS + 72 * HOUR_MS + 2 * DAY_MS - 1)
    assert protection_to_name([release], NOW_MS + 72 * HOUR_MS + 2 * DAY_MS) == ()


def test_a_meter_with_too_much_protection_to_name_gets_no_lease() -> None:
    many = [hold(number, f"h{number}", days=10) for number in range(1, 66)]
    assert protection_to_name(many, NOW_MS) is Refusal.TOO_MANY
    assert plan_leases(["m1"], [season(99), *many], NOW_MS) == ([], ["m1"])


@given(st.integers(1, 64), st.integers(1, 400))
def test_a_lease_fits_into_a_message_whatever_its_meters_are_called(length: int, count: int) -> None:
    meters = [f"{number:0{length}d}"[-64:] for number in range(count)]
    plans, _ = plan_leases(sorted(set(meters)), [season(), hold(2, "mora")], NOW_MS)
    for plan in due_leases(plans, {}, NOW_MS):
        order = drafting.lease(sheet(9), plan.meters, plan.calendar, plan.names)
        assert len(seal(write_document(order), ORDER_TYPE, [SIGNERS["service"]])) <= PAYLOAD_BYTES_MAX


def test_only_a_meter_on_cards_gets_a_lease_for_a_month_and_both_name_the_same() -> None:
    plans, _ = plan_leases(["m1", "m2", "m3"], [season(), hold(2, "mora")], NOW_MS, by_card={"m2"})
    said = {plan.meters: (plan.life_ms, [each.object for each in plan.names]) for plan in plans}
    assert said == {("m1", "m3"): (7 * DAY_MS, ["hold/mora"]), ("m2",): (31 * DAY_MS, ["hold/mora"])}
    for plan in demanding_root(due_leases(plans, {}, NOW_MS), 2):
        order = drafting.lease(sheet(9), plan.meters, plan.calendar, plan.names, plan.life_ms)
        assert order.not_after_ms - order.issued_at_ms == plan.life_ms
        assert order.not_before_ms < order.issued_at_ms
    # No meter takes a longer one (`life_ms_max`), and the end of time is no overflow.
    assert LEASE_MS_MAX == CARD_LEASE_LIFE_MS
    late = drafting.lease(sheet(9, now_ms=INSTANT_MS_MAX), ("m2",), season(), (), LEASE_MS_MAX)
    assert late.not_after_ms == INSTANT_MS_MAX
