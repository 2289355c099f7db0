"""How often may be guessed at a password. Pure."""

import hmac
from dataclasses import dataclass
from typing import Final

from protocols.instants import MINUTE_MS

TRIES_MAX: Final = 3
LOCKED_MS: Final = 10 * MINUTE_MS


@dataclass(slots=True)
class PasswordLock:
    """A password, and the tries at it, of all connections together.

    The last wrong try that is allowed in a row locks for a time. Instants are of a counter of the caller.
    """

    password: bytes
    wrong_tries: int = 0
    locked_until_ms: int = 0

    def is_shut(self, at_ms: int) -> bool:
        """Whether not even the password opens it now."""
        return at_ms < self.locked_until_ms

    def opens(self, given: bytes, at_ms: int) -> bool:
        """Whether this opens the lock now, compared in a time that says nothing of it.

        A try is counted, unless the lock is shut.
        """
        if self.is_shut(at_ms):
            return False
        is_right = hmac.compare_digest(given, self.password)
        self.wrong_tries = 0 if is_right else self.wrong_tries + 1
        if self.wrong_tries >= TRIES_MAX:
            self.wrong_tries, self.locked_until_ms = 0, at_ms + LOCKED_MS
        return is_right
