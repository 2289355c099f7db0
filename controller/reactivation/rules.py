"""How far a household is, whether anybody has reached it, and whether a reminder may leave now. Pure.

The three steps of 2020 are done with the card: into the meter, into a terminal, and into the meter again. A
card that was only seen at a terminal says nothing of the meter: in 2020 it was counted as *in order*, and
some of those were cut. So *done* is the third step, or the order that a connected meter has taken itself.

What happened has two instants: when it was, and when it was recorded. Both are asked for, so that a day can
be asked about as it was, and as it was known then.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum, unique
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from protocols.cutting.zones import instants_of_wall, local_date, wall_clock
from protocols.instants import DAY_MS, HOUR_MS
from protocols.limits import INSTANT_MS_MAX

# From 20:00 to 8:00 on the wall nothing is sent: whoever is woken by a text message is not helped by it.
NIGHT_FROM_HOUR: Final = 20
NIGHT_UNTIL_HOUR: Final = 8
# No reminder waits for longer: for a night, or for a server that is asked again.
WAITS_MS_MAX: Final = DAY_MS


@unique
class Happening(StrEnum):
    """What a household did, or who met it.

    `card_in_meter`, `at_terminal`, `card_back`: the three steps. `remote`: its meter has taken the order over
    the network. `met`: somebody has spoken with the household; `absent`: nobody was at home.
    """

    CARD_IN_METER = "card_in_meter"
    AT_TERMINAL = "at_terminal"
    CARD_BACK = "card_back"
    REMOTE = "remote"
    MET = "met"
    ABSENT = "absent"


@unique
class LearnedBy(StrEnum):
    """By which channel something became known.

    `mqtt`, `card`: the meter's own word. `technician`: seen by somebody at the meter. `clerk`, `call`: what
    the household says.
    """

    MQTT = "mqtt"
    CARD = "card"
    CLERK = "clerk"
    TECHNICIAN = "technician"
    CALL = "call"


@unique
class Means(StrEnum):
    """How a household is written to."""

    EMAIL = "email"
    SMS = "sms"
    LETTER = "letter"


@unique
class NoticeState(StrEnum):
    """What became of a reminder.

    `sending`: handed over when the program ended or the connection broke: it may have gone, or not.
    `dropped`: not needed any more when its turn came, so it has never been sent; where the household needs it
    after all, its wave plans it again.
    """

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    BOUNCED = "bounced"
    DROPPED = "dropped"


@unique
class Leaving(StrEnum):
    """Whether a reminder may leave now, or why not: `not_yet` and `night` pass, the others do not."""

    SEND = "send"
    NOT_YET = "not_yet"
    NIGHT = "night"
    DONE = "the step is done"
    LEFT = "the household has left"
    LATE = "the deadline is over"


@unique
class ReachedBy(StrEnum):
    """Whether anybody has reached a household, the surest first.

    `acted`: it has done a step; `met`: somebody has spoken with it; `written`: something was sent to it and
    has not come back; `unknown`: something may have been sent; `nobody`: nothing of all that.
    """

    ACTED = "acted"
    MET = "met"
    WRITTEN = "written"
    UNKNOWN = "unknown"
    NOBODY = "nobody"


class Noted(Struct, frozen=True, kw_only=True):
    """One thing that happened, or that is withdrawn: see `HappeningRow`."""

    number: int
    what: Happening
    channel: LearnedBy
    happened_ms: int
    learned_ms: int
    withdrawn: bool = False


class Written(Struct, frozen=True, kw_only=True):
    """A reminder as far as these rules need it: see `NoticeRow`.

    `doubtful_ms`: since when nobody knows, or knew, whether it has gone; None: that was never so.
    """

    means: Means
    state: NoticeState
    wave: str
    address: str = ""
    sent_ms: int | None = None
    ended_ms: int | None = None
    doubtful_ms: int | None = None


class HowFar(Struct, frozen=True, kw_only=True):
    """How far a household is. `steps`: 0 to 3. `proved`: the meter or a technician says that it is done.

    `absent`: how often nobody was at home.
    """

    steps: int = 0
    done: bool = False
    proved: bool = False
    met: bool = False
    absent: int = 0


_STEP: Final[Mapping[Happening, int]] = {
    Happening.CARD_IN_METER: 1,
    Happening.AT_TERMINAL: 2,
    Happening.CARD_BACK: 3,
}
DOING: Final = frozenset({Happening.CARD_BACK, Happening.REMOTE})
_PROVING: Final = frozenset({LearnedBy.MQTT, LearnedBy.CARD, LearnedBy.TECHNICIAN})
# In this order a household is written to where nobody says how.
MEANS_IN_TURN: Final = (Means.EMAIL, Means.SMS, Means.LETTER)


def _standing(noted: Iterable[Noted], on_ms: int, known_ms: int) -> list[Noted]:
    """What had happened at `on_ms` and was not taken back, by what had been recorded until `known_ms`."""
    known = [each for each in noted if each.learned_ms <= known_ms]
    taken_back: dict[tuple[Happening, LearnedBy], int] = {}
    for each in known:
        if each.withdrawn:
            key = each.what, each.channel
            taken_back[key] = max(each.number, taken_back.get(key, 0))
    return [
        each
        for each in known
        if not each.withdrawn
        and each.happened_ms <= on_ms
        and each.number > taken_back.get((each.what, each.channel), 0)
    ]


def how_far(noted: Iterable[Noted], on_ms: int, known_ms: int) -> HowFar:
    """How far a household was at `on_ms`, by what had been recorded until `known_ms`; both included.

    A withdrawal counts from when it was recorded, for all days: what it takes back has never been.
    """
    stands = _standing(noted, on_ms, known_ms)
    return HowFar(
        steps=max((_STEP.get(each.what, 0) for each in stands), default=0),
        done=any(each.what in DOING for each in stands),
        proved=any(each.what in DOING and each.channel in _PROVING for each in stands),
        met=any(each.what is Happening.MET for each in stands),
        absent=sum(each.what is Happening.ABSENT for each in stands),
    )


def as_recorded(noted: Iterable[Noted]) -> HowFar:
    """How far a household is by all that is recorded: what decides now whether it is written to.

    Nothing is recorded of a time to come. What seems to be was recorded while a clock was ahead, and counts:
    it is known, so nobody could record it again.
    """
    return how_far(noted, INSTANT_MS_MAX, INSTANT_MS_MAX)


def without_terminal(noted: Iterable[Noted]) -> bool:
    """Whether a card is back in its meter that nobody has seen at a terminal: then it brings nothing new."""
    stands = {each.what for each in _standing(noted, INSTANT_MS_MAX, INSTANT_MS_MAX)}
    return Happening.CARD_BACK in stands and Happening.AT_TERMINAL not in stands


def reach_of(far: HowFar, written: Iterable[Written], on_ms: int) -> ReachedBy:
    """Whether anybody had reached a household at `on_ms`. What may have gone is unknown, never sent."""
    if far.steps or far.done:
        return ReachedBy.ACTED
    if far.met:
        return ReachedBy.MET
    standing = [each for each in written if each.ended_ms is None or each.ended_ms > on_ms]
    if any(each.sent_ms is not None and each.sent_ms <= on_ms for each in standing):
        return ReachedBy.WRITTEN
    doubtful = any(each.doubtful_ms is not None and each.doubtful_ms <= on_ms for each in standing)
    return ReachedBy.UNKNOWN if doubtful else ReachedBy.NOBODY


def reached_so_far(far: HowFar, written: Iterable[Written]) -> ReachedBy:
    """Whether anybody has reached a household, by all that is recorded, as `as_recorded`."""
    return reach_of(far, written, INSTANT_MS_MAX)


def is_night(instant_ms: int, zone: ZoneInfo) -> bool:
    """Whether clocks on the wall show an hour of the night."""
    hour = wall_clock(instant_ms, zone).hour
    return hour >= NIGHT_FROM_HOUR or hour < NIGHT_UNTIL_HOUR


def after_night(instant_ms: int, zone: ZoneInfo) -> int:
    """The instant itself by day; in the night the next morning's first."""
    if not is_night(instant_ms, zone):
        return instant_ms
    day = local_date(instant_ms, zone)
    if wall_clock(instant_ms, zone).hour >= NIGHT_FROM_HOUR:
        day = local_date(instant_ms + DAY_MS // 2, zone)
    return instants_of_wall(day, NIGHT_UNTIL_HOUR * HOUR_MS // 1_000, zone)[0]


def may_leave(
    far: HowFar, *, has_left: bool, not_before_ms: int, deadline_ms: int, now_ms: int, zone: ZoneInfo
) -> Leaving:
    """Whether a planned reminder may leave now; what makes it needless comes before what puts it off.

    One that waits for longer than any does was dated by a clock ahead, and leaves.
    """
    if far.done:
        return Leaving.DONE
    if has_left:
        return Leaving.LEFT
    if now_ms >= deadline_ms:
        return Leaving.LATE
    if is_night(now_ms, zone):
        return Leaving.NIGHT
    return Leaving.NOT_YET if now_ms < not_before_ms <= now_ms + WAITS_MS_MAX else Leaving.SEND


def next_means(
    wave: str, addresses: Mapping[Means, str | None], written: Sequence[Written], wanted: Sequence[Means]
) -> Means | None:
    """By what means a household is to be written to in this wave; None: it has been, or there is none.

    An address from which something came back is not used again, in no wave. What was dropped has told nobody,
    and leaves its means free.
    """
    in_wave = [each for each in written if each.wave == wave and each.state is not NoticeState.DROPPED]
    if any(each.state is not NoticeState.BOUNCED for each in in_wave):
        return None
    dead = {(each.means, each.address) for each in written if each.state is NoticeState.BOUNCED}
    used = {each.means for each in in_wave}
    for means in wanted:
        address = addresses.get(means)
        if address and means not in used and (means, address) not in dead:
            return means
    return None
