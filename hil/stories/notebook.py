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

    def supply(self, *, is_supplied: bool) -> None:
        """The sensor was looked at. Only what is new becomes a moment."""
        if is_supplied is not self._supplied:
            self._supplied = is_supplied
            self.moment(Lane.SUPPLY, "supplied" if is_supplied else "not supplied", is_on=is_supplied)

    def console(self, sign: str, text: str) -> None:
        """A line on the console; `sign` says which way it went."""
        self._console.append(f"{sign} {text}")

    def attachments(self) -> tuple[Attachment, ...]:
        """The console's log, where there is one."""
        if not self._console:
            return ()
        return (Attachment("console.log", "text/plain", "\n".join(self._console) + "\n"),)
