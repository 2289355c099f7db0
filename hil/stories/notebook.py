"""What is written down while a story is told: what happened, what was measured, what was said."""

from collections.abc import Callable

from hil.record.model import Attachment, Lane, Measurement, StoryMoment
from protocols.instants import UtcMs


class Notebook:
    """The notes of one story. `now` is the bench's reference clock."""

    def __init__(self, now: Callable[[], UtcMs]) -> None:
        self.moments: list[StoryMoment] = []
        self.measurements: list[Measurement] = []
        self._now = now
        self._console: list[str] = []
        self._supplied: bool | None = None

    def moment(self, lane: Lane, text: str, *, is_on: bool | None = None) -> None:
        """Something happened now."""
        self.moments.append(StoryMoment(self._now(), lane, text, is_on))

    def supply(self, *, is_supplied: bool, at_ms: UtcMs | None = None) -> None:
        """The sensor saw this, now or when it wrote it down. Only what is new is a moment."""
        if is_supplied is not self._supplied:
            self._supplied = is_supplied
            text = "supplied" if is_supplied else "not supplied"
            seen_ms = self._now() if at_ms is None else at_ms
            self.moments.append(StoryMoment(seen_ms, Lane.SUPPLY, text, is_supplied))

    def console(self, sign: str, text: str) -> None:
        """A line on the console; `sign` says which way it went."""
        self._console.append(f"{sign} {text}")

    def attachments(self) -> tuple[Attachment, ...]:
        """The console's log, where there is one."""
        if not self._console:
            return ()
        return (Attachment("console.log", "text/plain", "\n".join(self._console) + "\n"),)
