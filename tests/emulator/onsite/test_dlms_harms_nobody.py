"""Whatever a DLMS client asks for, a guarded meter lives as its twin that nobody asked anything."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.connection import ConnectionDeed, HangUp, SendFrame, WrappedConnection
from emulator.faces.dlms.deeds import BringDocument, BringUnsignedDate, BringUnsignedRequest
from emulator.faces.dlms.session import SharedState
from emulator.faces.dlms.values import write_length
from emulator.faces.dlms.wrapper import WrappedPdu, take_frame, write_frame
from emulator.faces.locking import PasswordLock
from emulator.faces.view import FaceView
from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.onsite.building import meter_of
from emulator.onsite.installed import InstalledMeter
from emulator.population.shipped import shipped_profiles
from emulator.scenario.form import read_scenario
from emulator.scenario.keyring import Keyring
from emulator.scenario.model import Scenario, SetClockSpec
from emulator.scenario.shipped import library
from protocols.documents.drafting import Sheet, cancel_cut, release, unlinted_cut
from protocols.instants import MINUTE_MS, UtcMs, ms_from_iso
from protocols.limits import JOURNAL_ENTRIES_MAX
from protocols.link.records import ClaimHeard, OrderJudged, SupplyChanged
from protocols.reasons import Supply
from tests.emulator.faces.dlms.talking import ALL, CONTEXT, PASSWORD, SIMPLE, aarq, initiate
from tests.emulator.faces.views import installed

# A Sunday evening; both are cut on Monday at eight, one by an empty purse and one by an order.
STORY = "guarded/stays-cut"
EVENING_MS, CUT_MS = (UtcMs(ms_from_iso(f"2020-07-0{each}+02:00")) for each in ("5T12:30:00", "6T08:00:00"))
READER = aarq(CONTEXT, SIMPLE, initiate(conformance=ALL))


class Client:
    """A client of a meter at its place, whose deeds are done as a running face does them."""

    def __init__(self, meter: InstalledMeter) -> None:
        self.meter = meter
        self._connection = WrappedConnection(SharedState(Guards(PasswordLock(PASSWORD))))
        assert self.say(READER)[:2] == "61"

    def say(self, pdu: bytes | str) -> str:
        data = bytes.fromhex(pdu) if isinstance(pdu, str) else pdu
        frame = write_frame(WrappedPdu(2, 1, data))
        answers = [self._do(deed) for deed in self._connection.hear(frame, 0, self.meter.view())]
        return "".join(answers)

    def enter(self, document: bytes) -> int:
        """The token status after a document was brought, in blocks."""
        data = b"\x09" + write_length(len(document)) + document
        parts = [data[at : at + 900] for at in range(0, len(data), 900)]
        answer = ""
        for number, part in enumerate(parts, 1):
            head = "c304c1 0073 0000132800ff 01" if number == 1 else "c306c1"
            last = f"{number == len(parts):02x}{number:08x}"
            answer = self.say(f"{head} {last}{write_length(len(part)).hex()}{part.hex()}")
        assert answer == "c701c10000"
        found = self.say("c001c1 0073 0000132800ff 06 00")
        assert found.startswith("c401c100020216")
        return int(found[14:16], 16)

    def _do(self, deed: ConnectionDeed) -> str:
        match deed:
            case SendFrame():
                frame, _ = take_frame(deed.data)
                assert frame is not None
                return frame.pdu.hex()
            case BringUnsignedDate():
                self.meter.do(SetClockSpec(offset_ms=None, time_ms=deed.time_ms))
            case BringUnsignedRequest():
                self.meter.bring_unsigned(deed.pdu)
            case BringDocument():
                self.meter.bring_document(deed.data)
            case HangUp():
                raise AssertionError("every frame was whole")
        return ""


@cache
def story() -> Scenario:
    return read_scenario(library()[STORY], STORY, shipped_profiles(), CATALOGUE)


def from_story(meter: str) -> InstalledMeter:
    found = InstalledMeter(story(), meter_of(story(), meter))
    found.advance(EVENING_MS)
    return found


def lived(meter: InstalledMeter) -> FaceView:
    """Everything that it shows, but what the black box tells of who came."""
    shown = meter.view()
    readout = replace(shown.readout, journal_number=0)
    return replace(shown, readout=readout, log=(), entered=None)


def cuts_of(meter: InstalledMeter) -> list[UtcMs]:
    """When it was cut."""
    return [
        each.true_ms
        for each in meter.noted
        if isinstance(each.record, SupplyChanged) and each.record.after is Supply.OFF
    ]


def date_time(year: int, month: int, day: int, hour: int, rest: bytes) -> str:
    """Any date and time, as a value; most of them can be."""
    return (b"\x09\x0c" + year.to_bytes(2, "big") + bytes((month, day, 255, hour, 0, 0, 0)) + rest).hex()


DATES = st.builds(
    date_time,
    st.sampled_from([2000, 2019, 2020, 2021, 2038, 2199, 65_535]),
    st.sampled_from([1, 2, 6, 7, 12, 253, 254, 255]),
    st.sampled_from([1, 5, 6, 7, 28, 29, 31, 253, 254, 255]),
    st.sampled_from([0, 2, 8, 23, 255]),
    st.sampled_from([b"\x80\x00\xff", b"\x00\x00\x00", b"\xff\x88\x80"]),
)
DAYS = DATES.map(lambda each: "0905" + each[4:14])
CALENDARS, SPECIALS = (
    st.sampled_from(["00000d0000ff", "00000d0001ff"]),
    st.sampled_from(["00000b0000ff", "00000b0001ff"]),
)
# Everything that brings a date or asks for a deed, and bytes that are nothing.
REQUESTS = st.one_of(
    DATES.map(lambda date: f"c101c1 0008 0000010000ff 02 00 {date}"),
    st.integers(1, 4).map(lambda method: f"c301c1 0008 0000010000ff {method:02x} 01 0f00"),
    st.tuples(DATES, DATES, DATES).map(lambda each: f"c301c1 0008 0000010000ff 05 01 0203 {''.join(each)}"),
    st.integers(-900, 900).map(lambda s: f"c301c1 0008 0000010000ff 06 01 10{s & 0xFFFF:04x}"),
    st.tuples(CALENDARS, DATES).map(
        lambda each: f"c101c1 0014 {each[0]} 07 00 0101 0203 090131 {each[1]} 090131"
    ),
    st.tuples(CALENDARS, DATES).map(lambda each: f"c101c1 0014 {each[0]} 0a 00 {each[1]}"),
    CALENDARS.map(lambda name: f"c301c1 0014 {name} 01 01 0f00"),
    st.tuples(SPECIALS, DAYS).map(
        lambda each: f"c101c1 000b {each[0]} 02 00 0101 0203 120001 {each[1]} 1101"
    ),
    st.tuples(SPECIALS, DAYS).map(lambda each: f"c301c1 000b {each[0]} 01 01 0203 120001 {each[1]} 1101"),
    SPECIALS.map(lambda name: f"c301c1 000b {name} 02 01 120001"),
    DAYS.map(lambda day: f"c101c1 0016 00000f0001ff 04 00 0101 0202 090408000000 {day}"),
    DATES.map(lambda date: f"c101c1 0047 0000110000ff 08 00 0203 120001 {date} 0600000e10"),
    st.sampled_from(["00000a0064ff", "00000a006aff", "00000a0080ff"]).map(
        lambda name: f"c301c1 0009 {name} 01 01 120001"
    ),
    st.integers(1, 2).map(lambda method: f"c301c1 0046 000060030aff {method:02x} 01 0f00"),
    st.binary(max_size=60).map(lambda data: f"c301c1 0073 0000132800ff 01 01 09{len(data):02x}{data.hex()}"),
    st.binary(min_size=1, max_size=40).map(bytes.hex),
)
# How many minutes pass before each: most of a night, or none, so that some come around the cut.
STEPS = st.lists(st.tuples(st.sampled_from([0, 0, 1, 30, 400]), REQUESTS), max_size=12)


@settings(max_examples=25)
@given(st.sampled_from(["empty", "ordered"]), STEPS, st.booleans())
def test_no_sequence_of_requests_changes_supply_or_a_bound_of_the_clock(
    name: str, steps: list[tuple[int, str]], starts_late: bool
) -> None:
    asked, twin = from_story(name), from_story(name)
    at_ms = EVENING_MS
    if starts_late:
        at_ms = UtcMs(CUT_MS - 2 * MINUTE_MS)
        asked.advance(at_ms)
        twin.advance(at_ms)
    client = Client(asked)
    for minutes, pdu in steps:
        at_ms = UtcMs(at_ms + minutes * MINUTE_MS)
        asked.advance(at_ms)
        client.say(pdu)
        twin.advance(at_ms)
        assert lived(asked) == lived(twin)
    end_ms = UtcMs(max(at_ms, CUT_MS) + 5 * MINUTE_MS)
    for meter in (asked, twin):
        meter.advance(end_ms)
    assert lived(asked) == lived(twin)
    # The story cuts them at its time: who comes by DLMS neither brings that about nor holds it up.
    first_cuts_ms = [cuts_of(meter)[0] for meter in (asked, twin)]
    assert first_cuts_ms[0] == first_cuts_ms[1]
    assert CUT_MS <= first_cuts_ms[0] < CUT_MS + 5 * MINUTE_MS


def test_a_reconnection_closes_nothing_before_a_signed_release_has_come() -> None:
    """The release itself gives the supply back; what is asked for after it is there already."""
    meter = from_story("empty")
    meter.advance(UtcMs(CUT_MS + MINUTE_MS))
    client = Client(meter)
    reconnect = "c301c1 0046 000060030aff 02 01 0f00"
    assert client.say(reconnect) == "c701c10300"
    assert meter.view().readout.glance.supply is Supply.OFF
    keyring = Keyring(story().seed, CUT_MS)
    order = release(Sheet("r", 1, CUT_MS, "a test"), keyring.releasing_key)
    nobody, person = keyring.seal_order(order, 0), keyring.seal_order(order, 1)
    assert client.enter(nobody) == 5
    assert meter.view().readout.glance.supply is Supply.OFF
    assert client.enter(person) == 3
    assert meter.view().readout.glance.supply is not Supply.OFF
    assert client.say(reconnect) == "c701c10000"


def test_a_flood_of_dates_leaves_a_refused_cut_in_the_black_box() -> None:
    meter = installed()
    client = Client(meter)
    assert client.say("c301c1 0046 000060030aff 01 01 0f00") == "c701c10300"
    for _ in range(JOURNAL_ENTRIES_MAX + 88):
        assert client.say("c101c1 0008 0000010000ff 02 00 090c07e40704ff000000008000ff") == "c501c100"
    log = [each.record for each in meter.view().log]
    assert sum(isinstance(each, OrderJudged) for each in log) == 1
    assert sum(isinstance(each, ClaimHeard) for each in log) == 1


@pytest.mark.parametrize(("signatures", "status"), [(0, 5), (1, 5), (2, 3)])
def test_a_cut_needs_its_two_signatures_here_too(signatures: int, status: int) -> None:
    meter = installed()
    now_ms = meter.now_ms
    keyring = Keyring(1, now_ms)
    order = unlinted_cut(Sheet("c", 1, now_ms, "a test"), "c", ("m1",), (now_ms, now_ms + 86_400_000))
    assert Client(meter).enter(keyring.seal_order(order, signatures)) == status
    assert len(meter.view().readout.planned.cuts) == (signatures == 2)
    # No calendar and no lease permits it.
    assert meter.view().readout.glance.supply is Supply.ON
    cancel = cancel_cut(Sheet("x", 1, now_ms, "a test"), "c", ("m1",))
    assert Client(meter).enter(keyring.seal_order(cancel, 1)) == 3
    assert meter.view().readout.planned.cuts == ()
