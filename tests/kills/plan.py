"""What is killed and what people do meanwhile, drawn from a seed. Pure: the same seed is the same plan.

Times count from the first blow, in milliseconds.
"""

from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from tests.simulation.truth import Lots

METERS: Final = 9
LINKS: Final = 3
# Nobody may ever cut these: they are flagged before the first window opens.
FLAGGED: Final = ("m00001", "m00002")
# They are released one after the other while parts are killed, and never cut from then on.
TO_RELEASE: Final = ("m00003", "m00004", "m00005")
# They owe, pay, and owe again.
ORDINARY: Final = ("m00006", "m00007", "m00008", "m00009")

_BLOW_EVERY_MS: Final = 2_200
_ERRAND_EVERY_MS: Final = 1_500
# A window and the pause after it. A meter knows the time to two seconds or three.
WINDOW_MS: Final = 6_000
WINDOW_EVERY_MS: Final = 9_000
# No document has more windows.
BLOWS_MAX: Final = 1_000


@unique
class Part(StrEnum):
    BROKER = "broker"
    SERVE = "serve"
    TIMESERVER = "timeserver"
    FLEET = "fleet"


@unique
class How(StrEnum):
    """`kill`: SIGKILL. `end`: SIGTERM. `freeze`: SIGSTOP, and SIGCONT later."""

    KILL = "kill"
    END = "end"
    FREEZE = "freeze"


class Blow(Struct, frozen=True):
    """A part is struck; after `for_ms` it is started again, or goes on."""

    at_ms: int
    part: Part
    how: How
    for_ms: int


@unique
class What(StrEnum):
    PAY = "pay"
    RELEASE = "release"
    PAUSE = "pause"


class Errand(Struct, frozen=True):
    """What a person types. `killed_after_ms`: the command itself is killed; 0: it is not.

    `pay`: `cents` to `meter`. `release`: `meter`. `pause`: a moratorium for the fleet, of some seconds.
    """

    at_ms: int
    what: What
    name: str
    meter: str = ""
    cents: int = 0
    killed_after_ms: int = 0


class Plan(Struct, frozen=True):
    """`restarts_at_the_end`: the fleet is killed once more when all heals, and so greets anew."""

    seed: int
    blows: tuple[Blow, ...]
    errands: tuple[Errand, ...]
    windows_ms: tuple[tuple[int, int], ...]
    restarts_at_the_end: bool

    @property
    def end_ms(self) -> int:
        """When the last blow is over."""
        return max((each.at_ms + each.for_ms for each in self.blows), default=0)


def draw(seed: int, blows: int) -> Plan:
    """The plan of a seed, with so many blows; every part is struck once in each four of them."""
    assert 0 < blows <= BLOWS_MAX, blows
    lots = Lots(seed, "blows")
    struck: list[Blow] = []
    at_ms = 0
    order: list[Part] = []
    for _ in range(blows):
        order = order or _shuffled(lots)
        part = order.pop()
        how = How.KILL if lots.happens(60) else lots.of((How.END, How.FREEZE))
        struck.append(Blow(at_ms, part, how, lots.between(100, 1_500)))
        at_ms += lots.between(_BLOW_EVERY_MS // 2, _BLOW_EVERY_MS * 3 // 2)
    windows = tuple((begin_ms, begin_ms + WINDOW_MS) for begin_ms in range(1_000, at_ms, WINDOW_EVERY_MS))
    return Plan(seed, tuple(struck), _errands(seed, at_ms), windows, lots.happens(50))


def _shuffled(lots: Lots) -> list[Part]:
    left, order = list(Part), []
    while left:
        order.append(left.pop(lots.below(len(left))))
    return order


def _errands(seed: int, end_ms: int) -> tuple[Errand, ...]:
    lots = Lots(seed, "errands")
    made: list[Errand] = []
    to_release = list(TO_RELEASE)
    at_ms = 500
    while at_ms < end_ms:
        name = f"e{len(made) + 1}"
        killed_ms = lots.between(200, 1_200) if lots.happens(25) else 0
        if to_release and lots.happens(25):
            made.append(Errand(at_ms, What.RELEASE, name, to_release.pop(0), 0, killed_ms))
        elif lots.happens(8):
            made.append(Errand(at_ms, What.PAUSE, name))
        else:
            meter = lots.of((*ORDINARY, *TO_RELEASE))
            made.append(Errand(at_ms, What.PAY, name, meter, lots.between(500, 1_500), killed_ms))
        at_ms += lots.between(_ERRAND_EVERY_MS // 2, _ERRAND_EVERY_MS * 3 // 2)
    return tuple(made)
