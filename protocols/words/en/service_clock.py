"""What the service believes of its clock, in English."""

from collections.abc import Iterable
from typing import Final

from protocols.reasons import ClockStanding, Doubt, Voice
from protocols.words.en.times import duration

_VOICES: Final = {
    Voice.SYSTEM: "the system clock",
    Voice.TIMESERVER: "the timeserver",
    Voice.FLEET: "the fleet",
    Voice.HEADEND: "the head-end",
}
_DOUBTS: Final = {
    Doubt.NONE: "",
    Doubt.ALONE: "fewer than two clocks have been heard",
    Doubt.APART: "no two clocks agree",
    Doubt.WIDE: "what the clocks say is too far apart to act on",
    Doubt.CRYSTAL: "two clocks contradict the time counted since the machine's boot",
    Doubt.UNSUPPORTED: "no clock agrees with the time counted since the machine's boot",
}
# Within so much a clock is called right.
_RIGHT_MS: Final = 2_000
NEVER_WRITTEN: Final = "`relance serve` has never run on this store: nothing is known of its clock."
SHARES_MACHINE: Final = "The timeserver runs on the same machine: if that clock is wrong, both are."
NOT_DONE: Final = (
    "not done meanwhile: renewing leases, sending harm, expiring orders, answering with the time"
)


def voice_in_words(voice: Voice, offset_ms: int) -> str:
    """`the timeserver is 60 d ahead`; within two seconds it is right."""
    if abs(offset_ms) < _RIGHT_MS:
        return f"{_VOICES[voice]} agrees"
    return f"{_VOICES[voice]} is {duration(abs(offset_ms))} {'ahead' if offset_ms > 0 else 'behind'}"


def silent_in_words(voice: Voice) -> str:
    """`the fleet is silent`."""
    return f"{_VOICES[voice]} is silent"


def doubt_in_words(doubt: Doubt) -> str:
    """Why the clock is doubtful; empty where it is not."""
    return _DOUBTS[doubt]


def compared_in_words(heard: Iterable[tuple[Voice, int]], silent: Iterable[Voice]) -> str:
    """All that was compared: `the system clock is 60 d ahead; the timeserver agrees; the fleet is silent`."""
    return "; ".join([*(voice_in_words(*each) for each in heard), *map(silent_in_words, silent)])


def standing_in_words(standing: ClockStanding, doubt: Doubt) -> str:
    """Whether the service knew what time it is when it last wrote, why not, and what it does not do."""
    if standing is ClockStanding.TRUSTED:
        return "The service trusts its clock"
    return f"The service doubts its clock: {doubt_in_words(doubt)}; {NOT_DONE}"


def difference_in_words(offset_ms: int | None, *, differs: bool) -> str:
    """How this machine's clock compares with the service's; empty where that is not known."""
    if offset_ms is None:
        return ""
    if not differs:
        return "This machine's clock agrees with the service's"
    side = "ahead of" if offset_ms > 0 else "behind"
    return f"This machine's clock is {duration(abs(offset_ms))} {side} what the service last knew"
