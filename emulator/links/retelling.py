"""When the meters of a link tell again what the controller does not have of their black boxes. Pure.

What happens now is told at once. What is told again comes in shares: so many events a second of a link, the
oldest of each meter first, so that hours of them delay no receipt and no report.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from emulator.links.agenda import Agenda
from emulator.links.reporting import Outgoing, ReportingMeter
from emulator.links.telling import NEXT_SHARE_MS
from protocols.instants import UtcMs

# Events that one link tells again in a second, and those of one meter among them: about as much as a tenth of
# what a controller stores.
_SHARE_MAX: Final = 100
_OF_ONE_METER_MAX: Final = 20


class Retelling:
    """`tell` returns what is due. Offline, nothing is: `end` forgets the agenda."""

    def __init__(self, meters: Mapping[str, ReportingMeter]) -> None:
        self._meters = meters
        self._agenda: Agenda[str] = Agenda()
        self._share_ends_ms = UtcMs(0)
        self._left = 0

    def begin(self, names: Iterable[str], now_ms: UtcMs) -> None:
        """Look at these meters now."""
        for name in names:
            self._agenda.put(name, now_ms)

    def note(self, name: str, now_ms: UtcMs) -> None:
        """A meter has just told something: look whether it was acknowledged, when that is due."""
        due_ms = self._meters[name].telling.next_due_ms(now_ms, more=False)
        if due_ms is not None and not self._agenda.has(name):
            self._agenda.put(name, due_ms)

    def end(self) -> None:
        """The connection is gone."""
        self._agenda = Agenda()

    def next_due_ms(self) -> UtcMs | None:
        return self._agenda.next_due_ms()

    def tell(self, now_ms: UtcMs) -> list[Outgoing]:
        """The events that are due by now, as many as this second's share still allows."""
        messages: list[Outgoing] = []
        if self._agenda.next_due_ms() is None:
            return messages
        if not self._share_ends_ms - NEXT_SHARE_MS <= now_ms < self._share_ends_ms:
            self._share_ends_ms, self._left = UtcMs(now_ms + NEXT_SHARE_MS), _SHARE_MAX
        while self._left and (due := self._agenda.pop_due(now_ms)) is not None:
            meter, most = self._meters[due[1]], min(_OF_ONE_METER_MAX, self._left)
            told = meter.untold(now_ms, most)
            self._left -= len(told)
            messages += told
            due_ms = meter.telling.next_due_ms(now_ms, more=len(told) == most)
            if due_ms is not None:
                self._agenda.put(due[1], due_ms)
        while (late := self._agenda.pop_due(now_ms)) is not None:
            self._agenda.put(late[1], self._share_ends_ms)
        return messages
