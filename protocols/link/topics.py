"""Topics of links and kiosks, and how their messages are published: QoS, retain, expiry (design §5).

A *link* is one connection that carries many meters; a meter alone is a link of one. A *kiosk* is a station of
its own, for meters that only cards reach. Danger determines the expiry: a harmful order must not wait in a
queue for days. Nothing relies on what a broker stores, except a few retained protective orders.
"""

from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from protocols.identifiers import is_id
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS

PREFIX: Final = "relance/v1"


@unique
class Channel(StrEnum):
    """One kind of message; the value is the last part of its topic's name, for a kiosk after `kiosk/`."""

    FLEET_ORDERS = "fleet/orders"
    CONTROLLER = "controller/status"
    TIMESERVER = "timeserver/status"
    STATUS = "status"
    READINGS = "readings"
    SYNC = "sync"
    ACKS = "acks"
    ORDERS = "orders"
    RECEIPTS = "receipts"
    REPORTED = "reported"
    EVENTS = "events"
    TIME_ASK = "time/ask"
    TIME_ANSWER = "time/answer"
    SERVICE_ASK = "controller/time/ask"
    SERVICE_ANSWER = "controller/time/answer"
    MARK = "controller/mark"
    KIOSK_STATUS = "kiosk/status"
    KIOSK_STATEMENTS = "kiosk/statements"
    KIOSK_RECEIPTS = "kiosk/receipts"
    KIOSK_ASK = "kiosk/time/ask"
    KIOSK_ANSWER = "kiosk/time/answer"
    KIOSK_ORDERS = "kiosk/orders"


class Carriage(Struct, frozen=True):
    """How a message is published (MQTT 5 §3.3: QoS, RETAIN, Message Expiry Interval).

    `expiry_s` None: it never expires. `upward`: from link or kiosk to controller. Between the service
    and a time authority, where no link takes part, neither is upward.
    """

    qos: int
    retain: bool
    expiry_s: int | None
    upward: bool


_DAY_S = DAY_MS // 1000
CARRIAGE: Final[dict[Channel, Carriage]] = {
    Channel.FLEET_ORDERS: Carriage(qos=1, retain=True, expiry_s=None, upward=False),
    Channel.CONTROLLER: Carriage(qos=1, retain=True, expiry_s=None, upward=False),
    Channel.TIMESERVER: Carriage(qos=1, retain=True, expiry_s=None, upward=False),
    Channel.STATUS: Carriage(qos=1, retain=True, expiry_s=None, upward=True),
    Channel.READINGS: Carriage(qos=1, retain=False, expiry_s=7 * _DAY_S, upward=True),
    Channel.SYNC: Carriage(qos=1, retain=False, expiry_s=HOUR_MS // 1000, upward=True),
    # What it acknowledges is soon told again, and better.
    Channel.ACKS: Carriage(qos=1, retain=False, expiry_s=MINUTE_MS // 1000, upward=False),
    # Protection waits an hour for a link that is briefly offline; a harmful order is published with 60 s.
    Channel.ORDERS: Carriage(qos=1, retain=False, expiry_s=HOUR_MS // 1000, upward=False),
    Channel.RECEIPTS: Carriage(qos=1, retain=False, expiry_s=_DAY_S, upward=True),
    Channel.REPORTED: Carriage(qos=1, retain=False, expiry_s=_DAY_S, upward=True),
    Channel.EVENTS: Carriage(qos=1, retain=False, expiry_s=7 * _DAY_S, upward=True),
    # After a minute a question's nonce is old and an answer's interval is wide: neither is worth keeping.
    Channel.TIME_ASK: Carriage(qos=1, retain=False, expiry_s=MINUTE_MS // 1000, upward=True),
    Channel.TIME_ANSWER: Carriage(qos=1, retain=False, expiry_s=MINUTE_MS // 1000, upward=False),
    Channel.SERVICE_ASK: Carriage(qos=1, retain=False, expiry_s=MINUTE_MS // 1000, upward=False),
    Channel.SERVICE_ANSWER: Carriage(qos=1, retain=False, expiry_s=MINUTE_MS // 1000, upward=False),
    # A store that is restored after years must still find it.
    Channel.MARK: Carriage(qos=1, retain=True, expiry_s=None, upward=False),
    Channel.KIOSK_STATUS: Carriage(qos=1, retain=True, expiry_s=None, upward=True),
    # A kiosk keeps both until the controller has acknowledged them itself.
    Channel.KIOSK_STATEMENTS: Carriage(qos=1, retain=False, expiry_s=7 * _DAY_S, upward=True),
    Channel.KIOSK_RECEIPTS: Carriage(qos=1, retain=False, expiry_s=7 * _DAY_S, upward=True),
    Channel.KIOSK_ASK: Carriage(qos=1, retain=False, expiry_s=MINUTE_MS // 1000, upward=True),
    Channel.KIOSK_ANSWER: Carriage(qos=1, retain=False, expiry_s=MINUTE_MS // 1000, upward=False),
    # What it says is said again, and better, to the next status.
    Channel.KIOSK_ORDERS: Carriage(qos=1, retain=False, expiry_s=HOUR_MS // 1000, upward=False),
}
HARM_EXPIRY_S: Final = MINUTE_MS // 1000


class Place(Struct, frozen=True):
    """What a topic names. A part that its channel does not have is empty."""

    channel: Channel
    link: str = ""
    meter: str = ""
    order: str = ""
    kiosk: str = ""


_OF_LINK = (Channel.STATUS, Channel.READINGS, Channel.SYNC, Channel.ACKS)
_OF_SERVICE = (
    Channel.CONTROLLER,
    Channel.TIMESERVER,
    Channel.SERVICE_ASK,
    Channel.SERVICE_ANSWER,
    Channel.MARK,
)
_OF_ALL = (Channel.FLEET_ORDERS, *_OF_SERVICE)
_KIOSK: Final = "kiosk/"
OF_KIOSK: Final = tuple(channel for channel in Channel if channel.startswith(_KIOSK))
_OF_METER = tuple(channel for channel in Channel if channel not in (*_OF_LINK, *_OF_ALL, *OF_KIOSK))


def topic_of(place: Place) -> str:
    """The topic of a place. Its parts are identifiers (`orders.Id`), which hold no separator."""
    if place.channel is Channel.FLEET_ORDERS:
        return f"{PREFIX}/{place.channel}/{place.order}"
    if place.channel in _OF_SERVICE:
        return f"{PREFIX}/{place.channel}"
    if place.channel in OF_KIOSK:
        return f"{PREFIX}/kiosks/{place.kiosk}/{place.channel.removeprefix(_KIOSK)}"
    if place.channel in _OF_LINK:
        return f"{PREFIX}/links/{place.link}/{place.channel}"
    return f"{PREFIX}/links/{place.link}/meters/{place.meter}/{place.channel}"


def place_of(topic: str) -> Place | None:
    """The place that a topic names; None for a topic that is not ours."""
    if not topic.startswith(f"{PREFIX}/"):
        return None
    match topic.removeprefix(f"{PREFIX}/").split("/"):
        case ["controller" | "timeserver", "status"] | ["controller", "time", "ask" | "answer"]:
            return Place(Channel(topic.removeprefix(f"{PREFIX}/")))
        case ["controller", "mark"]:
            return Place(Channel.MARK)
        case ["fleet", "orders", order] if _are_ids(order):
            return Place(Channel.FLEET_ORDERS, order=order)
        case ["links", link, last] if last in _OF_LINK and _are_ids(link):
            return Place(Channel(last), link=link)
        case ["links", link, "meters", meter, *rest] if "/".join(rest) in _OF_METER and _are_ids(link, meter):
            return Place(Channel("/".join(rest)), link=link, meter=meter)
        case ["kiosks", kiosk, *rest] if _KIOSK + "/".join(rest) in OF_KIOSK and _are_ids(kiosk):
            return Place(Channel(_KIOSK + "/".join(rest)), kiosk=kiosk)
        case _:
            return None


def _are_ids(*parts: str) -> bool:
    return all(map(is_id, parts))


def link_filters(link: str) -> tuple[str, ...]:
    """What a link subscribes to: the controller's births, the fleet's orders, all to it and its meters."""
    meters = f"{PREFIX}/links/{link}/meters/+"
    for_all = (f"{PREFIX}/{Channel.CONTROLLER}", f"{PREFIX}/fleet/orders/+")
    to_meters = (f"{meters}/{Channel.ORDERS}", f"{meters}/{Channel.TIME_ANSWER}")
    return (*for_all, *to_meters, f"{PREFIX}/links/{link}/{Channel.ACKS}")


def kiosk_filters(kiosk: str) -> tuple[str, ...]:
    """What a kiosk subscribes to: the controller's births, and all that comes down to it."""
    down = (channel for channel in OF_KIOSK if not CARRIAGE[channel].upward)
    return (f"{PREFIX}/{Channel.CONTROLLER}", *(topic_of(Place(channel, kiosk=kiosk)) for channel in down))


def controller_filters() -> tuple[str, ...]:
    """What the controller subscribes to: all that links and kiosks publish, answers to its asks, its mark."""
    links = f"{PREFIX}/links/+"
    of_link = tuple(f"{links}/{channel}" for channel in _OF_LINK if CARRIAGE[channel].upward)
    upward = [channel for channel in _OF_METER if CARRIAGE[channel].upward]
    of_meter = tuple(f"{links}/meters/+/{channel}" for channel in upward)
    of_kiosk = (topic_of(Place(each, kiosk="+")) for each in OF_KIOSK if CARRIAGE[each].upward)
    own = (f"{PREFIX}/{Channel.SERVICE_ANSWER}", f"{PREFIX}/{Channel.MARK}")
    return (*of_link, *of_meter, *of_kiosk, *own)


def time_filters() -> tuple[str, ...]:
    """What a time authority subscribes to: the time requests of meters, of kiosks, and of the service."""
    of_kiosks = topic_of(Place(Channel.KIOSK_ASK, kiosk="+"))
    return (f"{PREFIX}/links/+/meters/+/{Channel.TIME_ASK}", of_kiosks, f"{PREFIX}/{Channel.SERVICE_ASK}")
