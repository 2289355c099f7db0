"""What one meter has told of its black box, what the controller has of it, and what is told again. Pure.

The ring holds every entry until newer ones push it out. Some of its entries are *events*, which the
controller must have (`reporting.is_event`). An event counts as there

- once the controller acknowledges it, in an authentic word of its own, or
- once the broker takes it, as long as the controller has acknowledged nothing since the last greeting: an
  older controller never does. Whatever a broker has taken, the first acknowledgement says what really came.

An acknowledgement counts only where it was made after the last greeting: it names the number of a report or
holdings of this meter that is not older. So none that was recorded makes a meter forget: not one of an
earlier life, whose epoch differs, and not one of a store that a backup has replaced since.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from emulator.firmware.journal import Logged, read_body
from protocols.chain import Entry
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS, UtcMs
from protocols.limits import JOURNAL_ENTRIES_MAX
from protocols.link.messages import Acked
from protocols.link.numbers import Numbers, joined
from protocols.link.records import Record

# An event without an acknowledgement is told again after 1, 2, 4, … minutes, at most an hour.
_AGAIN_MS: Final = MINUTE_MS
_AGAIN_MS_MAX: Final = HOUR_MS
_DOUBLED_MAX: Final = 6
# A meter with more to tell than its share goes on after this time.
NEXT_SHARE_MS: Final = SECOND_MS


class Telling:
    """One meter's account of what it has told.

    `there`: the numbers that the controller has. `last_event`: the number of the last event. `acknowledges`:
    whether the controller has acknowledged anything since the last greeting.
    """

    __slots__ = ("_greeted", "_is_first", "_sent", "_times", "acknowledges", "last_event", "there")

    def __init__(self, there: int, last_event: int) -> None:
        self.there = Numbers(there)
        self.last_event = last_event
        self.acknowledges = False
        # Of each event that is not there: when it was told last (0: not yet), and its predecessor.
        self._sent: dict[int, tuple[int, int]] = {}
        self._times = 0
        self._greeted = 0
        self._is_first = True

    def greeted(self, number: int) -> None:
        """Holdings of this number were said: the next acknowledgement says anew all that is there."""
        self._greeted, self._is_first = number, True

    def begin_anew(self) -> None:
        """A controller listens that may have heard nothing yet: all that is not there is due at once."""
        self.acknowledges = False
        self._sent = {number: (0, after) for number, (_, after) in self._sent.items()}
        self._times = 0

    def happened(self, number: int, told_ms: int = 0) -> int:
        """An event has happened, and is told at `told_ms` (0: not yet). Returns its predecessor."""
        after, self.last_event = self.last_event, number
        self._sent[number] = told_ms, after
        if len(self._sent) > 2 * JOURNAL_ENTRIES_MAX:
            oldest = number - JOURNAL_ENTRIES_MAX
            self._sent = {each: sent for each, sent in self._sent.items() if each > oldest}
        return after

    def taken(self, number: int) -> None:
        """The broker has taken an event."""
        if not self.acknowledges and number in self._sent:
            self.there = joined(self.there, [(self._sent.pop(number)[1] + 1, number)])

    def acknowledge(self, acked: Acked, epoch: int) -> bool:
        """Take an authentic acknowledgement; False for one of another life, or made before the greeting."""
        if acked.epoch != epoch or acked.heard < self._greeted:
            return False
        there = Numbers(acked.upto, acked.beyond)
        if not self._is_first:
            there = joined(self.there, ((1, acked.upto), *acked.beyond))
        self._is_first, self.acknowledges = False, True
        before = len(self._sent)
        self._sent = {number: sent for number, sent in self._sent.items() if number not in there}
        if len(self._sent) < before:
            self._times = 0
        self.there = there
        return True

    def due(
        self, entries: Sequence[Entry], is_event: Callable[[Record], bool], now_ms: UtcMs, most: int
    ) -> list[tuple[int, int, Logged]]:
        """The events to tell now, the oldest first, `most` at once: `(number, after, logged)`."""
        oldest = entries[0].number if entries else self.last_event + 1
        # What the ring has lost cannot be told again.
        self._sent = {
            number: sent
            for number, sent in self._sent.items()
            if number >= oldest and number not in self.there
        }
        found: list[tuple[int, int, Logged]] = []
        repeats = False
        for number, after, logged in self._missing(entries, is_event):
            if len(found) == most:
                break
            told_ms, first_after = self._sent.get(number, (0, after))
            if told_ms + self._wait_ms() <= now_ms:
                # What was said of it when it happened may say more than what the ring still holds.
                found.append((number, min(after, first_after), logged))
                repeats = repeats or told_ms > 0
        self._sent |= {number: (now_ms, after) for number, after, _ in found}
        self._times += repeats
        return found

    def next_due_ms(self, now_ms: UtcMs, *, more: bool) -> UtcMs | None:
        """When to look again. `more`: the last look has told as much as it might."""
        if more:
            return UtcMs(now_ms + NEXT_SHARE_MS)
        if not self.acknowledges or not self._sent:
            return None
        due_ms = min(at_ms for at_ms, _ in self._sent.values()) + self._wait_ms()
        return UtcMs(max(due_ms, now_ms + NEXT_SHARE_MS))

    def _wait_ms(self) -> int:
        return min(_AGAIN_MS << min(self._times, _DOUBLED_MAX), _AGAIN_MS_MAX)

    def _missing(
        self, entries: Sequence[Entry], is_event: Callable[[Record], bool]
    ) -> Iterator[tuple[int, int, Logged]]:
        """The events that are not there, each with its predecessor.

        Also one that is there, where entries before it are not: all of these are no events, and only the
        word of their successor says so.
        """
        after = entries[0].number - 1 if entries else 0
        passed = False
        for entry in entries:
            there = entry.number in self.there
            if there and not passed:
                after = entry.number
                continue
            logged = read_body(entry.body)
            if is_event(logged.record):
                yield entry.number, after, logged
                after, passed = entry.number, False
            else:
                passed = True
