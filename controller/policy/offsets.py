"""Offsets of claims: a cluster near a whole day is the incident of 2020, seen with nobody cut (design §4.1).

Each meter reports a date that disagrees with its clock, with the offset. One meter with an odd offset is a
battery; many with the same one are one wrong source (domain.md §7.5, detector 1).
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS

# Latency and crystals spread one wrong date over seconds; two minutes keep it apart from any other fault.
CLUSTER_WIDTH_MS: Final = 120 * SECOND_MS
# Fewer meters than this are no cluster: three batteries can die in one week.
CLUSTER_METERS_MIN: Final = 5

# Offsets that have a name: faults of dates are off by whole days and hours (domain.md §5).
_NAMED_MS: Final = {
    DAY_MS: "a day ahead",
    -DAY_MS: "a day behind",
    HOUR_MS: "an hour ahead: summer time",
    -HOUR_MS: "an hour behind: summer time",
    2 * HOUR_MS: "two hours ahead: local time taken for UTC",
    -2 * HOUR_MS: "two hours behind: UTC taken for local time",
}


class Claim(Struct, frozen=True, kw_only=True):
    """A claim that a meter reported. `offset_ms` None: the meter had no estimate to compare with."""

    meter: str
    source: str
    offset_ms: int | None


class Cluster(Struct, frozen=True, kw_only=True):
    """Meters that heard the same wrong date from one source. `meaning`: empty where it has no name."""

    source: str
    offset_ms: int
    meters: int
    meaning: str


def offset_clusters(
    claims: Iterable[Claim],
    width_ms: int = CLUSTER_WIDTH_MS,
    meters_min: int = CLUSTER_METERS_MIN,
) -> list[Cluster]:
    """Offsets that many meters share, the largest cluster first; less than `width_ms` is no offset."""
    by_source: dict[str, dict[str, int]] = {}
    for claim in claims:
        if claim.offset_ms is not None and abs(claim.offset_ms) > width_ms:
            # Of each meter its last wrong word counts: a source that was put right does not erase the night.
            by_source.setdefault(claim.source, {})[claim.meter] = claim.offset_ms
    found = [
        cluster
        for source, offsets in sorted(by_source.items())
        for cluster in _clusters(source, sorted(offsets.values()), width_ms)
        if cluster.meters >= meters_min
    ]
    return sorted(found, key=lambda cluster: (-cluster.meters, cluster.source, cluster.offset_ms))


def _clusters(source: str, offsets_ms: list[int], width_ms: int) -> Iterable[Cluster]:
    """Runs of sorted offsets, each within `width_ms` of its first; its median stands for it."""
    start = 0
    for end in range(1, len(offsets_ms) + 1):
        if end == len(offsets_ms) or offsets_ms[end] - offsets_ms[start] > width_ms:
            run = offsets_ms[start:end]
            middle_ms = run[len(run) // 2]
            yield Cluster(
                source=source, offset_ms=middle_ms, meters=len(run), meaning=_meaning(middle_ms, width_ms)
            )
            start = end


def _meaning(offset_ms: int, width_ms: int) -> str:
    near = [text for named_ms, text in _NAMED_MS.items() if abs(offset_ms - named_ms) <= width_ms]
    return near[0] if near else ""
