"""From a commit to a meter's report, with real meters: with lost messages, absent links, and kills."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading
from controller.database.tables import DeliveryRow, OutboxRow
from controller.meters.views import list_meters, show_meter
from controller.office import audit
from controller.orders.outbox import Message
from controller.orders.store import order_in
from controller.payments import store as payments
from controller.payments.rules import PurseFault
from controller.service.serve import Service
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import in_force
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.link.carriage import NotConnectedError
from protocols.link.topics import Channel
from protocols.reasons import ClockStatus, Supply
from protocols.units import QUANTA_PER_EUR, UEUR_PER_EUR
from tests.controller.service_bench import SERVICE_KEYS, World, controller_with, make_link


class KilledError(Exception):
    """Stands for a kill of the process."""


Story = Callable[[World], Awaitable[None]]

# A test of the growing pauses between attempts watches so many minutes; the last attempt comes in minute 127.
_THREE_HOURS_MIN = 180
_BEFORE_THE_LAST_MIN = 126
# The window of the cut that tests order: tomorrow, from 10:00 to 11:00 after midnight UTC.
CUT_FROM_MS = DAY_MS + 10 * HOUR_MS
CUT_UNTIL_MS = DAY_MS + 11 * HOUR_MS


def run_story(
    engine: Engine, story: Story, *links: tuple[str, tuple[str, ...]], balance_q: int | None = None
) -> None:
    """Run a story in a world with these links (without any: one link with two meters)."""

    async def run() -> None:
        purse_q = 1_000 * QUANTA_PER_EUR if balance_q is None else balance_q
        named = links or (("link-1", ("m1", "m2")),)
        async with controller_with(
            engine, *(make_link(name, meters, balance_q=purse_q) for name, meters in named)
        ) as world:
            await story(world)

    asyncio.run(run())


def states(engine: Engine, order_id: str) -> dict[str, str]:
    with reading(engine) as session:
        rows = session.exec(select(DeliveryRow).where(DeliveryRow.order_id == order_id))
        return {row.meter: row.state for row in rows}


def test_a_link_that_connects_makes_its_meters_known(engine: Engine) -> None:
    async def story(world: World) -> None:
        with reading(world.engine) as session:
            meters = list_meters(session, now_ms=0)
        assert [(each.id, each.link, each.online) for each in meters] == [
            ("m1", "link-1", True),
            ("m2", "link-1", True),
        ]
        assert all(each.supply == Supply.ON and each.clock == ClockStatus.TRUSTED for each in meters)

    run_story(engine, story)


def test_a_moratorium_is_stored_and_read_back_by_every_meter_and_retained_for_those_to_come(
    engine: Engine,
) -> None:
    async def story(world: World) -> None:
        row = world.declare("mora", world.now_ms, world.now_ms + 30 * DAY_MS)
        assert states(engine, row.id) == {"m1": "queued", "m2": "queued"}
        await world.settle()
        assert states(engine, row.id) == {"m1": "effective", "m2": "effective"}
        assert list(world.retained) == [row.id]
        assert in_force(world.meter("m1").memory.protections["hold/mora"]) is not None

    run_story(engine, story)


def test_a_hold_that_two_people_lift_is_cleared_from_the_broker(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.declare("mora", world.now_ms, world.now_ms + 30 * DAY_MS)
        await world.settle()
        lift = world.lift("mora")
        await world.settle()
        assert world.retained == {}
        assert states(engine, lift.id) == {"m1": "effective", "m2": "effective"}
        assert in_force(world.meter("m1").memory.protections["hold/mora"]) is None

    run_story(engine, story)


def test_a_meter_that_was_away_gets_what_it_lacks_at_its_sync_and_nothing_at_the_second(
    engine: Engine,
) -> None:
    async def story(world: World) -> None:
        world.disconnect("link-2")
        await world.settle()
        hold = world.declare("one", world.now_ms, world.now_ms + DAY_MS, Scope(meters=("m1", "m3")))
        permit = world.permit()
        paid = world.pay("p1", "m3", 5 * UEUR_PER_EUR)
        await world.tick()
        assert states(engine, hold.id) == {"m1": "effective", "m3": "sent"}
        world.connect("link-2")
        await world.settle()
        for order_id in (hold.id, permit.id, paid):
            assert states(engine, order_id)["m3"] == "effective", order_id
        memory = world.meter("m3").memory
        assert (memory.totals.credited_ueur, memory.lease is not None) == (5 * UEUR_PER_EUR, True)
        sent = world.published[Channel.ORDERS]
        world.disconnect("link-2")
        world.connect("link-2")
        await world.settle()
        assert world.published[Channel.ORDERS] == sent

    run_story(engine, story, ("link-1", ("m1", "m2")), ("link-2", ("m3",)))


def test_a_cut_order_that_did_not_arrive_is_never_sent_again(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.disconnect("link-1")
        await world.settle()
        order = world.cut("m1", world.now_ms + CUT_FROM_MS, world.now_ms + CUT_UNTIL_MS)
        await world.settle()
        assert states(engine, order.id) == {"m1": "sent"}
        await world.wait(5 * MINUTE_MS, MINUTE_MS)
        assert states(engine, order.id) == {"m1": "timed_out"}
        world.connect("link-1")
        await world.settle()
        await world.wait(2 * HOUR_MS)
        assert states(engine, order.id) == {"m1": "timed_out"}
        assert world.meter("m1").memory.cut_orders == {}

    run_story(engine, story)


def test_harm_that_finds_no_broker_times_out_after_a_minute(engine: Engine) -> None:
    """Committed without a broker, it is not marked as sent, and is too late a minute later."""

    async def story(world: World) -> None:
        world.connected = False
        order = world.cut("m1", world.now_ms + CUT_FROM_MS, world.now_ms + CUT_UNTIL_MS)
        assert world.service.outbox is not None
        with pytest.raises(NotConnectedError):
            await world.service.outbox.drain()
        assert states(engine, order.id) == {"m1": "queued"}
        await world.wait(2 * MINUTE_MS, MINUTE_MS)
        world.connected = True
        await world.settle()
        assert states(engine, order.id) == {"m1": "timed_out"}
        assert world.meter("m1").memory.cut_orders == {}

    run_story(engine, story)


def test_what_the_broker_did_not_confirm_stays_queued_and_goes_out_later(engine: Engine) -> None:
    async def story(world: World) -> None:
        assert world.service.outbox is not None
        world.acknowledges = False
        row = world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
        with pytest.raises(NotConnectedError):
            await world.service.outbox.drain()
        assert states(engine, row.id) == {"m1": "queued", "m2": "queued"}
        world.acknowledges = True
        await world.settle()
        assert states(engine, row.id) == {"m1": "effective", "m2": "effective"}

    run_story(engine, story)


def test_a_calendar_is_sent_again_only_at_a_sync(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.lost_channels = {Channel.RECEIPTS, Channel.REPORTED}
        row = world.permit()
        await world.settle()
        world.lost_channels = set()
        await world.wait(10 * MINUTE_MS, 5 * MINUTE_MS)
        sent = [order_in(payload).id for place, payload in world.messages if place.channel is Channel.ORDERS]
        assert sent.count(row.id) == 2
        assert states(engine, row.id) == {"m1": "timed_out", "m2": "timed_out"}
        world.disconnect("link-1")
        world.connect("link-1")
        await world.settle()
        assert states(engine, row.id) == {"m1": "effective", "m2": "effective"}

    run_story(engine, story)


def test_a_release_whose_report_was_lost_is_asked_for_again_until_it_is_seen(engine: Engine) -> None:
    """A broker may drop a report after a receipt: mosquitto's default queue dropped 103 of 1,000."""

    async def story(world: World) -> None:
        world.permit()
        await world.tick()
        await world.wait(2 * DAY_MS)
        assert world.meter("m1").point.supply == Supply.OFF
        world.lost_channels = {Channel.REPORTED}
        row = world.release()
        await world.settle()
        assert states(engine, row.id) == {"m1": "stored"}
        await world.wait(4 * MINUTE_MS, 10 * SECOND_MS)
        with reading(engine) as session:
            (delivery,) = session.exec(select(DeliveryRow).where(DeliveryRow.order_id == row.id))
            # Attempts: the first, and after 1 and 2 minutes more; not one at each of the 24 ticks.
            assert (delivery.state, delivery.attempts) == ("stored", 3)
        world.lost_channels = set()
        await world.wait(4 * MINUTE_MS, 10 * SECOND_MS)
        assert states(engine, row.id) == {"m1": "effective"}
        sent = world.published[Channel.ORDERS]
        await world.wait(HOUR_MS, MINUTE_MS)
        assert world.published[Channel.ORDERS] == sent

    run_story(engine, story, ("link-1", ("m1",)), balance_q=QUANTA_PER_EUR)


def test_protection_without_a_receipt_is_sent_again_ever_more_seldom_and_never_given_up(
    engine: Engine,
) -> None:
    async def story(world: World) -> None:
        world.lost_channels = {Channel.RECEIPTS, Channel.REPORTED}
        hold = world.declare("mora", world.now_ms, world.now_ms + 2 * DAY_MS, Scope(meters=("m1",)))
        sent_at: list[int] = []
        for minute in range(_THREE_HOURS_MIN):
            await world.wait(MINUTE_MS, MINUTE_MS)
            sent = sum(place.channel is Channel.ORDERS for place, _ in world.messages)
            sent_at += [minute] * (sent - len(sent_at))
            if minute == _BEFORE_THE_LAST_MIN:
                # An hour after the last attempt it is shown as timed out; the next attempt comes all the
                # same.
                assert states(engine, hold.id) == {"m1": "timed_out"}
        # Each wait is twice as long as the one before.
        assert sent_at == [2**attempt - 1 for attempt in range(8)]
        with reading(engine) as session:
            (delivery,) = session.exec(select(DeliveryRow).where(DeliveryRow.order_id == hold.id))
            assert (delivery.state, delivery.attempts) == ("sent", 8)
        world.lost_channels = set()
        await world.wait(3 * HOUR_MS)
        assert states(engine, hold.id) == {"m1": "effective"}

    run_story(engine, story, ("link-1", ("m1",)))


def test_a_lease_that_is_renewed_day_by_day_is_sent_once_a_day(engine: Engine) -> None:
    """A lease has a receipt and no report after it: the missing report must not cause a retry."""

    async def story(world: World) -> None:
        world.declare("mora", world.now_ms, world.now_ms + 20 * DAY_MS)
        world.permit()
        await world.tick()
        await world.wait(3 * DAY_MS, 10 * MINUTE_MS)
        sent = Counter(order_in(each).id for place, each in world.messages if place.channel is Channel.ORDERS)
        # The calendar, and a lease for each of the four days; each to two meters.
        assert sorted(sent.values()) == [2] * 5

    run_story(engine, story)


def test_a_release_is_effective_only_when_there_is_supply_again(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.tick()
        await world.wait(2 * DAY_MS)
        assert world.meter("m1").point.supply == Supply.OFF
        with reading(engine) as session:
            assert show_meter(session, "m1").supply == Supply.OFF
        row = world.release()
        await world.settle()
        assert states(engine, row.id) == {"m1": "effective"}
        assert world.meter("m1").point.supply == Supply.ON
        await world.wait(2 * DAY_MS)
        assert world.meter("m1").point.supply == Supply.ON

    run_story(engine, story, ("link-1", ("m1",)), balance_q=QUANTA_PER_EUR)


def test_leases_are_renewed_daily_and_name_new_protection_at_once(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.tick()
        first = world.meter("m1").memory.lease
        assert first is not None
        assert first.names == ()
        await world.tick()
        assert world.meter("m1").memory.lease == first
        world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
        await world.tick()
        second = world.meter("m1").memory.lease
        assert second is not None
        assert [named.object for named in second.names] == ["hold/mora"]
        await world.wait(3 * DAY_MS)
        third = world.meter("m1").memory.lease
        assert third is not None
        assert third.ends_ms > world.now_ms + 5 * DAY_MS

    run_story(engine, story)


def test_a_receipt_that_is_lost_is_asked_for_again(engine: Engine) -> None:
    """As when the service is killed between the acknowledgement and its commit."""

    async def story(world: World) -> None:
        world.lost_channels = {Channel.RECEIPTS, Channel.REPORTED}
        paid = world.pay("p1", "m1", 5 * UEUR_PER_EUR)
        await world.settle()
        assert states(engine, paid) == {"m1": "sent"}
        world.lost_channels = set()
        await world.wait(10 * MINUTE_MS, MINUTE_MS)
        assert states(engine, paid) == {"m1": "effective"}
        assert world.meter("m1").memory.totals.credited_ueur == 5 * UEUR_PER_EUR

    run_story(engine, story)


def test_a_payment_is_credited_once_whatever_is_repeated(engine: Engine) -> None:
    async def story(world: World) -> None:
        first = world.pay("p1", "m1", 5 * UEUR_PER_EUR)
        assert world.pay("p1", "m1", 5 * UEUR_PER_EUR) == ""
        second = world.pay("p2", "m1", 7 * UEUR_PER_EUR)
        await world.settle()
        assert states(engine, first) == {"m1": "superseded"}
        assert states(engine, second) == {"m1": "effective"}
        assert world.meter("m1").memory.totals.credited_ueur == 12 * UEUR_PER_EUR
        with reading(engine) as session:
            assert payments.verify_ledger(session) == []
            assert payments.verify_purses(session) == []

    run_story(engine, story)


def test_a_purse_that_lost_a_quantum_is_named(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.pay("p1", "m1", 5 * UEUR_PER_EUR)
        await world.settle()
        world.meter("m1").memory.credit.balance_q -= 1
        world.pay("p2", "m1", 7 * UEUR_PER_EUR)
        await world.settle()
        with reading(engine) as session:
            (found,) = payments.verify_purses(session)
        assert (found.meter, found.fault) == ("m1", PurseFault.BALANCE)
        assert found.found_q == found.expected_q - 1

    run_story(engine, story)


def test_a_kill_before_the_commit_repeats_protection_and_loses_harm(engine: Engine) -> None:
    """A kill after the acknowledgement: protection, not yet marked, is sent again; harm was marked before."""

    async def story(world: World) -> None:
        assert world.service.outbox is not None
        paid = world.pay("p1", "m1", 5 * UEUR_PER_EUR)
        cut = world.cut("m1", world.now_ms + CUT_FROM_MS, world.now_ms + CUT_UNTIL_MS)
        mark = world.service.outbox._mark_taken

        def mark_harm_only(messages: Sequence[Message]) -> None:
            if not messages[0].once:
                raise KilledError
            mark(messages)

        world.service.outbox._mark_taken = mark_harm_only  # type: ignore[method-assign] # a kill at the worst moment
        with pytest.raises(KilledError):
            await world.settle()
        sent = world.published[Channel.ORDERS]
        world.restart()
        await world.settle()
        again = [payload for place, payload in world.messages if place.channel is Channel.ORDERS][sent:]
        assert [order_in(payload).id for payload in again] == [paid]
        assert world.meter("m1").memory.totals.credited_ueur == 5 * UEUR_PER_EUR
        assert states(engine, paid) == {"m1": "effective"}
        assert states(engine, cut.id)["m1"] in {"sent", "stored", "effective"}

    run_story(engine, story)


def test_a_killed_service_continues_from_the_database(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.connected = False
        hold = world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
        paid = world.pay("p1", "m2", 5 * UEUR_PER_EUR)
        world.restart()
        world.connected = True
        await world.settle()
        await world.tick()
        for order_id, meter in ((hold.id, "m1"), (hold.id, "m2"), (paid, "m2")):
            assert states(engine, order_id)[meter] == "effective"
        with reading(engine) as session:
            assert audit.verify_audit(session) is None

    run_story(engine, story)


def test_a_report_without_the_meters_own_key_changes_nothing(engine: Engine) -> None:
    async def story(world: World) -> None:
        link = world.links["link-1"]
        meter = link.meters["m1"]
        meter.household.meter.identity = meter.household.meter.identity.__class__(
            "m1", frozenset(), b"x" * 32
        )
        paid = world.pay("p1", "m1", UEUR_PER_EUR)
        await world.settle()
        assert states(engine, paid) == {"m1": "sent"}
        assert world.service.intake.refused.total() > 0

    run_story(engine, story)


def test_every_act_stands_in_the_audit_and_the_chain_is_whole(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
        world.permit()
        await world.tick()
        await world.wait(2 * DAY_MS)
        with reading(engine) as session:
            acts = [(each.act.actor, each.act.act) for each in audit.recent(session, 1_000)]
            assert audit.verify_audit(session) is None
        assert ("anna", "approve") in acts
        assert ("service", "approve") in acts
        assert ("service", "answer_sync") not in acts

    run_story(engine, story)


def test_nothing_is_left_in_the_outbox(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
        world.permit()
        await world.tick()
        with reading(engine) as session:
            assert session.exec(select(OutboxRow)).all() == []
        assert await world.service.drained()

    run_story(engine, story)


@pytest.mark.parametrize("kind", [Kind.HOLD, Kind.CUT_CALENDAR])
def test_a_meter_that_joins_later_gets_what_is_in_force(engine: Engine, kind: Kind) -> None:
    async def story(world: World) -> None:
        row = (
            world.permit()
            if kind is Kind.CUT_CALENDAR
            else world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
        )
        await world.settle()
        world.links["link-2"] = make_link("link-2", ("m9",))
        world.connect("link-2")
        await world.settle()
        assert states(engine, row.id)["m9"] == "effective"

    run_story(engine, story)


def test_a_run_that_yields_issues_no_lease_and_answers_no_time_and_goes_on_protecting(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.service = Service(engine, SERVICE_KEYS, world.clock, leads=lambda: False)
        world.service.attach(world)
        world.tasks.append(asyncio.create_task(world.service.intake.run()))
        hold = world.declare("mora", world.now_ms, world.now_ms + DAY_MS)
        paid = world.pay("p1", "m1", 5 * UEUR_PER_EUR)
        world.permit()
        asked = world.published[Channel.TIME_ANSWER]
        world.disconnect("link-1")
        world.connect("link-1")
        await world.tick()
        assert states(engine, hold.id) == {"m1": "effective", "m2": "effective"}
        assert states(engine, paid) == {"m1": "effective"}
        assert world.meter("m1").memory.lease is None
        # Two meters have asked both authorities at the connect; only the timeserver has answered.
        assert world.published[Channel.TIME_ANSWER] == asked + 2

    run_story(engine, story)
