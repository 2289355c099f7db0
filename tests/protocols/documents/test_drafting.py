"""A meter accepts what each verb drafts; a wrong value is refused before anybody signs."""

from collections.abc import Callable

import pytest

from protocols.documents import drafting
from protocols.documents.bodies import FlagBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, body_of
from protocols.errors import InputError
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.reasons import FlagName
from tests.emulator.firmware.guarded.workbench import Workbench
from tests.protocols.documents.drafted import DRAFTS, NOW_MS, sheet


@pytest.mark.parametrize("verb", DRAFTS)
def test_a_meter_accepts_what_is_drafted(verb: str) -> None:
    assert Workbench().send(DRAFTS[verb]()).verdict == "accepted"


@pytest.mark.parametrize("verb", DRAFTS)
def test_a_meter_with_an_honest_clock_a_minute_slow_accepts_it_too(verb: str) -> None:
    bench = Workbench(now_ms=NOW_MS - MINUTE_MS)
    assert bench.send(DRAFTS[verb]()).verdict == "accepted"


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
    ],
)
def test_what_is_wrong_is_refused_with_what_is_allowed(make: Callable[[], Order], words: str) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_flag_does_not_undo_what_was_before_it() -> None:
    order = drafting.set_flag(sheet(), "m1", FlagName.MEDICAL)
    assert body_of(order, FlagBody).name is FlagName.MEDICAL
    assert NOW_MS - HOUR_MS < order.not_before_ms <= NOW_MS


def test_the_kinds_are_those_that_the_verbs_say() -> None:
    assert DRAFTS["lift"]().kind is Kind.LIFT_HOLD
    assert DRAFTS["cancel"]().object == "cut/c"
