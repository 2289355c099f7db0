"""`asyncapi.yaml` is current, and its schemas say yes to what we write and no to what we refuse."""

import re
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.documents.bodies import HoldBody
from protocols.documents.envelope import Signer, read_envelope, seal
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import (
    ORDER_TYPE,
    TIME_TYPE,
    Order,
    Scope,
    TimeAnswer,
    make_body,
    write_document,
)
from protocols.documents.roles import ROOT_TYPE
from protocols.errors import DocumentError
from protocols.link.asyncapi import document, schema_for_signed, schema_for_topic
from protocols.link.messages import (
    MeterEvent,
    Readings,
    Receipt,
    Report,
    Reported,
    Status,
    Sync,
    TimeAsk,
    read_message,
    write_message,
    write_report,
)
from protocols.link.service_time import SERVICE_TIME_TYPE
from protocols.link.topics import CARRIAGE, Channel, Place, topic_of
from tests.protocols.link.link_messages import MESSAGES, REPORTS, STATUSES
from tools.docs import TARGET, rendered

SIGNER = Signer.from_seed(bytes(32))
PLACE_OF_TYPE = {
    Status: Channel.STATUS,
    Readings: Channel.READINGS,
    Sync: Channel.SYNC,
    TimeAsk: Channel.TIME_ASK,
    Receipt: Channel.RECEIPTS,
    Reported: Channel.REPORTED,
    MeterEvent: Channel.EVENTS,
}
DAY_MS = 86_400_000
NOW_MS = 1_593_640_800_000


def topic(channel: Channel) -> str:
    return topic_of(Place(channel, link="link-1", meter="m1", order="o1", kiosk="k1"))


VALIDATORS = {channel: jsonschema.Draft7Validator(schema_for_topic(topic(channel))) for channel in Channel}
ORDERS = jsonschema.Draft7Validator(schema_for_signed(ORDER_TYPE))


def check(channel: Channel, data: bytes) -> None:
    VALIDATORS[channel].validate(msgspec.json.decode(data))


def test_the_file_is_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == rendered(), "asyncapi.yaml is out of date: run `make docs`"


def test_the_file_says_what_the_document_says() -> None:
    assert yaml.safe_load(TARGET.read_text(encoding="utf-8")) == document()


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    references = re.findall(r"""'\$ref': '#/([^']+)'""", str(whole))
    assert references
    for reference in references:
        node: Any = whole
        for part in reference.split("/"):
            node = node[part]


def test_every_channel_is_described_with_its_direction_and_carriage() -> None:
    whole = document()
    by_address = {channel["address"]: name for name, channel in whole["channels"].items()}
    operations = {each["channel"]["$ref"]: each for each in whole["operations"].values()}
    for channel, carriage in CARRIAGE.items():
        address = topic_of(Place(channel, link="{link}", meter="{meter}", order="{order}", kiosk="{kiosk}"))
        name = by_address[address]
        assert set(whole["channels"][name]["parameters"]) == set(re.findall(r"{(\w+)}", address))
        operation = operations[f"#/channels/{name}"]
        assert operation["action"] == ("send" if carriage.upward else "receive")
        binding = operation["bindings"]["mqtt"]
        assert (binding["qos"], binding["retain"]) == (1, carriage.retain)
        assert binding.get("messageExpiryInterval") == carriage.expiry_s


@given(message=MESSAGES)
def test_whatever_we_write_is_valid_on_its_channel(message: Status | Readings | Sync | TimeAsk) -> None:
    check(PLACE_OF_TYPE[type(message)], write_message(message))


@given(report=REPORTS)
def test_a_report_is_valid_on_its_own_channel_only(report: Report) -> None:
    data = write_report(report, bytes(32))
    own = PLACE_OF_TYPE[type(report)]
    check(own, data)
    for other in {Channel.RECEIPTS, Channel.REPORTED, Channel.EVENTS} - {own}:
        with pytest.raises(jsonschema.ValidationError):
            check(other, data)


@settings(max_examples=150)
@given(
    message=STATUSES,
    name=st.sampled_from(["link", "online", "sequence", "meters", "v", "more"]),
    value=st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from(["", "l", "l/1", "l\n", "-l", "l" * 65]),
)
def test_the_schema_and_the_reader_agree(message: Status, name: str, value: object) -> None:
    data = msgspec.json.encode(msgspec.json.decode(write_message(message)) | {name: value})
    try:
        read_message(data, Status)
    except DocumentError:
        with pytest.raises(jsonschema.ValidationError):
            check(Channel.STATUS, data)
    else:
        check(Channel.STATUS, data)


def test_an_event_holds_one_record_with_words_that_are_ours() -> None:
    event = msgspec.json.decode(
        write_report(MeterEvent(meter="m1", number=1, time_ms=0, record=msgspec.Raw(b"{}")), bytes(32))
    )
    said = {"event": "supply", "before": "on", "after": "off", "reason": "credit"}
    for record, valid in ((said, True), (said | {"reason": "whim"}, False), ({"event": "dream"}, False)):
        event["report"]["record"] = record
        assert VALIDATORS[Channel.EVENTS].is_valid(event) == valid


def test_envelopes_are_valid_where_their_type_belongs() -> None:
    for payload_type, where in {
        ORDER_TYPE: {Channel.ORDERS, Channel.FLEET_ORDERS},
        ROOT_TYPE: {Channel.ORDERS, Channel.KIOSK_ORDERS},
        TIME_TYPE: {Channel.TIME_ANSWER, Channel.KIOSK_ANSWER},
        SERVICE_TIME_TYPE: {Channel.SERVICE_ANSWER, Channel.KIOSK_ANSWER},
    }.items():
        data = msgspec.json.decode(seal(b"{}", payload_type, [SIGNER]))
        valid = {channel for channel in Channel if VALIDATORS[channel].is_valid(data)}
        assert valid == where


def hold_order() -> Order:
    return Order(
        id="o1",
        kind=Kind.HOLD,
        object="hold/moratorium-2020",
        scope=Scope(fleet=True),
        rev=1,
        issued_at_ms=NOW_MS,
        not_before_ms=NOW_MS,
        not_after_ms=NOW_MS + DAY_MS,
        basis="decree",
        body=make_body(HoldBody(from_ms=NOW_MS, until_ms=NOW_MS + DAY_MS)),
    )


def test_what_an_envelope_holds_has_a_schema_too() -> None:
    envelope = read_envelope(seal(write_document(hold_order()), ORDER_TYPE, [SIGNER]))
    ORDERS.validate(msgspec.json.decode(envelope.payload))
    answer = TimeAnswer(meter="m1", nonce="n" * 16, time_ms=NOW_MS, spread_ms=1_000)
    jsonschema.Draft7Validator(schema_for_signed(TIME_TYPE)).validate(
        msgspec.json.decode(write_document(answer))
    )


@pytest.mark.parametrize("kind", Kind)
def test_the_body_and_object_of_an_order_follow_its_kind(kind: Kind) -> None:
    order = msgspec.json.decode(write_document(hold_order()))
    order |= {"kind": str(kind), "object": f"{KINDS[kind].prefix}/x"}
    assert ORDERS.is_valid(order) == (KINDS[kind].body is HoldBody)
    ORDERS.validate(order | {"kind": "hold", "object": "hold/x"})
    assert not ORDERS.is_valid(order | {"object": "nothing/x"})


def test_windows_are_pairs() -> None:
    order = msgspec.json.decode(write_document(hold_order())) | {
        "kind": "cut_calendar",
        "object": "calendar/x",
    }
    for windows, valid in (
        ([], True),
        ([[NOW_MS, NOW_MS + 1]], True),
        ([[NOW_MS]], False),
        ([[NOW_MS, NOW_MS + 1, NOW_MS + 2]], False),
    ):
        assert ORDERS.is_valid(order | {"body": {"windows": windows}}) == valid


def test_a_topic_of_others_has_no_schema() -> None:
    with pytest.raises(KeyError):
        schema_for_topic("elsewhere")
