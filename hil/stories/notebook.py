"""What is written down while a story is told: what happened, what was measured, what was said."""

from collections.abc import Callable

from hil.record.model import Attachment, Lane, Measurement, StoryMoment
from protocols.instants import UtcMs, iso_from_ms


class Notebook:
    """The notes of one story. `now` is the bench's reference clock."""

    def __init__(self, now: Callable[[], UtcMs]) -> None:
        self._moments: list[StoryMoment] = []
        self.measurements: list[Measurement] = []
        self._now = now
        self._console: list[str] = []
        self._attached: list[Attachment] = []
        self._supplied: bool | None = None

    def moment(self, lane: Lane, text: str, *, is_on: bool | None = None) -> None:
        """Something happened now."""
        self._moments.append(StoryMoment(self._now(), lane, text, is_on))

    def planned(self, at_ms: UtcMs, text: str) -> None:
        """Something is planned for this instant. It is a moment of the story once that has come."""
        self._moments.append(StoryMoment(at_ms, Lane.ORDERS, text))

    @property
    def moments(self) -> list[StoryMoment]:
        """All that has happened, in the order of time."""
        now_ms = self._now()
        return sorted((each for each in self._moments if each.at_ms <= now_ms), key=lambda each: each.at_ms)

    def supply(self, *, is_supplied: bool, at_ms: UtcMs | None = None) -> None:
        """The sensor saw this, now or when it wrote it down. Only what is new is a moment."""
        if is_supplied is not self._supplied:
            self._supplied = is_supplied
            text = "supplied" if is_supplied else "not supplied"
            seen_ms = self._now() if at_ms is None else at_ms
            self._moments.append(StoryMoment(seen_ms, Lane.SUPPLY, text, is_supplied))

    def console(self, sign: str, text: str) -> None:
        """A line on the console, with true time; `sign` says which way it went."""
        self._console.append(f"{iso_from_ms(self._now())} {sign} {text}")

    def attach(self, attached: Attachment) -> None:
        """Something to be read beside the story."""
        self._attached.append(attached)

    def attachments(self) -> tuple[Attachment, ...]:
        """What was attached, and before it the console's log, where there is one."""
        if not self._console:
            return tuple(self._attached)
        log = Attachment("console.log", "text/plain", "\n".join(self._console) + "\n")
        return (log, *self._attached)
