"""The fleet's own black boxes, read from its folder while it runs, and judged when all is over.

A file may lose its last lines at a start: what no image vouched for did not happen. So entries are kept by
their hash, and the last one leads back over all that did happen.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from emulator.firmware.journal import read_body
from emulator.fleet.files import read_journal_line
from protocols.chain import GENESIS, Entry
from protocols.errors import DocumentError
from protocols.link.records import (
    ClockChanged,
    GateJudged,
    OrderJudged,
    Record,
    SupplyChanged,
    WarningShown,
)
from protocols.reasons import ClockStatus, Did, OrderVerdict, Supply, SupplyReason

_SAFETY: Final = (SupplyReason.SAFETY, SupplyReason.LEAK, SupplyReason.LEAK_TEST)


class Written(Struct, frozen=True):
    """One entry. `seen_ms`: true time at which it stood in the file for the first time that we looked."""

    number: int
    tick: int
    record: Record
    seen_ms: int


class BlackBoxes:
    """Reads the journal files again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, dict[bytes, tuple[Entry, int]]] = {}
        self._last: dict[str, Entry] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def look(self, now_ms: int) -> None:
        """Read what is new in each file."""
        for path in sorted(self._folder.glob("*.jsonl")):
            stat = path.stat()
            inode, size = self._sizes.get(path.stem, (0, 0))
            if (stat.st_ino, stat.st_size) == (inode, size):
                continue
            # Appended to, or written anew and shorter.
            begin = size if stat.st_ino == inode and stat.st_size > size else 0
            with path.open("rb") as file:
                file.seek(begin)
                data = file.read()
            whole = data.rpartition(b"\n")[0]
            self._sizes[path.stem] = stat.st_ino, begin + len(whole) + bool(whole)
            for line in whole.splitlines():
                self._take(path.stem, line, now_ms)

    def look_again(self, now_ms: int) -> None:
        """Read every file from its begin: at the end, when nobody writes."""
        self._sizes.clear()
        self._last.clear()
        self.look(now_ms)

    def of(self, meter: str) -> list[Written]:
        """All that happened at a meter, the oldest first. Raises AssertionError where a link is missing."""
        found: list[Written] = []
        entries, entry = self._entries.get(meter, {}), self._last.get(meter)
        while entry is not None:
            entry, seen_ms = entries[entry.hash]
            logged = read_body(entry.body)
            found.append(Written(entry.number, logged.tick, logged.record, seen_ms))
            if entry.previous_hash == GENESIS.hash:
                break
            assert entry.previous_hash in entries, f"{meter}: nobody has seen entry {entry.number - 1}"
            entry = entries[entry.previous_hash][0]
        return found[::-1]

    def _take(self, meter: str, line: bytes, now_ms: int) -> None:
        try:
            entry = read_journal_line(line)
        except DocumentError:
            return  # torn; the fleet takes it away at its next start
        self._entries.setdefault(meter, {}).setdefault(entry.hash, (entry, now_ms))
        self._last[meter] = entry


class Cut(Struct, frozen=True):
    """A cut, as the black box tells it: the verdict that opened, and what the meter had taken until then.

    `taken`: the ids of documents. `warned_ticks`: since the warning that was shown last; None without one.
    """

    meter: str
    supply: SupplyChanged
    written: Written
    verdict: GateJudged | None
    taken: frozenset[str]
    warned_ticks: int | None


def cuts_of(meter: str, entries: list[Written]) -> Iterator[Cut]:
    """The cuts of a meter, each with what stood before it."""
    taken: set[str] = set()
    verdict: GateJudged | None = None
    warned_tick: int | None = None
    for each in entries:
        match each.record:
            case OrderJudged(verdict=OrderVerdict.ACCEPTED, reason=reason, order=order):
                if reason != Did.REPEATED:
                    taken.add(order)
            case GateJudged(open=True) as judged:
                verdict = judged
            case WarningShown():
                warned_tick = each.tick
            case ClockChanged(status=status) if status is not ClockStatus.TRUSTED:
                warned_tick = None
            case SupplyChanged(before=before, after=after, reason=reason) as supply:
                takes = after is Supply.OFF or (after is Supply.LIMITED and before is Supply.ON)
                if takes and before is not Supply.ARMED and reason not in _SAFETY:
                    warned = None if warned_tick is None else each.tick - warned_tick
                    yield Cut(meter, supply, each, verdict, frozenset(taken), warned)
                verdict = warned_tick = None
            case _:
                continue
