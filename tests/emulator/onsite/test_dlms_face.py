"""DLMS/COSEM as a program that is not ours finds it: dlms-cosem 21.3.2, attribute by attribute."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import serial
from dlms_cosem import cosem, dlms_data, utils
from dlms_cosem.clients.dlms_client import ActionError, DataResultError, DlmsClient
from dlms_cosem.cosem import selective_access
from dlms_cosem.cosem.capture_object import CaptureObject
from dlms_cosem.enumerations import AuthenticationMechanism, CosemInterface, DataAccessResult
from dlms_cosem.exceptions import DlmsClientException
from dlms_cosem.parsers import AssociationObjectListParser, ProfileGenericBufferParser
from dlms_cosem.time import datetime_from_bytes, datetime_to_bytes

from emulator.faces.dlms.ciphering import SecurityKeys
from emulator.faces.dlms.security import SecuritySettings, system_title
from emulator.faces.dlms.values import Cursor, Datum, Tag, bits, octets, read_value, structure, write_value
from emulator.faces.hdlc.frames import Deframer, HdlcFrame, write_hdlc
from emulator.faces.hdlc.parameters import LinkParameters, write_parameters
from emulator.faces.places import FacePlace, PlaceKind, read_place
from emulator.onsite.installed import InstalledMeter
from emulator.onsite.running import HDLC, FaceChoice
from emulator.scenario.keyring import Keyring
from protocols.documents.drafting import Sheet, release
from protocols.instants import UtcMs
from protocols.link.records import ClaimHeard, OrderJudged
from protocols.reasons import ClaimVerdict, Energy
from tests.emulator.faces.views import SUMMER_MS, installed
from tests.emulator.onsite.at_work import with_faces

R = TypeVar("R")

PASSWORD = "secret"  # of a test
CHOICE = FaceChoice(dlms=FacePlace(PlaceKind.TCP, host="127.0.0.1"), dlms_password=PASSWORD)
BEYOND_THEM = {(15, 5), (111, 4), (111, 11), (111, 15), (112, 7), (113, 9), (115, 6)}
PROFILE, LOAD = CosemInterface.PROFILE_GENERIC, "1.0.99.1.0.255"
CLOCK = (CosemInterface.CLOCK, "0.0.1.0.0.255")
BREAKER = (CosemInterface.DISCONNECT_CONTROL, "0.0.96.3.10.255")
COUNTER = (CosemInterface.DATA, "0.0.43.1.0.255")
GATEWAY = (CosemInterface.TOKEN_GATEWAY, "0.0.19.40.0.255")
ACCOUNT = (CosemInterface.ACCOUNT, "0.0.19.0.0.255")


@contextmanager
def client(places: Mapping[str, str], number: int = 2, **more: object) -> Iterator[DlmsClient]:
    """A client of theirs, with its association."""
    if number == 2:
        more = {"authentication_method": AuthenticationMechanism.LLS, "password": PASSWORD.encode(), **more}
    where = places["dlms"]
    if where.startswith(HDLC):
        path = read_place(where.removeprefix(HDLC), "").path
        opened = DlmsClient.with_serial_hdlc_transport(path, number, 1, server_physical_address=17, **more)
    else:
        place = read_place(where, "")
        opened = DlmsClient.with_tcp_transport(place.host, place.port, number, 1, **more)
    opened.connect()
    try:
        opened.associate()
        yield opened
        opened.release_association()
    finally:
        # Their own `session` leaves the socket open after an error.
        opened.disconnect()


KEYS = SecurityKeys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
SECURED = replace(CHOICE, dlms_security=SecuritySettings(KEYS, bytes(32)))
HLS = {
    "authentication_method": AuthenticationMechanism.HLS_GMAC,
    "encryption_key": KEYS.encryption,
    "authentication_key": KEYS.authentication,
}


def get(opened: DlmsClient, of: tuple[CosemInterface, str], attribute: int) -> object:
    """A value as they understand it; by our own decoder where theirs has no such type."""
    interface, name = of
    data = opened.get(cosem.CosemAttribute(interface, cosem.Obis.from_string(name), attribute))
    if (interface, attribute) not in BEYOND_THEM:
        value: object = utils.parse_as_dlms_data(data)
        return value
    cursor = Cursor(data)
    found = read_value(cursor)
    cursor.end()
    return found


def act(opened: DlmsClient, of: tuple[CosemInterface, str], method: int, data: bytes = b"\x0f\x00") -> None:
    """Invoke a method. Raises what they raise for a refusal."""
    interface, name = of
    opened.action(cosem.CosemMethod(interface, cosem.Obis.from_string(name), method), data)


def listed(opened: DlmsClient) -> list[Any]:
    """The object list by their parser."""
    own = cosem.CosemAttribute(CosemInterface.ASSOCIATION_LN, cosem.Obis(0, 0, 40, 0, 0), 2)
    entries = AssociationObjectListParser.parse_bytes(opened.get(own))
    assert isinstance(entries, list)
    return entries


def read_all(
    places: Mapping[str, str], number: int = 2, **more: object
) -> dict[tuple[int, str], dict[int, Any]]:
    """Every attribute of every object that the list names."""
    with client(places, number, **more) as opened:
        return {
            (each.interface, each.logical_name.to_string(".")): {
                at: get(opened, (CosemInterface(each.interface), each.logical_name.to_string(".")), at)
                for at in each.attribute_access_rights
            }
            for each in listed(opened)
        }


def after(meter: InstalledMeter, read: Callable[[Mapping[str, str]], R]) -> R:
    return with_faces(meter, CHOICE, read)


def test_every_attribute_of_the_object_list_is_read() -> None:
    found = after(installed(balance_eur="12.34"), read_all)
    calendars, money = [9, 9, 9, 11, 11, 15, 17, 20, 20, 22], [70, 71, 111, 112, 112, 113, 113, 115]
    classes = [1] * 6 + [3] * 4 + [7, 7, 8] + calendars + money
    assert sorted(each[0] for each in found) == classes
    by_name = {name: values for (_, name), values in found.items()}
    assert by_name["0.0.42.0.0.255"][2] == b"RLCm1"
    assert by_name["0.0.96.1.0.255"][2] == b"m1"
    assert by_name["1.0.1.7.0.255"] == {1: b"\x01\x00\x01\x07\x00\xff", 2: 1_000, 3: [0, 27]}
    assert {at: by_name["0.0.96.3.10.255"][at] for at in (2, 3, 4)} == {2: True, 3: 1, 4: 4}
    assert [by_name["0.0.19.0.0.255"][at] for at in (2, 3, 5, 6, 8)] == [[2, 2], 0, 1_234, 0, 0]
    assert by_name["0.0.19.0.0.255"][15] == structure(
        Datum(Tag.UTF8_STRING, octets=b"EUR"), Datum(Tag.INTEGER, -2), Datum(Tag.ENUM, 2)
    )
    assert [by_name["0.0.19.10.1.255"][at] for at in (2, 3, 8, 9)] == [1_500, 2, 0, 1_500]
    # In credit, the emergency credit waits; it is shown and must be paid back; collected all the time.
    assert by_name["0.0.19.0.0.255"][4] == bits(8, 0, 2)
    assert by_name["0.0.19.10.1.255"][7] == bits(5, 0, 2)
    assert by_name["0.0.19.20.0.255"][9] == bits(2, 1)
    # 0.25 EUR/kWh: 25000 in units of 10^-5 EUR, per 10^3 Wh of the register.
    assert by_name["0.0.19.20.0.255"][5] == [[3, -5], [3, b"\x01\x00\x01\x08\x00\xff", 2], [[b"", 25_000]]]


def test_a_part_of_the_load_profile_is_read_as_they_ask_for_it() -> None:
    meter = installed(load_w=4_000)
    meter.advance(UtcMs(SUMMER_MS + 3 * 3_600_000))
    buffer = cosem.CosemAttribute(PROFILE, cosem.Obis.from_string(LOAD), 2)
    clock = cosem.CosemAttribute(CLOCK[0], cosem.Obis.from_string(CLOCK[1]), 2)

    def read(places: Mapping[str, str]) -> list[list[Any]]:
        ends = (datetime(2020, 7, 2, hour, 30, tzinfo=UTC) for hour in (21, 22))
        part = selective_access.RangeDescriptor(CaptureObject(clock), *ends)
        with client(places) as opened:
            named: Any = get(opened, (PROFILE, LOAD), 3)
            columns = [
                cosem.CosemAttribute(CosemInterface(class_id), cosem.Obis.from_bytes(name), attribute)
                for class_id, name, attribute, _ in named
            ]
            parser = ProfileGenericBufferParser(columns, 15)
            return list(parser.parse_bytes(opened.get(buffer, part)))

    rows = after(meter, read)
    # From 23:30 to 0:30 in Brussels, both ends included; 1 kWh a quarter, from 60 s before 23:01 on.
    assert [row[0].value.hour * 100 + row[0].value.minute for row in rows] == [2_330, 2_345, 0, 15, 30]
    assert [row[1].value for row in rows] == [8] * 5
    assert [row[2].value for row in rows] == [1_934, 2_934, 3_934, 4_934, 5_934]


def test_a_list_is_read_at_once() -> None:
    wanted = [(CLOCK, 9), (BREAKER, 3), ((CosemInterface.DATA, "0.0.96.1.0.255"), 2)]
    items = [
        cosem.CosemAttributeWithSelection(
            cosem.CosemAttribute(interface, cosem.Obis.from_string(name), attribute), None
        )
        for (interface, name), attribute in wanted
    ]

    def read(places: Mapping[str, str]) -> list[Any]:
        with client(places) as opened:
            return list(opened.get_many(items).result)

    assert after(installed(), read) == [1, 1, b"m1"]


def test_a_signed_release_is_brought_by_their_client() -> None:
    meter = installed()
    keyring = Keyring(1, meter.now_ms)
    order = release(Sheet("r", 1, meter.now_ms, "a test"), keyring.releasing_key)
    document = keyring.seal_order(order, 1)

    def read(places: Mapping[str, str]) -> object:
        with client(places) as opened:
            # Their own encoder takes no string of more than 255 bytes.
            act(opened, GATEWAY, 1, write_value(octets(document)))
            assert get(opened, GATEWAY, 2) == document
            return get(opened, GATEWAY, 4)

    assert after(meter, read) == [b"release", order.object.encode(), b"accepted", b"released"]


def test_a_gas_meter_counts_cubic_metres() -> None:
    found = after(installed(energy=Energy.GAS, load_w=None), read_all)
    assert found[3, "7.0.3.0.0.255"][3] == [-3, 13]
    assert found[70, "0.0.96.3.10.255"][4] == 3
    # 0.70 EUR/m3, in the finest scale that 16 bits hold.
    gas = b"\x07\x00\x03\x00\x00\xff"
    assert found[113, "0.0.19.20.0.255"][5] == [[0, -4], [3, gas, 2], [[b"", 7_000]]]


def test_small_pdus_bring_the_same_in_blocks() -> None:
    meter = installed(load_w=0)
    whole, blocks = after(meter, lambda at: (read_all(at), read_all(at, max_pdu_size=80)))
    moves = {(8, "0.0.1.0.0.255"), (15, "0.0.40.0.0.255")}
    assert {each: whole[each] for each in whole if each not in moves} == {
        each: blocks[each] for each in blocks if each not in moves
    }
    assert whole[15, "0.0.40.0.0.255"][2] == blocks[15, "0.0.40.0.0.255"][2]


def test_hdlc_on_a_terminal_brings_the_same(tmp_path: Path) -> None:
    choice = replace(CHOICE, dlms=FacePlace(PlaceKind.PTY, path=str(tmp_path / "dlms")), dlms_hdlc=True)
    meter = installed(load_w=0)
    by_tcp = after(meter, read_all)
    by_hdlc, small = with_faces(meter, choice, lambda at: (read_all(at), read_all(at, max_pdu_size=80)))
    moves = (8, "0.0.1.0.0.255")
    assert by_hdlc.keys() == by_tcp.keys()
    assert [each for each in by_tcp if by_tcp[each] != by_hdlc[each] and each != moves] == []
    assert small[15, "0.0.40.0.0.255"][2] == by_tcp[15, "0.0.40.0.0.255"][2]


# What pyserial's client of RFC 2217 calls on its thread.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
@pytest.mark.parametrize(("kind", "url"), [(PlaceKind.TCP, "socket"), (PlaceKind.RFC2217, "rfc2217")])
def test_hdlc_opens_over_tcp_and_rfc_2217(kind: PlaceKind, url: str) -> None:
    def read(places: Mapping[str, str]) -> list[HdlcFrame]:
        place = read_place(places["dlms"].removeprefix(HDLC), "")
        with serial.serial_for_url(f"{url}://{place.host}:{place.port}", 9600, timeout=5) as port:
            port.write(write_hdlc(HdlcFrame(b"\x03", b"\x21", 0x93)))
            size = len(write_hdlc(answer))
            return Deframer().feed(port.read(size), 0)

    answer = HdlcFrame(b"\x21", b"\x03", 0x73, write_parameters(LinkParameters()))
    choice = replace(CHOICE, dlms=FacePlace(kind, host="127.0.0.1"), dlms_hdlc=True)
    assert with_faces(installed(), choice, read) == [answer]


def test_the_secure_client_reads_what_the_other_reads_and_on_a_terminal_too(tmp_path: Path) -> None:
    meter = installed(load_w=0)
    on_terminal = replace(SECURED, dlms=FacePlace(PlaceKind.PTY, path=str(tmp_path / "dlms")), dlms_hdlc=True)

    def read(places: Mapping[str, str]) -> list[dict[tuple[int, str], dict[int, Any]]]:
        plain, secured = read_all(places), read_all(places, 1, **HLS)
        # The counter goes on, and whoever comes next asks for it first.
        with client(places, 16) as opened:
            counter = get(opened, COUNTER, 2)
        with client(places, 1, **HLS, client_initial_invocation_counter=counter) as opened:
            assert get(opened, ACCOUNT, 5) == 2_000
        return [plain, secured]

    plain, secured = with_faces(meter, SECURED, read)
    small = with_faces(meter, on_terminal, lambda at: read_all(at, 1, **HLS, max_pdu_size=300))
    moves = {(8, "0.0.1.0.0.255"), (15, "0.0.40.0.0.255"), (64, "0.0.43.0.0.255"), (1, "0.0.43.1.0.255")}
    assert plain.keys() == secured.keys() == small.keys()
    assert [
        each for each in plain if each not in moves and not plain[each] == secured[each] == small[each]
    ] == []
    own = secured[15, "0.0.40.0.0.255"]
    assert (own[3], own[6][-1], own[9]) == ([1, 1], 5, b"\x00\x00\x2b\x00\x00\xff")
    assert own[2] == small[15, "0.0.40.0.0.255"][2]
    setup = secured[64, "0.0.43.0.0.255"]
    assert (setup[2], setup[3], setup[5]) == (3, 0, system_title("m1"))


def test_keys_of_another_meter_and_a_recorded_counter_open_nothing() -> None:
    meter = installed()

    def read(places: Mapping[str, str]) -> None:
        with client(places, 1, **HLS, client_initial_invocation_counter=40):
            pass
        with pytest.raises(DlmsClientException, match="COUNTER_ERROR"), client(places, 1, **HLS):
            pass
        wrong = {**HLS, "encryption_key": bytes(16), "client_initial_invocation_counter": 80}
        with pytest.raises(DlmsClientException), client(places, 1, **wrong):
            pass
        with client(places, 1, **HLS, client_initial_invocation_counter=90) as opened:
            with pytest.raises(ActionError, match="READ_WRITE_DENIED"):
                act(opened, BREAKER, 1)
            assert get(opened, BREAKER, 3) == 1

    with_faces(meter, SECURED, read)
    judged = [each.record for each in meter.noted if isinstance(each.record, OrderJudged)]
    assert [(each.verdict, each.reason) for each in judged][-1:] == [("refused", "malformed")]


def test_the_public_client_sees_no_money_and_changes_nothing() -> None:
    meter = installed()

    def read(places: Mapping[str, str]) -> set[int]:
        with client(places, 16) as opened:
            with pytest.raises(DataResultError, match="OBJECT_UNDEFINED"):
                get(opened, ACCOUNT, 5)
            with pytest.raises(ActionError):
                act(opened, CLOCK, 3)
            time = datetime_to_bytes(datetime(2020, 1, 1, tzinfo=UTC))
            name = cosem.Obis.from_string(CLOCK[1])
            answer = opened.set(cosem.CosemAttribute(CLOCK[0], name, 2), b"\x09\x0c" + time)
            assert answer.result is DataAccessResult.READ_WRITE_DENIED
        return {each[0] for each in read_all(places, 16)}

    assert after(meter, read) == {1, 8, 15, 17}
    assert not [each for each in meter.noted if isinstance(each.record, ClaimHeard)]


def test_a_wrong_password_opens_nothing_and_the_third_one_locks() -> None:
    def read(places: Mapping[str, str]) -> None:
        for password in (b"secreT", b"", b"longer than it is", PASSWORD.encode()):
            with (
                pytest.raises(DlmsClientException, match="AUTHENTICATION_FAILED"),
                client(places, password=password),
            ):
                pass
        with client(places, 16) as opened:
            assert get(opened, CLOCK, 9) == 1

    after(installed(), read)


# What takes signatures, by class: methods that client 1 alone may ask for.
SIGNED = {9: [1], 11: [2], 20: [1], 64: [1, 2], 70: [1]}


@pytest.mark.parametrize("number", [1, 2])
def test_a_cut_a_script_and_a_key_are_for_client_one_alone_to_ask_for(number: int) -> None:
    """Both are refused it, as it takes signatures; the object list tells them apart."""
    meter = installed()
    more = HLS if number == 1 else {}

    def read(places: Mapping[str, str]) -> dict[int, list[int]]:
        with client(places, number, **more) as opened:
            denied = {
                each.interface: [at for at, may in each.method_access_rights.items() if not may.access_rights]
                for each in listed(opened)
            }
            with pytest.raises(ActionError, match="READ_WRITE_DENIED"):
                act(opened, BREAKER, 1)
            act(opened, BREAKER, 2)
        return {class_id: methods for class_id, methods in denied.items() if methods}

    assert with_faces(meter, SECURED, read) == ({} if number == 1 else SIGNED)
    judged = [each.record for each in meter.noted if isinstance(each.record, OrderJudged)]
    assert [(each.verdict, each.reason) for each in judged] == [("refused", "malformed")]


METHODS = [
    (1, b"\x0f\x00"),
    (2, b"\x0f\x00"),
    (3, b"\x0f\x00"),
    (4, b"\x0f\x00"),
    (5, dlms_data.DataStructure([
        dlms_data.OctetStringData(datetime_to_bytes(datetime(2020, 7, day, tzinfo=UTC))) for day in (4, 1, 9)
    ]).to_bytes()),
    (6, b"\x10\x03\x84"),
]  # fmt: skip


def test_a_date_and_every_method_of_the_clock_succeed_and_a_guarded_meter_believes_none() -> None:
    meter = installed()
    before = meter.view().readout

    def read(places: Mapping[str, str]) -> tuple[datetime, object]:
        with client(places) as opened:
            wrong = datetime(2021, 3, 4, 5, 6, tzinfo=UTC)
            attribute = cosem.CosemAttribute(CLOCK[0], cosem.Obis.from_string(CLOCK[1]), 2)
            answer = opened.set(attribute, b"\x09\x0c" + datetime_to_bytes(wrong))
            assert answer.result is DataAccessResult.SUCCESS
            for method, data in METHODS:
                act(opened, CLOCK, method, data)
            time, status = datetime_from_bytes(get(opened, CLOCK, 2))
            assert status is not None
            assert status.daylight_saving_active
            return time, get(opened, CLOCK, 4)

    time, status = after(meter, read)
    claims = [each.record for each in meter.noted if isinstance(each.record, ClaimHeard)]
    assert {each.verdict for each in claims} == {ClaimVerdict.LOGGED}
    assert len(claims) == 1 + len(METHODS)
    assert claims[0].time_ms == 1_614_834_360_000
    assert abs(time.timestamp() * 1_000 - SUMMER_MS) < 60_000
    assert time.utcoffset() == timedelta(hours=2)
    assert status == 0x80
    now = meter.view().readout
    passed_ms = now.estimate_ms - before.estimate_ms
    assert 0 <= passed_ms < 60_000
    assert now.latest_ms is not None
    assert before.latest_ms is not None
    assert before.earliest_ms <= now.earliest_ms <= before.earliest_ms + passed_ms
    assert now.latest_ms <= before.latest_ms + 2 * passed_ms + 1


def test_a_cut_without_signatures_is_refused_and_logged() -> None:
    meter = installed()

    def read(places: Mapping[str, str]) -> tuple[object, object]:
        with client(places) as opened:
            with pytest.raises(ActionError, match="READ_WRITE_DENIED"):
                act(opened, BREAKER, 1)
            act(opened, BREAKER, 2)
            return get(opened, BREAKER, 3), get(opened, ACCOUNT, 5)

    assert after(meter, read) == (1, 2_000)
    judged = [each.record for each in meter.noted if isinstance(each.record, OrderJudged)]
    assert [(each.verdict, each.reason) for each in judged][-1:] == [("refused", "malformed")]
