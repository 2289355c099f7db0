"""What reaches a guarded meter: documents it can check, answers to its own nonce, numbered times."""

from dataclasses import replace
from pathlib import Path

from emulator.firmware.effects import Ask, Effect, RecordEmitted
from emulator.firmware.events import AskTime, Document, DocumentChannel, Event, UnsignedDate
from emulator.firmware.ticks import Tick
from emulator.scenario import model
from emulator.scenario.cards import ChipCards
from emulator.scenario.delivery import GuardedDelivery
from emulator.scenario.keyring import Keyring
from emulator.scenario.model import Do, MeterSpec
from protocols.documents.bodies import DebtBody, LeaseBody, Named
from protocols.documents.orders import (
    ORDER_TYPE,
    TIME_TYPE,
    OneWayTime,
    Order,
    SignedTime,
    TimeAnswer,
    body_of,
    read_order,
    read_time,
)
from protocols.documents.roles import open_signed, time_source
from protocols.documents.statements import NO_TOTALS
from protocols.instants import DAY_MS, UtcMs
from protocols.link.records import OrderJudged
from protocols.reasons import FlagName, OrderVerdict, Source
from tests.emulator.scenario.scripted_meter import PROFILE, START_MS, ScriptedMeter

NONCE = "0123456789abcdef"
OFFICE = Keyring(7, START_MS)
SPEC = MeterSpec("m1", "guarded", PROFILE, 0, 0, (), 0)
CARDS = ChipCards(SPEC, OFFICE, 7, Path())


class AgreeableMeter(ScriptedMeter):
    """Asks with one nonce, and accepts every order but those of the kinds it is told to refuse."""

    dispute_nonce = ""
    totals = NO_TOTALS

    def __init__(self, *refused: str) -> None:
        super().__init__({})
        self.channels: list[DocumentChannel] = []
        self.orders: list[Order] = []
        self.times: list[tuple[Source | None, SignedTime]] = []
        self._refused = refused

    def handle(self, event: Event, at: int) -> tuple[Effect, ...]:
        self.heard.append((at, event))
        match event:
            case AskTime():
                return (Ask(Tick(at), event.source, NONCE),)
            case Document():
                return self._read(event, at)
        return ()

    def _read(self, document: Document, at: int) -> tuple[Effect, ...]:
        self.channels.append(document.channel)
        if ORDER_TYPE.encode() not in document.data:
            signed = open_signed(document.data, OFFICE.root, TIME_TYPE)
            self.times.append((time_source(signed, OFFICE.root), read_time(signed.payload)))
            return ()
        order = read_order(open_signed(document.data, OFFICE.root, ORDER_TYPE).payload)
        self.orders.append(order)
        verdict = OrderVerdict.REFUSED if order.kind in self._refused else OrderVerdict.ACCEPTED
        return (RecordEmitted(Tick(at), OrderJudged(order.id, order.kind, order.object, order.rev, verdict)),)


def deliver(*events: Do, refused: tuple[str, ...] = (), spec: MeterSpec = SPEC) -> AgreeableMeter:
    meter = AgreeableMeter(*refused)
    delivery = GuardedDelivery(meter, spec, OFFICE, CARDS)
    for tick, do in enumerate(events):
        list(delivery.deliver(do, UtcMs(START_MS + tick), Tick(tick)))
    return meter


HOLD = model.HoldSpec("h", START_MS, START_MS + DAY_MS, 1)
CALENDAR = model.CutCalendarSpec("daily 08:00-09:00", "UTC", "none", START_MS + 9 * DAY_MS, (), ())


def test_a_fresh_witness_answers_the_nonce_it_was_asked_with() -> None:
    meter = deliver(model.WitnessSpec(Source.TIMESERVER, 5_000, None, True, 2_000))
    assert meter.heard[0] == (0, AskTime(Source.TIMESERVER))
    answer = TimeAnswer(meter="m1", nonce=NONCE, time_ms=START_MS + 5_000, spread_ms=2_000)
    assert meter.times == [(Source.TIMESERVER, answer)]


def test_one_way_times_are_numbered_by_their_source() -> None:
    events = [
        model.WitnessSpec(source, None, time_ms, False, 1_000)
        for time_ms, source in enumerate([Source.HEADEND, Source.CARD, Source.HEADEND], start=START_MS)
    ]
    meter = deliver(*events)
    assert meter.times == [
        (Source.HEADEND, OneWayTime(number=1, time_ms=START_MS, spread_ms=1_000)),
        (Source.CARD, OneWayTime(number=1, time_ms=START_MS + 1, spread_ms=1_000)),
        (Source.HEADEND, OneWayTime(number=2, time_ms=START_MS + 2, spread_ms=1_000)),
    ]


def test_a_clock_that_is_set_is_an_unsigned_date() -> None:
    assert deliver(model.SetClockSpec(-1, None)).heard == [(0, UnsignedDate(UtcMs(START_MS - 1)))]


def test_a_payment_travels_by_its_channel_and_all_else_over_the_link() -> None:
    meter = deliver(model.TopUpSpec("p", 1, DocumentChannel.CODE), model.ReleaseSpec(72))
    assert meter.channels == [DocumentChannel.CODE, DocumentChannel.MQTT]


def test_a_debt_that_names_no_share_has_the_share_of_the_profile() -> None:
    spec = replace(SPEC, profile=replace(PROFILE, debt_share_percent=35))
    shares = [
        body_of(deliver(model.DebtSpec(9, share, 9, 9, 7), spec=spec).orders[-1], DebtBody).share_permille
        for share in (None, 0, 1_000)
    ]
    assert shares == [350, 0, 1_000]


def test_a_calendar_comes_with_a_lease_that_names_what_the_meter_has_accepted() -> None:
    meter = deliver(HOLD, model.FlagSpec(FlagName.MEDICAL, True), CALENDAR, refused=("set_flag",))
    *_, calendar, lease = meter.orders
    body = body_of(lease, LeaseBody)
    assert (body.calendar, body.calendar_rev) == (calendar.object, calendar.rev)
    assert lease.not_after_ms == calendar.not_after_ms == CALENDAR.until_ms
    assert body.names == (Named("hold/h", 0, (1,)),)


def test_without_a_lease_to_send_the_office_says_why() -> None:
    meter = AgreeableMeter()
    delivery = GuardedDelivery(meter, SPEC, OFFICE, CARDS)
    for tick in range(17):
        list(delivery.deliver(HOLD, START_MS, Tick(tick)))
    *_, last = delivery.deliver(CALENDAR, START_MS, Tick(17))
    assert isinstance(last, RecordEmitted)
    assert last.record == OrderJudged("", "lease", "lease/meter", 0, OrderVerdict.REFUSED, "too_many")
    assert meter.orders[-1].kind == "cut_calendar"
