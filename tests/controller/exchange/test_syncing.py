"""After what a sync says is delivered, a real meter lacks nothing; a second sync sends nothing."""

from hypothesis import given

from controller.exchange.syncing import answer
from controller.orders.life import ActiveOrder, DeliveryState
from emulator.links.syncing import holds_of
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from tests.controller.one_meter import STORIES, Desk


@given(STORIES)
def test_after_what_a_sync_says_nothing_is_missing(story: list[tuple[str, bool]]) -> None:
    desk = Desk()
    for verb, arrives in story:
        desk.decide(verb, arrives=arrives)
    said = desk.sync()
    for order in said.send:
        desk.deliver(order)
        assert desk.standing[order.id].state is DeliveryState.STORED, order
    assert desk.lacks() == []
    assert desk.sync().send == ()
    assert not said.root


@given(STORIES)
def test_harm_is_never_sent_again_but_for_a_calendar_or_tariff_in_force(
    story: list[tuple[str, bool]],
) -> None:
    desk = Desk()
    for verb, arrives in story:
        desk.decide(verb, arrives=arrives)
    harm = [order.kind for order in desk.sync().send if KINDS[order.kind].role is Role.HARM]
    assert set(harm) <= {Kind.CUT_CALENDAR, Kind.TARIFF}
    assert len(harm) == len(set(harm))


@given(STORIES)
def test_a_meter_that_got_everything_is_sent_nothing(story: list[tuple[str, bool]]) -> None:
    desk = Desk()
    for verb, _ in story:
        desk.decide(verb, arrives=True)
    assert desk.sync().send == ()


def test_only_the_latest_calendar_is_sent_again_and_each_hold() -> None:
    desk = Desk()
    orders = [desk.draft(verb) for verb in ("calendar", "calendar", "extend", "extend")]
    standing = [ActiveOrder(order, DeliveryState.SENT) for order in orders]
    said = answer(holds_of(desk.bench.meter), standing, 1, desk.bench.now_ms)
    assert [(order.kind, order.rev) for order in said.send] == [
        (Kind.HOLD, 1),
        (Kind.HOLD, 2),
        (Kind.CUT_CALENDAR, 2),
    ]


def test_a_meter_with_an_old_root_is_sent_the_new_one() -> None:
    desk = Desk()
    assert answer(holds_of(desk.bench.meter), [], 2, desk.bench.now_ms).root
