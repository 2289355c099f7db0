"""Each verb drafts what a meter takes; what is wrong is refused in words, before anybody signs it."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from controller.orders.superseding import covers, replaces
from protocols.cutting import planning
from protocols.cutting.office_days import OfficePolicy
from protocols.documents import drafting
from protocols.documents.bodies import FlagBody
from protocols.documents.drafting import CalendarRule, Sheet
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order, Scope, body_of
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS, HOUR_MS, ms_from_iso
from protocols.limits import WINDOWS_MAX
from protocols.reasons import FlagName
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench

NOW_MS = MONDAY_MS
M1 = Scope(meters=("m1",))


def sheet(rev: int = 1) -> Sheet:
    return Sheet(id=f"o{rev}", rev=rev, now_ms=NOW_MS, basis="test")


def said(rule: str) -> CalendarRule:
    return CalendarRule(rule, "Europe/Brussels", "BE")


VERBS: dict[str, Callable[[], Order]] = {
    "declare": lambda: drafting.declare_moratorium(sheet(), "h", NOW_MS, NOW_MS + DAY_MS),
    "extend": lambda: drafting.extend_moratorium(sheet(), "h", (NOW_MS, NOW_MS + 1), NOW_MS + DAY_MS),
    "shorten": lambda: drafting.shorten_moratorium(sheet(), "h", NOW_MS, NOW_MS + DAY_MS),
    "lift": lambda: drafting.lift_moratorium(sheet(), "h"),
    "release": lambda: drafting.release(sheet(), "all", 24),
    "payment": lambda: drafting.payment_statement(sheet(), "m1", "controller", 1, 5_000_000),
    "emergency": lambda: drafting.emergency_credit(sheet(), "m1"),
    "set_flag": lambda: drafting.set_flag(sheet(), "m1", FlagName.MEDICAL),
    "clear_flag": lambda: drafting.clear_flag(sheet(), "m1", FlagName.MEDICAL),
    "cancel": lambda: drafting.cancel_cut(sheet(), "c", ("m1",)),
    "limiter": lambda: drafting.limiter(sheet(), "m1", engaged=True),
    "tariff": lambda: drafting.tariff(sheet(), "base", 300_000, 100),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_meter_accepts_what_is_drafted(verb: str) -> None:
    assert Workbench().send(VERBS[verb]()).verdict == "accepted"


@pytest.mark.parametrize("verb", VERBS)
def test_a_meter_with_an_honest_clock_a_minute_slow_accepts_it_too(verb: str) -> None:
    bench = Workbench(now_ms=NOW_MS - 60_000)
    assert bench.send(VERBS[verb]()).verdict == "accepted"


def test_the_cut_of_2020_is_refused() -> None:
    at_ms = ms_from_iso("2020-07-03T23:01:00+02:00")
    early = Sheet(id="o1", rev=1, now_ms=at_ms - 30 * DAY_MS, basis="test")
    with pytest.raises(RefusedError, match="cut/end is refused: friday_evening, on_closed_day"):
        planning.plan_cut(early, "end", ("m1",), (at_ms, at_ms + HOUR_MS))


def test_more_households_than_the_offices_can_serve_are_refused() -> None:
    at_ms = ms_from_iso("2020-07-06T14:00:00+02:00")
    early = Sheet(id="o1", rev=1, now_ms=at_ms - 3 * DAY_MS, basis="test")
    one_office = OfficePolicy(offices=1)
    meters = tuple(f"m{number}" for number in range(200))
    planning.plan_cut(early, "some", meters[:50], (at_ms, at_ms + HOUR_MS), one_office)
    with pytest.raises(RefusedError, match="cut/all is refused: offices_overrun"):
        planning.plan_cut(early, "all", meters, (at_ms, at_ms + HOUR_MS), one_office)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: drafting.release(sheet(), "all", 25), "25 hours; allowed: 24, 48, 72, 240"),
        (lambda: drafting.declare_moratorium(sheet(), "h", NOW_MS, NOW_MS), "until_ms must be later"),
        (
            lambda: drafting.extend_moratorium(sheet(), "h", (NOW_MS, NOW_MS + DAY_MS), NOW_MS + DAY_MS),
            "to end it sooner is to shorten it, which takes two people",
        ),
        (lambda: drafting.declare_moratorium(sheet(), "a/b", NOW_MS, NOW_MS + 1), "hold/a/b"),
        (
            lambda: planning.plan_cut(sheet(), "c", ("m1",), (NOW_MS - DAY_MS, NOW_MS)),
            "allowed: after its begin, and still to come",
        ),
        (
            lambda: planning.plan_calendar(
                sheet(), "s", said("mon 09:00-10:00"), (NOW_MS + DAY_MS, NOW_MS + 2 * DAY_MS)
            ),
            f"0 windows; allowed: 1 to {WINDOWS_MAX}",
        ),
        (
            lambda: planning.plan_calendar(
                sheet(), "s", said("fri 20:00-22:00"), (NOW_MS, NOW_MS + 30 * DAY_MS)
            ),
            "calendar/s is refused: friday_evening, before_weekend",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_what_is_allowed(make: Callable[[], Order], words: str) -> None:
    with pytest.raises((InputError, RefusedError)) as refused:
        make()
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_flag_does_not_undo_what_was_before_it() -> None:
    order = drafting.set_flag(sheet(), "m1", FlagName.MEDICAL)
    assert body_of(order, FlagBody).name is FlagName.MEDICAL
    assert NOW_MS - HOUR_MS < order.not_before_ms <= NOW_MS


@pytest.mark.parametrize(
    ("newer", "older"), [("lift", "declare"), ("lift", "shorten"), ("clear_flag", "set_flag")]
)
def test_who_undoes_a_kind_takes_the_place_of_its_orders(newer: str, older: str) -> None:
    undone, undoes = VERBS[older](), replace(VERBS[newer](), rev=2)
    assert KINDS[undone.kind].undone_by is undoes.kind
    assert replaces(undoes, undone)


@pytest.mark.parametrize(
    ("newer", "older", "replaced"),
    [
        ("lift", "declare", True),
        ("shorten", "declare", True),
        ("declare", "declare", True),
        ("declare", "lift", False),
        ("release", "release", True),
        ("payment", "payment", True),
        ("tariff", "tariff", True),
        ("clear_flag", "set_flag", True),
        ("set_flag", "clear_flag", False),
        ("emergency", "emergency", False),
        ("release", "declare", False),
    ],
)
def test_what_takes_the_place_of_what(newer: str, older: str, replaced: bool) -> None:

    new = replace(VERBS[newer](), rev=2)
    assert replaces(new, VERBS[older]()) is replaced
    assert not replaces(VERBS[older](), new)


def test_a_cancel_takes_the_place_of_the_cut_order_and_of_an_earlier_cancel() -> None:
    at_ms = NOW_MS + DAY_MS + 10 * HOUR_MS
    cut = planning.plan_cut(sheet(1), "c", ("m1",), (at_ms, at_ms + HOUR_MS))
    cancel = drafting.cancel_cut(sheet(2), "c", ("m1",))
    assert KINDS[cut.kind].undone_by is cancel.kind
    assert replaces(cancel, cut)
    assert replaces(replace(cancel, rev=3), cancel)
    assert not replaces(replace(cut, rev=3), cancel)


def test_a_hold_gives_way_only_to_one_that_holds_as_much() -> None:
    wide = drafting.declare_moratorium(sheet(1), "h", NOW_MS, NOW_MS + 2 * DAY_MS)
    narrow = drafting.declare_moratorium(sheet(2), "h", NOW_MS, NOW_MS + DAY_MS)
    assert not replaces(narrow, wide)
    shorter = drafting.release(sheet(2), "all", 24)
    assert not replaces(shorter, drafting.release(sheet(1), "all", 72))


def test_a_scope_covers_what_it_addresses() -> None:
    fleet, both, one = Scope(fleet=True), Scope(meters=("m1", "m2")), M1
    assert covers(fleet, both)
    assert covers(both, one)
    assert not covers(one, both)
    assert not covers(both, fleet)
    assert not covers(both, Scope(group="north"))


def test_the_kinds_are_those_that_the_verbs_say() -> None:
    assert VERBS["lift"]().kind is Kind.LIFT_HOLD
    assert VERBS["cancel"]().object == "cut/c"
