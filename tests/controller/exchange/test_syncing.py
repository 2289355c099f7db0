"""A real meter that gets the answer to its sync lacks nothing, and a second sync sends nothing."""

from hypothesis import given

from controller.exchange.syncing import answer
from controller.orders.life import ActiveOrder, DeliveryState
from emulator.firmware.guarded.told import holds_of
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from tests.controller.one_meter import STORIES, MeterAndOrders


@given(STORIES)
def test_after_what_a_sync_says_nothing_is_missing(story: list[tuple[str, bool]]) -> None:
    pair = MeterAndOrders()
    for verb, arrives in story:
        pair.decide(verb, arrives=arrives)
    answered = pair.sync()
    for order in answered.send:
        pair.deliver(order)
        assert pair.active[order.id].state is DeliveryState.STORED, order
    assert pair.lacks() == []
    assert pair.sync().send == ()
    assert not answered.root


@given(STORIES)
def test_harm_is_never_sent_again_but_for_a_calendar_or_tariff_in_force(
    story: list[tuple[str, bool]],
) -> None:
    pair = MeterAndOrders()
    for verb, arrives in story:
        pair.decide(verb, arrives=arrives)
    harm = [order.kind for order in pair.sync().send if KINDS[order.kind].role is Role.HARM]
    assert set(harm) <= {Kind.CUT_CALENDAR, Kind.TARIFF}
    assert len(harm) == len(set(harm))


@given(STORIES)
def test_a_meter_that_got_everything_is_sent_nothing(story: list[tuple[str, bool]]) -> None:
    pair = MeterAndOrders()
    for verb, _ in story:
        pair.decide(verb, arrives=True)
    assert pair.sync().send == ()


def test_only_the_latest_calendar_is_sent_again_and_each_hold() -> None:
    pair = MeterAndOrders()
    orders = [pair.draft(verb) for verb in ("calendar", "calendar", "extend", "extend")]
    active = [ActiveOrder(order, DeliveryState.SENT) for order in orders]
    answered = answer(holds_of(pair.bench.meter), active, 1, pair.bench.now_ms)
    assert [(order.kind, order.rev) for order in answered.send] == [
        (Kind.HOLD, 1),
        (Kind.HOLD, 2),
        (Kind.CUT_CALENDAR, 2),
    ]


def test_a_meter_with_an_old_root_is_sent_the_new_one() -> None:
    pair = MeterAndOrders()
    assert answer(holds_of(pair.bench.meter), [], 2, pair.bench.now_ms).root
