"""What a bench knows of the mains in one story: how they were switched last, and whether a meter boots."""

from protocols.instants import UtcMs


class MainsKnown:
    """`is_on` None: nobody has switched them yet. `boots_until_ms` None: the meter has answered since."""

    def __init__(self, boot_ms: int) -> None:
        self.is_on: bool | None = None
        self.boots_until_ms: UtcMs | None = None
        self._boot_ms = boot_ms

    def switched(self, now_ms: UtcMs, *, on: bool) -> None:
        """They were switched, whether they were so already or not."""
        is_new = on and self.is_on is not True
        if is_new and self._boot_ms:
            self.boots_until_ms = UtcMs(now_ms + self._boot_ms)
        elif not on:
            self.boots_until_ms = None
        self.is_on = on

    def replaced(self) -> None:
        """Another meter was put onto the bench, which has its mains."""
        self.is_on, self.boots_until_ms = True, None

    def answered(self) -> None:
        """The meter is awake."""
        self.boots_until_ms = None
