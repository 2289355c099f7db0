"""What carrying a message over MQTT takes, short of the network itself (design §5).

Where the broker is, how a place and its bytes become a publication, which arrivals are worth handling,
how long to wait before the next attempt, and what is counted on the way. `protocols.rim.carrier` brings the
socket and nothing else.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum, unique
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec import Struct

from protocols.errors import DocumentError, InputError, UnreachableError, quoted
from protocols.instants import SECOND_MS
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.topics import CARRIAGE, Channel, Place, place_of, topic_of

PORT: Final = 1883
_PORT_MAX: Final = 65_535

# Seconds that a broker may take to accept a connection or to acknowledge a message.
PATIENCE_S: Final = 5.0
# A silent connection is given up after one and a half of these.
KEEPALIVE_S: Final = 30
# What a broker may send us in one packet: a payload that is too long still arrives, to be counted,
# but nobody can make us hold megabytes.
PACKET_BYTES_MAX: Final = 4 * PAYLOAD_BYTES_MAX
# Publications on the way to the broker at a time; mosquitto takes 20 unless told otherwise.
IN_FLIGHT_MAX: Final = 20
# Messages that wait for their handler; beyond it the newest are dropped, as a broker would. Sync repairs it.
WAITING_MAX: Final = 50_000
# A connection that stood this long was a good one: the next outage begins with short waits again.
STEADY_MS: Final = 10 * SECOND_MS

_BACKOFF_MS_MIN = 100
_BACKOFF_MS_MAX = 5 * SECOND_MS

# ------------------------------------------------------------------------------------ where the broker is

_ALLOWED = "allowed: mqtt://[USER:PASSWORD@]HOST[:PORT]"
_URL = re.compile(
    r"mqtt://(?:([^:@/]+):([^:@/]*)@)?(\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?"
)
# RFC 1035 §2.3.4. The resolver answers longer ones with an error that is no OSError.
_LABEL_CHARS_MAX = 63


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker and the login for it. Printed, it shows no login."""

    host: str
    port: int = PORT
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt://{host}:{self.port}"


def read_address(url: str) -> BrokerAddress:
    """The address in a broker URL. User and password may hold `%XX` for any byte.

    Raises InputError, which never repeats a password.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise InputError(f"broker {quoted(_without_login(url))}; {_ALLOWED}")
    user, password, host, port = match.groups()
    if port is not None and not 1 <= int(port) <= _PORT_MAX:
        raise InputError(f"broker {quoted(_without_login(url))}: port {port}; allowed: 1 to {_PORT_MAX}")
    host = host.strip("[]")
    if not all(1 <= len(label) <= _LABEL_CHARS_MAX for label in host.removesuffix(".").split(".")):
        raise InputError(f"broker {quoted(_without_login(url))}: host; {_ALLOWED}")
    return BrokerAddress(
        host,
        PORT if port is None else int(port),
        None if user is None else _percent_decoded(user),
        None if password is None else _percent_decoded(password),
    )


def _without_login(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return scheme + separator + ("…@" if "@" in rest else "") + rest.rpartition("@")[2]


def _percent_decoded(text: str) -> str:
    """RFC 3986 §2.1. Bytes that are no UTF-8 become U+FFFD; a broker will refuse such a login by itself."""
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda pair: bytes.fromhex(pair[1].decode()), text.encode())
    return raw.decode(errors="replace")


class NotConnectedError(UnreachableError):
    """There is no broker to carry the message, or it did not confirm it: the message may or may not arrive.

    The caller keeps what must not be lost (design §5): nothing relies on a broker's memory.
    """


def backoff_ms(attempt: int, client_id: str) -> int:
    """How long to wait before attempt `attempt` (1 is the first repetition) at the broker.

    Doubles from 0.1 s to 5 s; up to half of it is taken off by a fixed fraction per client and attempt, so
    that thousands of links do not return in the same instant.
    """
    wait_ms: int = min(_BACKOFF_MS_MAX, _BACKOFF_MS_MIN << min(attempt - 1, 16))
    fraction = int.from_bytes(sha256(f"{client_id}/{attempt}".encode()).digest()[:4])
    return wait_ms - wait_ms * fraction // 2**33


# ------------------------------------------------------------------------------------------ what is sent


class Publication(Struct, frozen=True):
    """One message as it is handed to a broker."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry_s: int | None


def publication(
    place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
) -> Publication:
    """The publication of `payload` at `place`; None: as `topics.CARRIAGE` has it for the channel.

    An empty payload clears what was retained there. Raises DocumentError where the payload is too long.
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise DocumentError(f"{place.channel}: {len(payload)} bytes; at most {PAYLOAD_BYTES_MAX}")
    carriage = CARRIAGE[place.channel]
    return Publication(
        topic_of(place),
        payload,
        carriage.qos,
        carriage.retain if retain is None else retain,
        carriage.expiry_s if expiry_s is None else expiry_s,
    )


# ----------------------------------------------------------------------------------------- what arrives


class Arrival(NamedTuple):
    """One message as it came from the broker. `retained`: it was kept there, and may be older than we are."""

    place: Place
    payload: bytes
    retained: bool = False


@unique
class Drop(StrEnum):
    """Why an arrival never reached a handler."""

    FOREIGN_TOPIC = "foreign_topic"
    TOO_LARGE = "too_large"
    # What was retained there has been cleared: there is no document to read.
    EMPTY = "empty"
    NO_ROOM = "no_room"


def admitted(topic: str, payload: bytes, waiting: int) -> Place | Drop:
    """The place of an arrival that a handler may see, or why none does; `waiting` counts those before it."""
    place = place_of(topic)
    if place is None:
        return Drop.FOREIGN_TOPIC
    if not payload:
        return Drop.EMPTY
    if len(payload) > PAYLOAD_BYTES_MAX:
        return Drop.TOO_LARGE
    return Drop.NO_ROOM if waiting >= WAITING_MAX else place


@dataclass(slots=True)
class Traffic:
    """What one shell has carried since it was made.

    `published` counts from the moment a message is handed over, so that no message is ever under way
    uncounted; what the broker did not confirm moves to `unconfirmed`. `received` counts an arrival before it
    waits for its handler, `handled` and `failed` when the handler has ended, with all that it published.
    """

    published: Counter[Channel] = field(default_factory=Counter)
    unconfirmed: Counter[Channel] = field(default_factory=Counter)
    received: Counter[Channel] = field(default_factory=Counter)
    handled: Counter[Channel] = field(default_factory=Counter)
    failed: Counter[Channel] = field(default_factory=Counter)
    dropped: Counter[Drop] = field(default_factory=Counter)

    @property
    def waiting(self) -> int:
        """Arrivals whose handler has not ended."""
        return self.received.total() - self.handled.total() - self.failed.total()
