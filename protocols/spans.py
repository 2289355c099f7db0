"""Spans of true time, half-open, with their ends by name.

Each is a NamedTuple: it compares like a pair, costs as little, and is a pair of integers on the wire, in
images and in journals.
"""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

from msgspec import Meta

from protocols.limits import FOR_EVER_MS, INSTANT_MS_MAX, INSTANT_MS_MIN

# The range that documents allow. Instants inside the firmware may be any integer.
InstantMs = Annotated[int, Meta(ge=INSTANT_MS_MIN, le=INSTANT_MS_MAX)]


class Window(NamedTuple):
    """Instants at which a cut may happen, from `start_ms` to just before `end_ms`."""

    start_ms: InstantMs
    end_ms: InstantMs


class Span(NamedTuple):
    """Instants at which something is in force, from `from_ms` to just before `until_ms`."""

    from_ms: int
    until_ms: int


def protected_until_ms(until_ms: int) -> int:
    """When protection ends whose document or image says `until_ms`: "for ever" is the end of all dates."""
    return INSTANT_MS_MAX if until_ms == FOR_EVER_MS else until_ms


def merge_windows(windows: Iterable[Window]) -> tuple[Window, ...]:
    """The same instants as sorted windows: windows that touch or overlap are joined, empty ones left out.

    The gate asks for one window that contains the clock's whole interval. Two windows that touch would
    each contain only a part of it.
    """
    merged: list[Window] = []
    for window in sorted(window for window in windows if window.start_ms < window.end_ms):
        if merged and window.start_ms <= merged[-1].end_ms:
            merged[-1] = Window(merged[-1].start_ms, max(merged[-1].end_ms, window.end_ms))
        else:
            merged.append(window)
    return tuple(merged)
