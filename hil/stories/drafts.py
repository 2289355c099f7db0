"""Orders as a story words them: sound, until it spoils what it asks about; and clocks that are in doubt."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from cardreader.issuing.practice import HOLDERS, THRESHOLDS
from emulator.firmware.events import ButtonName
from emulator.scenario.model import CutCalendarSpec, WitnessSpec
from hil.stories.plans import AUTHORITIES, at
from hil.stories.stage import StoryBench
from hil.stories.wishes import MeterWish
from protocols.documents.bodies import Body
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order, Scope, make_body
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import Energy
from protocols.spans import Window

# A meter with nothing left: electricity, and emergency credit that waits for a button.
EMPTY_PURSE: Final = MeterWish(
    "2020-06-24T08:00:00+02:00",
    balance_eur=Decimal(-1),
    load_w=500,
    energy=Energy.ELECTRICITY,
    profile="wallonia-card-2020",
)
# How far off a clock in doubt may be, on either side.
DOUBT_MS: Final = 10 * MINUTE_MS
# A main loop looks once a second.
LOOK_MS: Final = 2 * SECOND_MS
_LEAK_TEST_MS: Final = 15 * MINUTE_MS
_LIFE_MS: Final = 7 * DAY_MS


def an_order(bench: StoryBench, kind: Kind, object_name: str, body: Body, rev: int = 1) -> Order:
    """To this meter, valid from an hour ago for a week."""
    now_ms = bench.now_ms
    return Order(
        id=f"{kind}-{rev}",
        kind=kind,
        object=object_name,
        scope=Scope(meters=(bench.word("identity", "meter"),)),
        rev=rev,
        issued_at_ms=now_ms,
        not_before_ms=now_ms - HOUR_MS,
        not_after_ms=now_ms + _LIFE_MS,
        basis="bench",
        body=make_body(body),
    )


def people_for(kind: Kind) -> Sequence[str]:
    """As many as its role asks for."""
    role = KINDS[kind].role
    return HOLDERS[role][: THRESHOLDS[role]]


def bring_sound(bench: StoryBench, order: Order) -> bytes:
    """Sign it as its kind asks, and bring it; its bytes, for a story that brings them again."""
    data = bench.documents.seal(order, *people_for(order.kind))
    bench.documents.bring(data)
    return data


def permit_until(bench: StoryBench, lease_ends_ms: int, *windows: Window) -> None:
    """Two people permit cuts in these windows, and the lease of that ends at an instant of its own."""
    bench.orders.bring(CutCalendarSpec("bench", "UTC", "none", lease_ends_ms, windows, names=()))


def look_again(bench: StoryBench) -> None:
    """Bring a date of nobody: it changes nothing, but a meter looks at all its rules anew. Takes 2 s."""
    bench.clock_fault.set_date(at(bench, DAY_MS))
    bench.time.let_pass(LOOK_MS)


def put_clock_in_doubt(bench: StoryBench) -> None:
    """The meter loses its count, and two authorities tell it the time, each to ten minutes and no closer."""
    # What two have vouched for is never given up: let it be older than the doubt.
    bench.time.let_pass(2 * DOUBT_MS)
    bench.clock_fault.lose_ticks()
    for source in AUTHORITIES:
        bench.authorities.tell(WitnessSpec(source, 0, None, fresh=True, spread_ms=DOUBT_MS))
    bench.check("clock that is told to ten minutes", "trusted", bench.word("clock", "status"))


def is_given_back(bench: StoryBench) -> bool:
    """Whether the supply is back within a minute, or once a person does what such a meter waits for."""
    bench.time.let_pass(MINUTE_MS)
    if bench.word("supply", "supply") == "armed":
        if bench.word("identity", "energy") == Energy.GAS:
            bench.load.draw(0)
            bench.person.press(ButtonName.BLUE)
            bench.time.let_pass(_LEAK_TEST_MS)
        else:
            bench.person.press(ButtonName.BREAKER)
    return bench.sensor.is_supplied()
