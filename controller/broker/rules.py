"""Who may publish and hear which topics, and the files that tell mosquitto so (design §5).

Signatures and MACs decide what meters and controller believe. These rules only limit what a stolen machine
can disturb: neither a link nor a kiosk can speak or listen for another one. They name each client with the
generation of its certificate, so that the old certificate of a renewed client opens nothing.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from protocols.link.topics import (
    CARRIAGE,
    OF_KIOSK,
    Channel,
    Place,
    controller_filters,
    kiosk_filters,
    link_filters,
    time_filters,
    topic_of,
)

SERVE: Final = "serve"
TIMESERVER: Final = "timeserver"
# Programs of the operator; every other client is a link or a kiosk.
PROGRAMS: Final = (SERVE, TIMESERVER)
ANY: Final = "+"

# Without its last five lines mosquitto loses what it has acknowledged, and every hop takes 44 ms.
_MOSQUITTO: Final = """\
# Written by `relance broker config`, which writes it anew: settings of your own go into another file,
# included by your own mosquitto.conf.
per_listener_settings false
listener {port} {host}
cafile {folder}/ca.pem
certfile {folder}/cert.pem
keyfile {folder}/key.pem
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {folder}/acl
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 1000
persistence true
persistence_location {folder}/
"""


@unique
class ClientKind(StrEnum):
    """What connects; the value begins the name in its certificate."""

    LINK = "link"
    KIOSK = "kiosk"
    PROGRAM = "program"


class BrokerClient(Struct, frozen=True, order=True):
    """Who connects: one of `PROGRAMS`, or a link or kiosk. `generation` counts its certificates from 1."""

    name: str
    kind: ClientKind
    generation: int = 1

    @property
    def user(self) -> str:
        """The name in its certificate. A colon cannot stand in an identifier, so no two names are equal."""
        return f"{self.kind}:{self.name}:{self.generation}"


class TopicRights(Struct, frozen=True):
    """The topic filters that a client may hear, and those that it may publish to."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]


def rights_of(client: BrokerClient) -> TopicRights:
    """What a client needs, and no more."""
    if client.kind is ClientKind.LINK:
        return TopicRights(link_filters(client.name), _upward(client.name))
    if client.kind is ClientKind.KIOSK:
        said = (topic_of(Place(each, kiosk=client.name)) for each in OF_KIOSK if CARRIAGE[each].upward)
        return TopicRights(kiosk_filters(client.name), tuple(said))
    # Each program also hears its own status: another run with its key may be on the broker.
    status = topic_of(Place(Channel.TIMESERVER if client.name == TIMESERVER else Channel.CONTROLLER))
    times = (
        topic_of(Place(Channel.TIME_ANSWER, link=ANY, meter=ANY)),
        topic_of(Place(Channel.KIOSK_ANSWER, kiosk=ANY)),
    )
    if client.name == TIMESERVER:
        return TopicRights(
            (*time_filters(), status), (*times, status, topic_of(Place(Channel.SERVICE_ANSWER)))
        )
    orders = topic_of(Place(Channel.ORDERS, link=ANY, meter=ANY))
    for_all = topic_of(Place(Channel.FLEET_ORDERS, order=ANY))
    asks = topic_of(Place(Channel.SERVICE_ASK))
    acks = topic_of(Place(Channel.ACKS, link=ANY))
    mark = topic_of(Place(Channel.MARK))
    kiosks = topic_of(Place(Channel.KIOSK_ORDERS, kiosk=ANY))
    return TopicRights(
        (*controller_filters(), status), (status, for_all, orders, *times, asks, acks, mark, kiosks)
    )


def _upward(link: str) -> tuple[str, ...]:
    return tuple(
        topic_of(Place(channel, link=link, meter=ANY))
        for channel in Channel
        if CARRIAGE[channel].upward and channel not in OF_KIOSK
    )


def access_list(clients: Iterable[BrokerClient]) -> str:
    """The text of mosquitto's `acl_file` (mosquitto.conf(5)): what no line allows is denied."""
    paragraphs = []
    for client in sorted(clients):
        rights = rights_of(client)
        lines = [f"user {client.user}"]
        lines += [f"topic read {each}" for each in rights.reads]
        lines += [f"topic write {each}" for each in rights.writes]
        paragraphs.append("\n".join(lines) + "\n")
    return "\n".join(["# Written by `relance broker config`, which writes it anew.\n", *paragraphs])


def mosquitto_config(folder: str, host: str, port: int, user: str = "") -> str:
    """The text of a `mosquitto.conf` that demands a certificate and obeys `acl` in `folder`.

    `user`: the account that a broker started as root changes to; empty: mosquitto's default, `mosquitto`.
    """
    account = f"user {user}\n" if user else ""
    return _MOSQUITTO.format(folder=folder, host=host, port=port) + account


def merged_names(held: Sequence[str], added: Iterable[str], removed: Iterable[str]) -> tuple[str, ...]:
    """The links, or kiosks, that have a certificate afterwards, sorted."""
    return tuple(sorted((set(held) | set(added)) - set(removed)))
