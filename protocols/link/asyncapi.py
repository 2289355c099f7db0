"""The AsyncAPI 3 document of the link, made from the messages and topics themselves (design §5).

It is written from the link's side: a link sends what goes up, and receives what comes down.
`schema_for_topic` gives the same schemas one by one, so that tests can validate live traffic.
Schemas are JSON Schema draft 7, which is what AsyncAPI 3.0 reads.
"""

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any, Final

import msgspec

from protocols.documents.envelope import WireEnvelope
from protocols.documents.issuers import ISSUERS_TYPE, Issuers
from protocols.documents.kinds import KINDS
from protocols.documents.kiosk_limits import KIOSK_LIMITS_TYPE, KioskLimits
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, Order, TimeAnswer
from protocols.documents.roles import ROOT_TYPE, Root, ShortRoot
from protocols.limits import SIGNATURES_MAX
from protocols.link.births import BIRTH_TYPE, Birth
from protocols.link.kiosk_words import CardHeard, KioskAsk, KioskItem, KioskOrders, KioskStatus
from protocols.link.marks import MARK_TYPE, StoreMark
from protocols.link.messages import (
    Acked,
    Acks,
    Authenticated,
    ControllerStatus,
    MeterEvent,
    MeterHolds,
    Reading,
    Readings,
    Receipt,
    Reported,
    Status,
    Sync,
    TimeAsk,
)
from protocols.link.proofs import MAC_CHARS
from protocols.link.records import RECORDS
from protocols.link.service_time import SERVICE_TIME_TYPE, ServiceAnswer, ServiceAsk
from protocols.link.topics import CARRIAGE, PREFIX, Channel, Place, place_of, topic_of

Json = dict[str, Any]

# The words that carry a short MAC.
_PROVEN: Final = tuple(
    each.__name__
    for each in (
        *(Status, MeterHolds, Reading, TimeAsk, Acked),
        *(KioskStatus, KioskItem, KioskAsk, KioskOrders),
    )
)

_REF: Final = "#/components/schemas/{name}"
# What a channel carries: a bare message, a report with its MAC, or a signed envelope of a type.
_PLAIN: Final[Mapping[Channel, type]] = {
    Channel.CONTROLLER: ControllerStatus,
    Channel.TIMESERVER: ControllerStatus,
    Channel.STATUS: Status,
    Channel.READINGS: Readings,
    Channel.SYNC: Sync,
    Channel.ACKS: Acks,
    Channel.TIME_ASK: TimeAsk,
    Channel.SERVICE_ASK: ServiceAsk,
    Channel.KIOSK_STATUS: KioskStatus,
    Channel.KIOSK_STATEMENTS: KioskItem,
    Channel.KIOSK_RECEIPTS: KioskItem,
    Channel.KIOSK_ASK: KioskAsk,
    Channel.KIOSK_ORDERS: KioskOrders,
}
_REPORTS: Final[Mapping[Channel, type]] = {
    Channel.RECEIPTS: Receipt,
    Channel.REPORTED: Reported,
    Channel.EVENTS: MeterEvent,
}
_SEALED: Final[Mapping[Channel, tuple[str, ...]]] = {
    Channel.FLEET_ORDERS: (ORDER_TYPE,),
    Channel.ORDERS: (ORDER_TYPE, ROOT_TYPE, ISSUERS_TYPE),
    Channel.TIME_ANSWER: (TIME_TYPE,),
    Channel.SERVICE_ANSWER: (SERVICE_TIME_TYPE,),
    Channel.MARK: (MARK_TYPE,),
    Channel.KIOSK_ANSWER: (TIME_TYPE, SERVICE_TIME_TYPE),
    Channel.KIOSK_ORDERS: (ROOT_TYPE, ISSUERS_TYPE),
}
_INSIDE: Final = {
    ORDER_TYPE: "Order",
    ROOT_TYPE: "Root",
    ISSUERS_TYPE: "Issuers",
    TIME_TYPE: "TimeAnswer",
    SERVICE_TIME_TYPE: "ServiceAnswer",
    BIRTH_TYPE: "Birth",
    MARK_TYPE: "StoreMark",
    KIOSK_LIMITS_TYPE: "KioskLimits",
}
_TITLES: Final[Mapping[Channel, str]] = {
    Channel.FLEET_ORDERS: "A protective order for the whole fleet; an empty payload clears it.",
    Channel.CONTROLLER: "The controller's birth, or its last will; links answer a new birth with their sync.",
    Channel.TIMESERVER: "The timeserver's birth, or its last will; for other timeservers with its key.",
    Channel.STATUS: "A link's birth, or its last will.",
    Channel.READINGS: "Registers of many meters.",
    Channel.SYNC: "What each meter holds, at every connect.",
    Channel.ACKS: "What the controller has stored of the black boxes of a link's meters.",
    Channel.ORDERS: "An order, a new root, or the issuers of payments, for one meter.",
    Channel.RECEIPTS: "What a meter made of an order.",
    Channel.REPORTED: "A meter's state after a change.",
    Channel.EVENTS: "A record of a meter's black box.",
    Channel.TIME_ASK: "A meter asks a time authority.",
    Channel.TIME_ANSWER: "The authority's answer to the meter's nonce.",
    Channel.SERVICE_ASK: "The service asks a time authority; no link takes part.",
    Channel.SERVICE_ANSWER: "The authority's answer to the service's nonce; no link takes part.",
    Channel.MARK: "How far the controller's store has counted; for the controller itself.",
    Channel.KIOSK_STATUS: "A kiosk's birth, its last will, and how it stands.",
    Channel.KIOSK_STATEMENTS: "A payment at a kiosk: a statement that the kiosk's issuer key has signed.",
    Channel.KIOSK_RECEIPTS: "A kiosk's receipt, or what a card has brought from its meter (`CardHeard`).",
    Channel.KIOSK_ASK: "A meter on a card, or the kiosk itself, asks a time authority.",
    Channel.KIOSK_ANSWER: "The authority's answer to a nonce of a meter or of the kiosk.",
    Channel.KIOSK_ORDERS: "Acknowledgements, limits, and documents for cards; or a new root, or issuers.",
}
_PARAMETERS: Final[Mapping[str, str]] = {
    "link": "A connection that carries many meters; a meter alone is a link of one.",
    "meter": "A meter's id.",
    "order": "An order's id.",
    "kiosk": "A kiosk's name.",
}
_DESCRIPTION: Final = """\
What a link (a data concentrator with its meters, or a meter alone) exchanges with the head-end over MQTT 5.
Clean start always; the link subscribes, publishes its status and then its sync, and is answered with what is
missing. Orders and times are signed envelopes (DSSE v1, Ed25519); a meter's reports carry a MAC under the
meter's own key. Births, holdings, readings, asks and acknowledgements carry a short MAC as their last member,
`,"mac":"…"}` without spaces: the first 16 bytes, as hex, of HMAC-SHA-256 over purpose (`status`, `holds`,
`reading`, `ask`, `ack`), line feed, link, line feed, and the object without that member. Without one they are
of an older firmware, and decide nothing. A kiosk's words have one under the kiosk's key, for the purposes
`kiosk-status`, `kiosk-word` (items and asks) and `kiosk-orders`, with `kiosk/NAME` in the place of the link.
Instants are UTC milliseconds, money is in micro-euro, a payload has
at most 16 KiB. Delivery is at least once and in no fixed order: everything is numbered, and repetition
changes nothing.
"""


def document() -> Json:
    """The whole AsyncAPI 3.0 document, as data."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Relance link",
            # The version of the protocol, as in its topics; not that of the program.
            "version": f"{PREFIX.rpartition('/v')[2]}.0.0",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_camel(channel): _channel(channel) for channel in Channel},
        "operations": {_operation_name(channel): _operation(channel) for channel in Channel},
        "components": {
            "messages": {_camel(channel): _message(channel) for channel in Channel},
            "schemas": schemas(),
        },
    }


def schema_for_topic(topic: str) -> Json:
    """A complete JSON schema for the payloads of a topic. Raises KeyError for a topic that is not ours.

    `schema_for_signed` gives the schema of the document inside a signed envelope.
    """
    place = place_of(topic)
    if place is None:
        raise KeyError(topic)
    return _complete(_payload(place.channel))


def schema_for_signed(payload_type: str) -> Json:
    """A complete JSON schema for the document in an envelope of this type. Raises KeyError."""
    return _complete({"$ref": _REF.format(name=_INSIDE[payload_type])})


def schemas() -> Json:
    """Every schema by name, generated from the types; the contents of raw fields are filled in."""
    types: list[type] = [
        WireEnvelope,
        Order,
        Root,
        ShortRoot,
        Issuers,
        TimeAnswer,
        ServiceAnswer,
        Birth,
        StoreMark,
        Authenticated,
        KioskLimits,
        CardHeard,
    ]
    types += [*_PLAIN.values(), *_REPORTS.values(), *RECORDS]
    bodies = {rule.body for rule in KINDS.values()}
    _, generated = msgspec.json.schema_components(
        [*types, *sorted(bodies, key=lambda body: body.__name__)], ref_template=_REF
    )
    filled: Json = _draft_7(generated)
    filled["WireEnvelope"]["properties"]["signatures"]["maxItems"] = SIGNATURES_MAX
    filled["MeterEvent"]["properties"]["record"] = {
        "oneOf": [{"$ref": _REF.format(name=record.__name__)} for record in RECORDS]
    }
    filled["KioskItem"]["properties"]["body"] = {
        "oneOf": [{"$ref": _REF.format(name=each)} for each in ("WireEnvelope", "CardHeard")]
    }
    for name in _PROVEN:
        # Written as the last member, over the bytes before it: no field of the type (`link.proofs`).
        filled[name]["properties"]["mac"] = {"type": "string", "pattern": f"^[0-9a-f]{{{MAC_CHARS}}}$"}
    filled["Order"]["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": str(kind)}}},
            "then": {
                "properties": {
                    "body": {"$ref": _REF.format(name=rule.body.__name__)},
                    "object": {"pattern": f"^{rule.prefix}/"},
                }
            },
        }
        for kind, rule in KINDS.items()
    ]
    return dict(sorted(filled.items()))


def _complete(schema: Json) -> Json:
    """The schema together with the components to which its references point."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "allOf": [schema],
        "components": {"schemas": schemas()},
    }


def _payload(channel: Channel) -> Json:
    if channel in _PLAIN:
        plain = {"$ref": _REF.format(name=_PLAIN[channel].__name__)}
        return {"anyOf": [plain, _sealed(channel)]} if channel in _SEALED else plain
    if channel in _REPORTS:
        report = {"$ref": _REF.format(name=_REPORTS[channel].__name__)}
        return {"allOf": [{"$ref": _REF.format(name="Authenticated")}, {"properties": {"report": report}}]}
    return _sealed(channel)


def _sealed(channel: Channel) -> Json:
    payload_type = {"enum": list(_SEALED[channel])}
    return {
        "allOf": [{"$ref": _REF.format(name="WireEnvelope")}, {"properties": {"payloadType": payload_type}}]
    }


def _message(channel: Channel) -> Json:
    message: Json = {"name": _camel(channel), "summary": _TITLES[channel], "payload": _payload(channel)}
    if channel in _SEALED:
        inside = " or ".join(_REF.format(name=_INSIDE[payload_type]) for payload_type in _SEALED[channel])
        message["description"] = f"`payload` is base64 of a document as in {inside}."
    return message


def _channel(channel: Channel) -> Json:
    address = topic_of(Place(channel, link="{link}", meter="{meter}", order="{order}", kiosk="{kiosk}"))
    return {
        "address": address,
        "parameters": {
            name: {"description": meaning}
            for name, meaning in _PARAMETERS.items()
            if f"{{{name}}}" in address
        },
        "messages": {_camel(channel): {"$ref": f"#/components/messages/{_camel(channel)}"}},
    }


def _operation(channel: Channel) -> Json:
    carriage = CARRIAGE[channel]
    binding: Json = {"qos": carriage.qos, "retain": carriage.retain, "bindingVersion": "0.2.0"}
    if carriage.expiry_s is not None:
        binding["messageExpiryInterval"] = carriage.expiry_s
    return {
        "action": "send" if carriage.upward else "receive",
        "channel": {"$ref": f"#/channels/{_camel(channel)}"},
        "messages": [{"$ref": f"#/channels/{_camel(channel)}/messages/{_camel(channel)}"}],
        "bindings": {"mqtt": binding},
    }


def _operation_name(channel: Channel) -> str:
    name = _camel(channel)
    return ("send" if CARRIAGE[channel].upward else "receive") + name[0].upper() + name[1:]


def _camel(channel: Channel) -> str:
    first, *rest = channel.split("/")
    return first + "".join(part.title() for part in rest)


def _draft_7(node: Any) -> Any:  # noqa: ANN401 # any JSON
    """The generated schemas with the keywords of draft 7, and descriptions without their indentation.

    msgspec writes draft 2020-12, where a tuple is `prefixItems`; draft 7 has `items` and `additionalItems`.
    """
    if isinstance(node, list | tuple):
        return [_draft_7(each) for each in node]
    if not isinstance(node, dict):
        return node
    changed = {key: _draft_7(value) for key, value in node.items()}
    if "prefixItems" in changed:
        changed["items"] = changed.pop("prefixItems")
        changed["additionalItems"] = False
    if isinstance(changed.get("description"), str):
        changed["description"] = cleandoc(changed["description"])
    return changed
