"""A clerk's own key, open for the shift: closed by a count that nobody can set, and at the shift's end.

It lies in this process alone and is written nowhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.recovering import check_clerk
from cardreader.kiosk.shifts import shift_for_money, shift_now
from cardreader.kiosk.store import reading_kiosk
from protocols.documents.envelope import Signer
from protocols.errors import RefusedError
from protocols.instants import MINUTE_MS


class KeyClosedError(RefusedError):
    """A clerk's key is closed: nothing more is signed before its passphrase is typed again."""


@dataclass(frozen=True, slots=True)
class ShiftKey:
    """An opened key. `tick_ms`: a count that goes on in suspend, and that nobody can set."""

    private: Signer = field(repr=False)
    shift: int
    until_tick_ms: int
    tick_ms: Callable[[], int] = field(repr=False)

    def signer(self, kiosk: Kiosk) -> Signer:
        """The key, for one act more.

        Raises KeyClosedError after its time and the end of its shift, RefusedError where the root of this
        kiosk does not name it any more.
        """
        if self.tick_ms() >= self.until_tick_ms:
            raise KeyClosedError("the clerk's key is closed: its time is over")
        if self.shift != _shift_of(kiosk):
            raise KeyClosedError("the clerk's key is closed: its shift has ended")
        check_clerk(kiosk.home, self.private)
        return self.private


def open_for_shift(kiosk: Kiosk, private: Signer, minutes: int, tick_ms: Callable[[], int]) -> ShiftKey:
    """The key for the shift that is open now. Raises RefusedError where none is, except in practice."""
    with reading_kiosk(kiosk.engine) as session:
        shift_for_money(session, kiosk.home)
    return ShiftKey(private, _shift_of(kiosk), tick_ms() + minutes * MINUTE_MS, tick_ms)


def _shift_of(kiosk: Kiosk) -> int:
    """The number of the shift that is open; 0: none."""
    with reading_kiosk(kiosk.engine) as session:
        row = shift_now(session)
        return 0 if row is None else row.number or 0
