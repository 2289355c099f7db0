"""The part of the MQTT connection that needs no network (design §5).

The broker's address, how a place and its bytes become a publication, which arrivals are handled, how long to
wait before the next attempt to connect, and the counters. `protocols.rim.carrier` adds the socket.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum, unique
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec import Struct

from protocols.errors import DocumentError, InputError, RefusedError, UnreachableError, quoted
from protocols.instants import MINUTE_MS, SECOND_MS
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.topics import CARRIAGE, Channel, Place, place_of, topic_of

PORT: Final = 1883
# Secure MQTT, as IANA registers it.
TLS_PORT: Final = 8883
_PORT_MAX: Final = 65_535

# How long a broker may take to accept a connection or to acknowledge a message.
ANSWER_TIMEOUT_S: Final = 5.0
# How long a broker may take that sends us other messages meanwhile: its answer comes behind them.
ANSWER_S_MAX: Final = 60.0
# Keep Alive of MQTT 5 §3.1.2.10: after 1.5 times as long without a packet the connection counts as lost.
KEEPALIVE_S: Final = 30
# Maximum Packet Size of MQTT 5 §3.1.2.11.4. A payload that is too long for us still arrives, and is counted;
# but nobody can make us hold megabytes.
PACKET_BYTES_MAX: Final = 4 * PAYLOAD_BYTES_MAX
# Publications that wait for the broker's acknowledgement at a time; mosquitto's default is 20.
IN_FLIGHT_MAX: Final = 20
# Messages that wait for their handler; above it the newest are dropped. The next sync repairs the loss.
WAITING_MAX: Final = 50_000
# After a connection of at least this length the backoff starts at its shortest wait again.
STEADY_MS: Final = 10 * SECOND_MS

# Refused topics that one connection remembers: a topic or two of each meter of a large link.
_REFUSED_MAX: Final = 10_000
_BACKOFF_MS_MIN = 100
_BACKOFF_MS_MAX = 5 * SECOND_MS
_ASK_AGAIN_MS_MAX = 5 * MINUTE_MS

# ------------------------------------------------------------------------------------ where the broker is

_ALLOWED = "allowed: mqtt[s]://[USER:PASSWORD@]HOST[:PORT]"
_URL = re.compile(
    r"(mqtts?)://(?:([^:@/]+):([^:@/]*)@)?(\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?"
)
# RFC 1035 §2.3.4. For a longer label the resolver raises an error that is no OSError.
_LABEL_CHARS_MAX = 63


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker and the login for it. Its text shows no login.

    `credentials`: the folder with `ca.pem`, `cert.pem` and `key.pem` for TLS; empty: a plain connection.
    """

    host: str
    port: int = PORT
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    credentials: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.credentials else ''}://{host}:{self.port}"


def read_address(url: str, credentials: str = "") -> BrokerAddress:
    """The address in a broker URL. User and password may hold `%XX` for any byte.

    `credentials` names the folder that `mqtts` needs, and `mqtt` does not use. Raises InputError, whose text
    never contains the password.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise InputError(f"broker {quoted(_without_login(url))}; {_ALLOWED}")
    scheme, user, password, host, port = match.groups()
    secure = scheme == "mqtts"
    if secure and not credentials:
        raise InputError(f"broker {quoted(_without_login(url))}: mqtts needs credentials; allowed here: mqtt")
    if port is not None and not 1 <= int(port) <= _PORT_MAX:
        raise InputError(f"broker {quoted(_without_login(url))}: port {port}; allowed: 1 to {_PORT_MAX}")
    host = host.strip("[]")
    if not all(1 <= len(label) <= _LABEL_CHARS_MAX for label in host.removesuffix(".").split(".")):
        raise InputError(f"broker {quoted(_without_login(url))}: host; {_ALLOWED}")
    return BrokerAddress(
        host,
        (TLS_PORT if secure else PORT) if port is None else int(port),
        None if user is None else _percent_decoded(user),
        None if password is None else _percent_decoded(password),
        credentials if secure else "",
    )


def _without_login(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return scheme + separator + ("…@" if "@" in rest else "") + rest.rpartition("@")[2]


def _percent_decoded(text: str) -> str:
    """RFC 3986 §2.1. Bytes that are not UTF-8 become U+FFFD; the broker then refuses the login."""
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda pair: bytes.fromhex(pair[1].decode()), text.encode())
    return raw.decode(errors="replace")


class NotConnectedError(UnreachableError):
    """There is no connection, or the broker did not acknowledge the message: it may or may not arrive.

    The caller keeps what must not be lost (design §5): nothing relies on what a broker stores.
    """


class BrokerRefusedError(RefusedError):
    """The broker refused one message, by a reason code of its acknowledgement (MQTT 5 §3.4.2.1).

    Nobody has received it, and the connection stays. The caller may try again later: somebody may mend the
    access list. `why` is short, for a delivery's reason: `broker: Not authorized (0x87)`.
    """

    def __init__(self, topic: str, code: int, name: str) -> None:
        self.why = f"broker: {name} (0x{code:02x})"
        super().__init__(f"{topic}: refused by the {self.why}")


def backoff_ms(attempt: int, client_id: str) -> int:
    """How long to wait before connecting again; `attempt` 1 is the first repetition.

    Doubles from 0.1 s to 5 s, less up to half of it, by a fixed fraction for each client and attempt, so that
    thousands of links do not return in the same instant.
    """
    wait_ms: int = min(_BACKOFF_MS_MAX, _BACKOFF_MS_MIN << min(attempt - 1, 16))
    fraction = int.from_bytes(sha256(f"{client_id}/{attempt}".encode()).digest()[:4])
    return wait_ms - wait_ms * fraction // 2**33


def answer_due_s(begun_s: float, heard_s: float) -> float:
    """When to give up waiting for an answer, by a monotonic clock.

    `begun_s`: when the question was sent. `heard_s`: when the broker last sent us a message; it may be older.
    """
    return min(max(begun_s, heard_s) + ANSWER_TIMEOUT_S, begun_s + ANSWER_S_MAX)


def ask_again_ms(refusals: int) -> int:
    """How long to wait before a broker is asked again for what it has refused: 1, 2, 4, then 5 minutes.

    A release may wait for the person who mends the broker's access list, and must not wait long after that.
    More often would harm the others, where each refusal ends the connection.
    """
    return min(MINUTE_MS << min(refusals, 16), _ASK_AGAIN_MS_MAX)


class Refusals:
    """The topics that the broker refuses, each with the time of the next attempt; times are monotonic.

    Some brokers (mosquitto 2.0) end the connection after such an answer. Were a refused topic tried again at
    each connect, there would be no connection any more for all the others.
    """

    def __init__(self) -> None:
        self._refused: dict[str, tuple[int, float, BrokerRefusedError]] = {}

    def standing(self, topic: str, now_s: float) -> BrokerRefusedError | None:
        """The refusal that still stands; None where the topic may be tried."""
        if topic not in self._refused:
            return None
        _, until_s, error = self._refused[topic]
        return error if now_s < until_s else None

    def note(self, topic: str, error: BrokerRefusedError, now_s: float) -> None:
        """The broker has refused the topic once more."""
        if len(self._refused) >= _REFUSED_MAX:
            self._refused.clear()
        count = self._refused[topic][0] if topic in self._refused else 0
        self._refused[topic] = (count + 1, now_s + ask_again_ms(count) / SECOND_MS, error)

    def forget(self, topic: str) -> None:
        """The broker takes the topic."""
        self._refused.pop(topic, None)


# ------------------------------------------------------------------------------------------ what is sent


class Publication(Struct, frozen=True):
    """One message for a broker."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry_s: int | None


def publication(
    place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
) -> Publication:
    """The publication of `payload` at `place`. Expiry and retain None: as in `topics.CARRIAGE`.

    An empty payload clears the retained message (MQTT 5 §3.3.1.3). Raises DocumentError for a payload that is
    too long.
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
    """One message from the broker. `retained`: the broker had stored it before our subscription."""

    place: Place
    payload: bytes
    retained: bool = False


@unique
class Drop(StrEnum):
    """Why an arrival never reached a handler."""

    FOREIGN_TOPIC = "foreign_topic"
    TOO_LARGE = "too_large"
    # Somebody has cleared the retained message: there is no document to read.
    EMPTY = "empty"
    NO_ROOM = "no_room"


def admitted(topic: str, payload: bytes, waiting: int) -> Place | Drop:
    """The place of an arrival for its handler, or why it is dropped. `waiting`: arrivals before it."""
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
    """What one connection has carried since the program started, over all its reconnects.

    `published` counts a message before it is sent, so that none is on its way uncounted; a message that the
    broker did not acknowledge moves to `unconfirmed`, one that it refused to `refused`. `received` counts an
    arrival before it waits for its handler; `handled` and `failed` count it after the handler has ended and
    all that it published is sent.
    """

    published: Counter[Channel] = field(default_factory=Counter)
    unconfirmed: Counter[Channel] = field(default_factory=Counter)
    refused: Counter[Channel] = field(default_factory=Counter)
    received: Counter[Channel] = field(default_factory=Counter)
    handled: Counter[Channel] = field(default_factory=Counter)
    failed: Counter[Channel] = field(default_factory=Counter)
    dropped: Counter[Drop] = field(default_factory=Counter)

    @property
    def waiting(self) -> int:
        """Arrivals whose handler has not ended."""
        return self.received.total() - self.handled.total() - self.failed.total()
