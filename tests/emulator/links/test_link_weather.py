"""Orders over a bad link: whatever is lost, doubled or overtaken, a sync ends in the same protection."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.guarded.told import holds_of
from emulator.world.weather import Weather, arrivals
from protocols.documents.bodies import Body, CancelCutBody, FlagBody, HoldBody, PaymentBody, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, body_of
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.messages import MeterHolds
from protocols.reasons import FlagName, Supply
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench, sign
from tests.emulator.links.link_bench import Headend, household, link_of

PLANS = st.lists(
    st.sampled_from(["hold/a", "hold/b", "flag/medical", "release/m1", "cut/c", "payment/controller"]),
    min_size=1,
    max_size=12,
)
WEATHERS = st.builds(
    Weather,
    st.integers(0, 10**9),
    loss_percent=st.integers(0, 90),
    double_percent=st.integers(0, 100),
    delay_ms_max=st.integers(0, 3_600_000),
)


@dataclass(frozen=True, slots=True)
class Sent:
    order: Order
    data: bytes


def write_all(plan: list[str]) -> list[Sent]:
    """One revision after the other, each a little different from the last."""
    bench = Workbench()
    sent = []
    for number, name in enumerate(plan, start=1):
        body: Body
        match name.split("/")[0]:
            case "hold":
                kind, body = Kind.HOLD, HoldBody(MONDAY_MS + number, MONDAY_MS + number * DAY_MS)
            case "flag":
                kind, body = Kind.SET_FLAG, FlagBody(FlagName.MEDICAL)
            case "release":
                kind, body = Kind.RELEASE, ReleaseBody(72)
            case "cut":
                kind, body = Kind.CANCEL_CUT, CancelCutBody(f"cut/c{number}")
            case _:
                kind, body = Kind.PAYMENT, PaymentBody("controller", number, number * 1_000_000)
        order = bench.order(kind, name.split("/")[1], body)
        sent.append(Sent(order, sign(order)))
    return sent


def is_missing(order: Order, holds: MeterHolds) -> bool:
    """What a controller sees in a sync: this order has not arrived, nor anything that stands for it."""
    if order.kind is Kind.CANCEL_CUT:
        return body_of(order, CancelCutBody).cut not in holds.tombstones
    if order.kind is Kind.PAYMENT:
        return all(held.number < body_of(order, PaymentBody).number for held in holds.statements)
    named = {each.object: each for each in holds.protections}.get(order.object)
    return named is None or (order.rev > named.floor and order.rev not in named.revs)


@given(PLANS, WEATHERS)
def test_over_any_weather_with_resend_at_sync_the_same_protective_state_is_reached(
    plan: list[str], weather: Weather
) -> None:
    sent = write_all(plan)
    fair, stormy = Headend(link_of(household())), Headend(link_of(household()))
    for headend in (fair, stormy):
        headend.connect()
    for each in sent:
        fair.send(each.data)
    meter = stormy.link.meters["m1"].household.meter
    missing, number = list(sent), 0
    for _ in range(200):
        if not missing:
            break
        coming = arrivals(weather, [(stormy.now_ms, each) for each in missing], first_number=number)
        number += len(missing)
        for at_ms, each in coming:
            stormy.wait_until(max(at_ms, stormy.now_ms))
            stormy.send(each.data)
        stormy.now_ms += HOUR_MS
        stormy.link.disconnected()
        stormy.connect()
        holds = holds_of(meter)
        missing = [each for each in sent if is_missing(each.order, holds)]
    assert not missing
    twin = fair.link.meters["m1"].household.meter.memory
    assert meter.memory.protections == twin.protections
    assert meter.memory.totals == twin.totals
    assert set(meter.memory.tombstones) == set(twin.tombstones)
    assert (meter.memory.release_ends_at > 0) == (twin.release_ends_at > 0)
    assert meter.point.supply is Supply.ON
