"""Messages come back as they went; garbage is one clear error; one changed byte breaks a report's MAC."""

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from protocols.errors import DocumentError
from protocols.limits import ID_CHARS_MAX, PAYLOAD_BYTES_MAX, READINGS_PER_BATCH_MAX, REV_MAX, TEXT_CHARS_MAX
from protocols.link.keys import meter_key
from protocols.link.messages import (
    WITNESSES_MAX,
    ControllerStatus,
    Message,
    MeterEvent,
    Reading,
    Readings,
    Receipt,
    Report,
    Reported,
    Status,
    Sync,
    TimeAsk,
    Witness,
    is_authentic,
    read_message,
    read_report,
    write_message,
    write_report,
)
from protocols.reasons import ClockStatus, OrderVerdict, Source, Supply, SupplyReason
from tests.protocols.link.link_messages import IDS, MESSAGES, REPORTEDS, REPORTS, TIME_ASKS

KEYS = st.binary(min_size=32, max_size=32)
KINDS: list[type[Message]] = [Status, Readings, Sync, TimeAsk]


@given(message=MESSAGES)
def test_a_message_reads_back_as_it_was_written(message: Message) -> None:
    assert read_message(write_message(message), type(message)) == message


@given(report=REPORTS, key=KEYS)
def test_a_report_reads_back_as_it_was_written_and_is_authentic(report: Report, key: bytes) -> None:
    read, body, mac = read_report(write_report(report, key))
    assert msgspec.json.encode(read) == msgspec.json.encode(report)
    assert is_authentic(body, mac, key)


@given(message=MESSAGES)
def test_a_newer_sender_with_one_more_field_is_still_read(message: Message) -> None:
    newer = write_message(message)[:-1] + b',"a_field_of_later":{"deep":[1,2]}}'
    assert read_message(newer, type(message)) == message


@given(data=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_garbage_is_a_document_error_and_nothing_else(data: bytes) -> None:
    for kind in KINDS:
        with pytest.raises(DocumentError):
            read_message(data, kind)
    with pytest.raises(DocumentError):
        read_report(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6) | st.sampled_from(["meter", "report", "mac", "v"]), inner)
    ),
    max_leaves=15,
)


@given(
    value=JSON, name=st.sampled_from(["report", "link", "meter", "readings", "meters", "v"]), message=MESSAGES
)
def test_json_of_another_form_is_a_document_error_or_a_message(
    value: object, name: str, message: Message
) -> None:
    fields = msgspec.json.decode(write_message(message)) | {name: value}
    try:
        read = read_message(msgspec.json.encode(fields), type(message))
    except DocumentError:
        return
    assert read == read_message(write_message(read), type(message))


@given(value=JSON, report=REPORTS, key=KEYS, where=st.data())
def test_a_report_of_another_form_is_a_document_error(
    value: object, report: Report, key: bytes, where: st.DataObject
) -> None:
    outer = msgspec.json.decode(write_report(report, key))
    name = where.draw(st.sampled_from(["report", "mac", *outer["report"]]))
    (outer if name in outer else outer["report"])[name] = value
    try:
        read, _, _ = read_report(msgspec.json.encode(outer))
    except DocumentError:
        return
    assert isinstance(read, Report)


@given(report=REPORTS, key=KEYS, data=st.data())
def test_one_changed_byte_anywhere_is_noticed(report: Report, key: bytes, data: st.DataObject) -> None:
    sent = bytearray(write_report(report, key))
    at = data.draw(st.integers(0, len(sent) - 1), label="at")
    sent[at] ^= data.draw(st.integers(1, 255), label="changed bits")
    try:
        read, body, mac = read_report(bytes(sent))
    except DocumentError:
        return
    assert not is_authentic(body, mac, key), f"unnoticed at {at}: {read}"


def test_any_one_flipped_bit_of_one_report_is_noticed() -> None:
    """Every bit of it in turn, so that no digit of the MAC is spared by chance."""
    receipt = Receipt(
        meter="m1",
        order="o1",
        kind="hold",
        object="hold/x",
        rev=1,
        verdict=OrderVerdict.ACCEPTED,
        reason="",
        number=7,
    )
    key = bytes(range(32))
    sent = write_report(receipt, key)
    for at in range(len(sent) * 8):
        changed = bytearray(sent)
        changed[at // 8] ^= 1 << at % 8
        try:
            _, body, mac = read_report(bytes(changed))
        except DocumentError:
            continue
        assert not is_authentic(body, mac, key), changed


@given(report=REPORTS, key=KEYS, other=KEYS)
def test_a_mac_by_another_key_is_not_authentic(report: Report, key: bytes, other: bytes) -> None:
    _, body, mac = read_report(write_report(report, key))
    assert is_authentic(body, mac, other) == (key == other)


@given(fleet_key=KEYS, meters=st.lists(IDS, min_size=2, max_size=5, unique=True))
def test_every_meter_has_a_key_of_its_own(fleet_key: bytes, meters: list[str]) -> None:
    keys = {meter_key(fleet_key, meter) for meter in meters}
    assert len(keys) == len(meters)
    assert fleet_key not in keys
    assert {len(key) for key in keys} == {32}


def test_a_key_is_the_same_on_every_machine() -> None:
    """Worked out with OpenSSL: HMAC-SHA-256 of `meter/m00001` under 32 zero bytes."""
    expected = "243e0f328d83cb14e97d261d2590733d0480710e39098ef22bd72ab590d07b6f"
    assert meter_key(bytes(32), "m00001").hex() == expected


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "timeask: Input data was truncated"),
        (b"\xff", "timeask: JSON is malformed: invalid character (byte 0)"),
        (b"[]", "timeask: Expected `object`, got `array`"),
        (b"{}", "timeask: Object missing required field `meter`"),
        (b'{"meter":"m/1","source":"headend","nonce":"n"}', "timeask: Expected `str` matching regex"),
        (b'{"meter":"m1","source":"moon","nonce":"n"}', "timeask: Invalid enum value 'moon' - at `$.source`"),
        (b'{"meter":"m1","source":"headend","nonce":"n","v":2}', "timeask: Invalid enum value 2 - at `$.v`"),
        (b" " * (PAYLOAD_BYTES_MAX + 1), "timeask: 16385 bytes; at most 16384"),
        (b'{"later":' + b"[" * 10_000, "timeask: nested too deeply"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data: bytes, line: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_message(data, TimeAsk)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@given(ask=TIME_ASKS)
def test_a_message_of_another_kind_is_no_message_of_this_kind(ask: TimeAsk) -> None:
    for kind in KINDS[:-1]:
        with pytest.raises(DocumentError):
            read_message(write_message(ask), kind)


def test_a_full_batch_of_readings_fits_a_payload() -> None:
    """With the longest ids a fleet of ours makes, and registers of decades."""
    reading = Reading(
        meter="m00001",
        number=10_000_000,
        time_ms=4_102_444_800_000,
        energy_wh=1_000_000_000,
        balance_ueur=-400_000_000_000,
        supply=Supply.LIMITED,
    )
    batch = Readings(link="link-1000", readings=(reading,) * READINGS_PER_BATCH_MAX)
    assert len(write_message(batch)) <= PAYLOAD_BYTES_MAX


def largest_report() -> Reported:
    """Every text as long as its limit, in characters of four bytes, and every number as wide as it can be."""
    witness = Witness(
        source=Source.TIMESERVER, fresh=False, agrees=False, heard_ms=-REV_MAX, offset_ms=-REV_MAX
    )
    return Reported(
        meter="m" * ID_CHARS_MAX,
        number=REV_MAX,
        journal=REV_MAX,
        supply=Supply.LIMITED,
        reason=SupplyReason.EMERGENCY_CREDIT,
        clock=ClockStatus.DISPUTED,
        earliest_ms=-REV_MAX,
        latest_ms=-REV_MAX,
        time_ms=-REV_MAX,
        balance_ueur=-REV_MAX,
        emergency_ueur=-REV_MAX,
        next_possible_ms=-REV_MAX,
        dispute_nonce="\N{ELECTRIC PLUG}" * ID_CHARS_MAX,
        code="\N{ELECTRIC PLUG}" * TEXT_CHARS_MAX,
        witnesses=(witness,) * WITNESSES_MAX,
    )


def test_the_largest_report_fits_a_payload() -> None:
    assert len(write_report(largest_report(), bytes(32))) <= PAYLOAD_BYTES_MAX


def changed(report: Report, path: list[str | int], value: object) -> bytes:
    """The report as sent, with one value in it replaced."""
    outer = msgspec.json.decode(write_report(report, bytes(32)))
    *way, last = path
    node = outer["report"]
    for name in way:
        node = node[name]
    node[last] = value
    return msgspec.json.encode(outer)


def a_witness() -> object:
    return msgspec.to_builtins(largest_report().witnesses[0])


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (["witnesses"], [a_witness()] * 5, "report: Expected `array` of length <= 4"),
        (["witnesses", 0], {}, "report: Object missing required field `source`"),
        (["witnesses", 0, "source"], "moon", "report: Invalid enum value 'moon'"),
        (["witnesses", 0, "agrees"], 1, "report: Expected `bool`, got `int`"),
        (["witnesses", 0, "offset_ms"], REV_MAX + 1, "report: Expected `int` <= 9007199254740991"),
        (["witnesses", 0, "heard_ms"], -(2**70), "report: Expected `int`"),
        (["witnesses", 0, "heard_ms"], 0.5, "report: Expected `int`, got `float`"),
        (["latest_ms"], 2**70, "report: Expected `int` <= 9007199254740991"),
    ],
)
def test_a_report_with_a_bad_witness_is_refused_in_one_line(
    path: list[str | int], value: object, line: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        read_report(changed(largest_report(), path, value))
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_report_of_an_older_firmware_names_no_witnesses() -> None:
    outer = msgspec.json.decode(write_report(largest_report(), bytes(32)))
    del outer["report"]["witnesses"]
    read, _, _ = read_report(msgspec.json.encode(outer))
    assert isinstance(read, Reported)
    assert read.witnesses == ()


@pytest.mark.parametrize("kind", [*KINDS, ControllerStatus, Receipt, Reported, MeterEvent])
def test_no_number_is_wider_than_every_reader_keeps(kind: type) -> None:
    """Wherever it stands: 64 bits and more would end at the database, with the batch it came in."""
    (found,) = msgspec.inspect.multi_type_info([kind])
    for name, number in numbers_in(found, kind.__name__):
        assert number.ge is not None, name
        assert number.le is not None, name
        assert -REV_MAX <= number.ge <= number.le <= REV_MAX, name


def numbers_in(found: inspect.Type, name: str) -> Iterator[tuple[str, inspect.IntType]]:
    """Every integer of a type, with the way to it."""
    match found:
        case inspect.IntType():
            yield name, found
        case inspect.StructType():
            for each in found.fields:
                yield from numbers_in(each.type, f"{name}.{each.name}")
        case inspect.VarTupleType():
            yield from numbers_in(found.item_type, f"{name}[]")
        case inspect.UnionType():
            for each_type in found.types:
                yield from numbers_in(each_type, name)
        case _:
            assert isinstance(
                found,
                inspect.StrType
                | inspect.BoolType
                | inspect.EnumType
                | inspect.LiteralType
                | inspect.NoneType
                | inspect.RawType,
            ), f"{name}: {found} may hold numbers too"


@given(report=REPORTEDS, wide=st.sampled_from([REV_MAX + 1, -REV_MAX - 1, 2**63, 2**200]), where=st.data())
def test_a_wide_number_is_refused_in_any_field(report: Reported, wide: int, where: st.DataObject) -> None:
    fields = msgspec.to_builtins(report)
    names = [name for name, value in fields.items() if type(value) is int and name != "v"]
    with pytest.raises(DocumentError):
        read_report(changed(report, [where.draw(st.sampled_from(names))], wide))


def test_a_batch_that_is_too_long_is_refused() -> None:
    reading = Reading(meter="m1", number=1, time_ms=0, energy_wh=0, balance_ueur=0, supply=Supply.ON)
    batch = Readings(link="link-1", readings=(reading,) * (READINGS_PER_BATCH_MAX + 1))
    with pytest.raises(DocumentError, match="length <= 100"):
        read_message(write_message(batch), Readings)


def test_an_ask_names_its_source_as_the_wire_spells_it() -> None:
    ask = TimeAsk(meter="m1", source=Source.TIMESERVER, nonce="n1")
    assert write_message(ask) == b'{"meter":"m1","source":"timeserver","nonce":"n1","v":1}'
