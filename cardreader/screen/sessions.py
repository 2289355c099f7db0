"""Sessions of the screen: one per browser, one clerk in it from login to the end of the shift.

A session is known by a random cookie, and each form carries its token, so that no other page can send one in
its name. Time is the monotonic clock's: a wrong date ends no session and prolongs none.
"""

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from cardreader.explaining.symptoms import Symptom
from cardreader.kiosk.clerks_key import ShiftKey
from cardreader.screen.settings import IDLE_MINUTES_DEFAULT
from cardreader.screen.troubles import TroubleError
from protocols.documents.till_receipts import PaymentMeans
from protocols.languages.kiosk_troubles import KioskTrouble
from protocols.reasons import Language

COOKIE: Final = "kiosk"
_TOKEN_BYTES: Final = 32
_CHOICE_BYTES: Final = 8
# One browser stands in front of a kiosk; more sessions than these are left over from somewhere.
SESSIONS_MAX: Final = 16
_MINUTE_S: Final = 60

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PendingPayment:
    """A payment that was chosen, for the card that lay there then. Nothing of it is booked by that."""

    id: str
    amount_ueur: int
    means: PaymentMeans
    card: str


@dataclass(frozen=True, slots=True)
class PendingRecovery:
    """Hours of a release that were chosen, for the card that lay there then."""

    hours: int
    card: str


@dataclass(frozen=True, slots=True)
class PendingReactivation:
    """A planned cut that is to be cancelled, for the card that lay there then."""

    cut: str
    card: str


@dataclass(frozen=True, slots=True)
class ScreenQueue:
    """What each card of a queue gets, chosen once. `served`: the ticket of each card that has it."""

    hours: int
    symptom: Symptom
    served: dict[str, int] = field(default_factory=dict)


class Choice(Generic[T]):
    """What was chosen and not confirmed yet. Whoever confirms it takes it out, so two at once are one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chosen: T | None = None
        self._name = ""

    def put(self, chosen: T) -> str:
        """Chosen, in the place of what was chosen before. Returns the name of this choice, for its page."""
        with self._lock:
            self._chosen, self._name = chosen, secrets.token_hex(_CHOICE_BYTES)
            return self._name

    @contextmanager
    def taken(self, name: str) -> Iterator[T]:
        """What was chosen, for one act; it is back after one that failed, unless something else was chosen.

        `name`: of the choice that the page showed. Raises TroubleError with PAGE_OLD where that is not there:
        it was confirmed, is being confirmed now, or another one was made on another page since.
        """
        with self._lock:
            if self._chosen is None or name != self._name:
                raise TroubleError(KioskTrouble.PAGE_OLD)
            chosen, self._chosen = self._chosen, None
        try:
            yield chosen
        except BaseException:  # whatever ended the act, the choice can be confirmed again
            with self._lock:
                if self._chosen is None:
                    self._chosen = chosen
            raise


@dataclass(slots=True)
class ScreenSession:
    """One browser. `clerk` is empty before login. `used_s`: of the monotonic clock, when it was last touched.

    `size`: of the text, 0 to 2. `notice`: a line that the next page shows once.
    `clerks_key`: the clerk's own, open for a time, and as long as session and shift.
    """

    key: str
    token: str
    language: Language
    used_s: float
    clerk: str = ""
    size: int = 0
    idle_minutes: int = IDLE_MINUTES_DEFAULT
    notice: str = ""
    pending: PendingPayment | None = None
    recovery: Choice[PendingRecovery] = field(default_factory=Choice)
    reactivation: Choice[PendingReactivation] = field(default_factory=Choice)
    queue: ScreenQueue | None = None
    clerks_key: ShiftKey | None = field(default=None, repr=False)

    def takes(self, token: str) -> bool:
        """Whether a form is this session's own."""
        return hmac.compare_digest(self.token.encode(), token.encode())

    @property
    def idle_s(self) -> int:
        """How long it lasts without a touch."""
        return self.idle_minutes * _MINUTE_S


class Sessions:
    """All sessions of a screen, in memory: a restart ends them, and clerks log in again."""

    def __init__(self, language: Language, clock_s: Callable[[], float] = time.monotonic) -> None:
        """`clock_s`: a clock that only goes forward."""
        self._language = language
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._all: dict[str, ScreenSession] = {}

    def of(self, key: str | None, *, touch: bool = True) -> ScreenSession | None:
        """The session of a cookie; None where there is none, or it has ended. `touch`: a person did this."""
        with self._lock:
            found = None if key is None else self._all.get(key)
            if found is None:
                return None
            now_s = self._clock_s()
            if now_s - found.used_s > found.idle_s:
                del self._all[found.key]
                return None
            if touch:
                found.used_s = now_s
            return found

    def begin(self) -> ScreenSession:
        """A new session, without a clerk. Of too many, the one that was idle for the longest ends.

        One without a clerk before one with: whoever only asks for pages logs nobody out.
        """
        with self._lock:
            if len(self._all) >= SESSIONS_MAX:
                oldest = min(self._all.values(), key=lambda each: (bool(each.clerk), each.used_s))
                del self._all[oldest.key]
            return self._new(self._language)

    def log_in(self, before: ScreenSession, clerk: str, idle_minutes: int) -> ScreenSession:
        """The session of a clerk: a new cookie and token, so that none from before the login is good."""
        with self._lock:
            self._all.pop(before.key, None)
            session = self._new(before.language)
            session.clerk, session.idle_minutes, session.size = clerk, idle_minutes, before.size
            return session

    def end(self, session: ScreenSession) -> None:
        """Ends a session."""
        with self._lock:
            self._all.pop(session.key, None)

    def end_of_shift(self, session: ScreenSession) -> ScreenSession:
        """Ends all sessions of this clerk, with the keys in them; a new one begins, without a clerk."""
        with self._lock:
            for key in [each.key for each in self._all.values() if each.clerk == session.clerk]:
                self._all.pop(key).clerks_key = None
            after = self._new(session.language)
            after.size = session.size
            return after

    def left_s(self, session: ScreenSession) -> int:
        """How long it lasts from now on, if nobody touches it."""
        return max(0, int(session.idle_s - (self._clock_s() - session.used_s)))

    def _new(self, language: Language) -> ScreenSession:
        session = ScreenSession(
            secrets.token_urlsafe(_TOKEN_BYTES),
            secrets.token_urlsafe(_TOKEN_BYTES),
            language,
            self._clock_s(),
        )
        self._all[session.key] = session
        return session
