"""Protection until exactly 2100-01-01 means for ever: it was the last instant that a document could name."""

from itertools import permutations
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.orders.superseding import replaces
from protocols.documents import drafting
from protocols.documents.bodies import Named
from protocols.documents.drafting import CalendarRule, Sheet
from protocols.documents.merging import (
    NOTHING,
    Protection,
    declare,
    in_force,
    knows,
    named_in_lease,
    take_out,
)
from protocols.documents.orders import Order, good_until_ms
from protocols.documents.room import catch_all_of
from protocols.errors import InputError
from protocols.instants import DAY_MS, ms_from_iso
from protocols.limits import FOR_EVER_MS, INSTANT_MS_MAX
from protocols.reasons import FlagName, Refusal
from protocols.spans import Window

BEGIN_MS: Final = ms_from_iso("2090-01-01T00:00:00Z")
RULE: Final = CalendarRule("daily 00:00-24:00", "UTC", "none")
LATER_MS: Final = ms_from_iso("2150-06-01T00:00:00Z")
ENDS = st.sampled_from([BEGIN_MS + DAY_MS, FOR_EVER_MS - 1, FOR_EVER_MS, FOR_EVER_MS + 1, LATER_MS])


def held(ends_ms: list[int]) -> Protection:
    protection = NOTHING
    for number, until_ms in enumerate(ends_ms):
        joined = declare(protection, number + 1, BEGIN_MS, until_ms, "anna")
        assert not isinstance(joined, Refusal)
        protection = joined
    return protection


def sheet(now_ms: int, rev: int = 1) -> Sheet:
    return Sheet(id=f"o{rev}", rev=rev, now_ms=now_ms, basis="test")


@given(ends_ms=st.lists(ENDS, min_size=1, max_size=4))
def test_for_ever_outlasts_every_date_in_whatever_order_it_comes(ends_ms: list[int]) -> None:
    expected_ms = INSTANT_MS_MAX if FOR_EVER_MS in ends_ms else max(ends_ms)
    for order in permutations(ends_ms):
        force = in_force(held(list(order)))
        assert force is not None
        assert force.until_ms == expected_ms


@given(first=ENDS, second=ENDS)
def test_the_same_revision_twice_and_what_moves_to_a_catch_all_keep_it(first: int, second: int) -> None:
    joined = declare(held([first]), 1, BEGIN_MS, second, "anna")
    assert isinstance(joined, Protection)
    _, moved = take_out(joined, "anna")
    assert moved is not None
    assert moved.until_ms == (FOR_EVER_MS if FOR_EVER_MS in {first, second} else max(first, second))


def test_a_lease_names_for_ever_as_firmware_of_before_holds_it() -> None:
    catch_all = catch_all_of("anna")
    named = named_in_lease(catch_all, held([FOR_EVER_MS]))
    assert named == Named(catch_all, 0, (BEGIN_MS, FOR_EVER_MS))
    assert knows(held([FOR_EVER_MS]), named)
    assert not knows(held([LATER_MS]), named)


def test_protection_says_no_later_instant_than_old_firmware_knows_unless_its_own_end_is_later() -> None:
    end_2099_ms = FOR_EVER_MS - DAY_MS
    for until_ms, good_ms in ((end_2099_ms, FOR_EVER_MS), (LATER_MS, LATER_MS + 7 * DAY_MS)):
        hold = drafting.declare_moratorium(sheet(BEGIN_MS), "h", BEGIN_MS, until_ms)
        assert hold.not_after_ms == good_ms
    flag = drafting.set_flag(sheet(FOR_EVER_MS - 10 * DAY_MS), "m1", FlagName.MEDICAL)
    assert (flag.not_after_ms, good_until_ms(flag)) == (FOR_EVER_MS, INSTANT_MS_MAX)
    late = drafting.set_flag(sheet(INSTANT_MS_MAX - DAY_MS), "m1", FlagName.MEDICAL)
    assert good_until_ms(late) == INSTANT_MS_MAX


def test_the_end_of_harm_is_a_date_like_any_other() -> None:
    calendar = drafting.unlinted_calendar(
        sheet(BEGIN_MS), "season", (Window(BEGIN_MS, BEGIN_MS + 1000),), RULE, FOR_EVER_MS
    )
    assert good_until_ms(calendar) == FOR_EVER_MS


def test_only_for_ever_replaces_for_ever() -> None:
    def hold(rev: int, until_ms: int) -> Order:
        return drafting.declare_moratorium(sheet(BEGIN_MS, rev), "h", BEGIN_MS, until_ms)

    assert not replaces(hold(2, LATER_MS), hold(1, FOR_EVER_MS))
    assert replaces(hold(2, FOR_EVER_MS), hold(1, LATER_MS))


def test_nothing_is_later_than_for_ever() -> None:
    with pytest.raises(InputError, match="allowed: later than 2200-01-01T00:00:00Z"):
        drafting.extend_moratorium(sheet(BEGIN_MS), "h", (BEGIN_MS, INSTANT_MS_MAX), LATER_MS)
    extended = drafting.extend_moratorium(sheet(BEGIN_MS), "h", (BEGIN_MS, LATER_MS), FOR_EVER_MS)
    assert msgspec.json.decode(extended.body)["until_ms"] == FOR_EVER_MS
