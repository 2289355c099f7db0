"""Shrinks a schedule: events are taken away, one at a time, as long as the same invariant breaks."""

from collections.abc import Callable

from msgspec.structs import replace

from tests.simulation.schedule import Schedule


def shrink(schedule: Schedule, breaks: Callable[[Schedule], bool]) -> Schedule:
    """A schedule that no longer breaks without any one of its events. `breaks` must hold of it."""
    events = list(schedule.events)
    at = len(events)
    while at > 0:
        at -= 1
        fewer = replace(schedule, events=tuple(events[:at] + events[at + 1 :]))
        if breaks(fewer):
            events = list(fewer.events)
            # What stood after it may be needless now.
            at = len(events)
    return replace(schedule, events=tuple(events))
