"""A run as data: what people do, and what goes wrong, each at an instant. Drawn from a seed before it begins.

So a failure is shrunk by taking elements away, and kept as JSON. Instants are milliseconds since the start.
"""

from enum import StrEnum, unique
from typing import Final

import msgspec
from msgspec import Struct

from protocols.instants import DAY_MS, HOUR_MS
from protocols.reasons import FlagName, Source

# The calendar permits cuts from Monday to Thursday: the faults end on Tuesday at midnight, and there is time
# for a renewal, a whole warning and a whole window until Thursday afternoon.
FAULTS_END_MS: Final = 2 * DAY_MS
END_MS: Final = 3 * DAY_MS + 16 * HOUR_MS
CALENDAR_RULE: Final = "mon-thu 08:00-15:00"
# The window that is judged: on the last day, more than a day after the faults have ended.
JUDGED_FROM_MS: Final = 3 * DAY_MS + 8 * HOUR_MS
JUDGED_UNTIL_MS: Final = 3 * DAY_MS + 15 * HOUR_MS


class Happening(Struct, frozen=True, tag_field="do", kw_only=True):
    """Base of all that happens. `at_ms`: milliseconds since the start."""

    at_ms: int


# ------------------------------------------------------------------------------------------- what people do


class Declare(Happening, frozen=True, tag="declare"):
    """One person declares a moratorium for the fleet, over `[from_ms, until_ms)`."""

    name: str
    from_ms: int
    until_ms: int


class Extend(Happening, frozen=True, tag="extend"):
    """One person gives a moratorium a later end."""

    name: str
    until_ms: int


class Lift(Happening, frozen=True, tag="lift"):
    """Two people lift a moratorium."""

    name: str


class Release(Happening, frozen=True, tag="release"):
    """One person releases a meter; the whole fleet where `meter` is empty."""

    meter: str = ""


class TopUp(Happening, frozen=True, tag="top-up"):
    """A household pays. The same `payment` is the same payment."""

    payment: str
    meter: str
    cents: int


class Flag(Happening, frozen=True, tag="flag"):
    """One person sets a household's flag."""

    meter: str
    flag: FlagName


class ClearFlag(Happening, frozen=True, tag="clear-flag"):
    """Two people clear a household's flag."""

    meter: str
    flag: FlagName


class Cut(Happening, frozen=True, tag="cut"):
    """Two people order a cut, inside `[from_ms, until_ms)`."""

    name: str
    meter: str
    from_ms: int
    until_ms: int


class CancelCut(Happening, frozen=True, tag="cancel-cut"):
    """One person cancels a cut."""

    name: str
    meter: str


class Countersign(Happening, frozen=True, tag="countersign"):
    """Two people sign the statement of a payment too, which may be above an allowance."""

    payment: str


class NewEpoch(Happening, frozen=True, tag="new-epoch"):
    """Two people give the controller, as an issuer, a new key in a new epoch; a home of before its first."""


class VoidKey(Happening, frozen=True, tag="void-key"):
    """Two people void the key of the second operator, which was stolen, keep what is theirs, and drop it."""


# ------------------------------------------------------------------------------------------- what goes wrong


class KillService(Happening, frozen=True, tag="kill-service"):
    """`serve` is killed, and starts again."""

    down_ms: int


class KillTimeserver(Happening, frozen=True, tag="kill-timeserver"):
    """`timeserver` is killed, and starts again."""

    down_ms: int


class KillFleet(Happening, frozen=True, tag="kill-fleet"):
    """The host of the links is killed. `torn_bytes`: in the middle of its next write, after so many bytes."""

    down_ms: int
    torn_bytes: int | None = None


class KillBroker(Happening, frozen=True, tag="kill-broker"):
    """The broker is killed. `forgets`: its retained messages are lost."""

    down_ms: int
    forgets: bool


class Partition(Happening, frozen=True, tag="partition"):
    """A client of the broker cannot be reached."""

    client: str
    for_ms: int


class Storm(Happening, frozen=True, tag="storm"):
    """Of a thousand messages so many break their connection, are delivered twice, or never."""

    for_ms: int
    broken: int
    twice: int
    lost: int


class Slow(Happening, frozen=True, tag="slow"):
    """Every message to and from a client takes so much longer."""

    client: str
    for_ms: int
    more_ms: int


class Lie(Happening, frozen=True, tag="lie"):
    """A time authority answers meters with a wrong time."""

    source: Source
    for_ms: int
    offset_ms: int


class LoseTicks(Happening, frozen=True, tag="lose-ticks"):
    """A meter's counter is lost."""

    meter: str


class MainsDip(Happening, frozen=True, tag="mains-dip"):
    """The supply side of a meter is dead for a while."""

    meter: str
    for_ms: int


class Deny(Happening, frozen=True, tag="deny"):
    """The broker's access list denies the topic of one meter's orders (MQTT 5 §3.4.2.1, 0x87)."""

    meter: str
    for_ms: int


class MakeAnew(Happening, frozen=True, tag="make-anew"):
    """The meters of a link are made anew under their old ids; of every link where `link` is empty.

    Nothing that their host has kept is left.
    """

    down_ms: int
    link: str = ""


class ServiceClock(Happening, frozen=True, tag="service-clock"):
    """The system clock of `serve` is set wrong: jobs, dates and answers follow it."""

    for_ms: int
    offset_ms: int


class ClerkClock(Happening, frozen=True, tag="clerk-clock"):
    """The system clock of the operators' machine is set wrong."""

    for_ms: int
    offset_ms: int


class BackUp(Happening, frozen=True, tag="back-up"):
    """The store is copied."""


class Restore(Happening, frozen=True, tag="restore"):
    """The last copy of the store takes its place."""


@unique
class Theft(StrEnum):
    """What somebody does with one operator's key."""

    JUNK_HOLDS = "junk holds"
    CLIMBED_HOLD = "climbed hold"
    JUNK_CANCELS = "junk cancels"
    LAST_NUMBER = "last number"
    JUNK_ISSUERS = "junk issuers"
    GREAT_SUM = "great sum"
    BORROWED_ID = "borrowed id"
    LONE_HARM = "lone harm"


@unique
class Counterfeit(StrEnum):
    """What somebody does with an issuer's key."""

    ALLOWANCE = "one day's allowance"
    MORE = "more than one day's"
    GREAT_SUM = "great sum"
    LAST_NUMBER = "last number"
    NO_MONEY = "no money"
    NEXT_EPOCH = "next epoch"
    OTHER_ISSUER = "other issuer"


@unique
class Forgery(StrEnum):
    """What somebody with the login of a link, and no key, does."""

    ALL_HELD = "all held"
    OTHER_LINK = "other link"
    PHANTOMS = "phantoms"
    LAST_STATUS = "last status"
    LAST_READING = "last reading"
    REPLAY = "replay"


@unique
class Flood(StrEnum):
    """What somebody without any key says very often."""

    BIRTHS = "births"
    ASKS = "asks"
    LINKS = "links"
    STRANGERS = "strangers"


class StolenKey(Happening, frozen=True, tag="stolen-key"):
    """One deed with one operator's key."""

    deed: Theft


class Unpaid(Happening, frozen=True, tag="unpaid"):
    """The key of the second operator, which was stolen, requests a payment that nobody has made."""

    meter: str
    cents: int


class StolenIssuer(Happening, frozen=True, tag="stolen-issuer"):
    """One deed with the key that the controller has as an issuer in an epoch."""

    deed: Counterfeit
    epoch: int = 1


class ForgingLink(Happening, frozen=True, tag="forging-link"):
    """One deed of a hostile link, in the name of `link`."""

    deed: Forgery
    link: str = "link-2"


class FarInstants(Happening, frozen=True, tag="far-instants"):
    """A meter whose key was stolen reports instants that no clock shows."""

    meter: str


class Flooding(Happening, frozen=True, tag="flooding"):
    """One flood, all at once."""

    deed: Flood


Money = TopUp | Countersign | NewEpoch
Act = Declare | Extend | Lift | Release | Flag | ClearFlag | Cut | CancelCut | VoidKey | Money
Crash = KillService | KillTimeserver | KillFleet | KillBroker | BackUp | Restore | MakeAnew
Network = Partition | Storm | Slow | Deny
Place = LoseTicks | MainsDip
WrongClock = Lie | ServiceClock | ClerkClock
Hostile = StolenKey | StolenIssuer | Unpaid | ForgingLink | FarInstants | Flooding
Event = Act | Crash | Network | Place | WrongClock | Hostile


class Schedule(Struct, frozen=True, kw_only=True):
    """One run. `breaks`: the invariant that a kept failure breaks as things stand; empty for none.

    `issuers`: whether the home is one that `init` makes today; else it is one of before, without issuers.
    """

    seed: int
    meters: int
    events: tuple[Event, ...]
    issuers: bool = True
    breaks: str = ""


_decoder = msgspec.json.Decoder(Schedule)


def read_schedule(data: bytes) -> Schedule:
    """A schedule from its JSON. Raises msgspec.ValidationError."""
    return _decoder.decode(data)


def write_schedule(schedule: Schedule) -> bytes:
    """A schedule as JSON for people."""
    return msgspec.json.format(msgspec.json.encode(schedule), indent=1) + b"\n"
