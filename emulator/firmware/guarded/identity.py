"""Who a meter is: its name, its groups, and the key that only it and the head-end hold."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

import msgspec
from msgspec import Struct

from emulator.firmware.guarded.sharing import no_entries
from protocols.reasons import Source

# Shares of the spread are counted in 1/65536.
SPREAD_WHOLE = 1 << 16


class Identity(Struct, frozen=True, gc=False):
    """`key` signs the meter's reports and makes its nonces; `ask_keys` sign its asks, one for each authority.

    All are set at manufacture.
    """

    id: str
    groups: frozenset[str]
    key: bytes
    ask_keys: Mapping[Source, bytes] = msgspec.field(default_factory=no_entries)

    def nonce(self, purpose: str, number: int, epoch: int = 0) -> str:
        """A value nobody else can foretell: HMAC-SHA-256 of a purpose and a number never used twice.

        A number is never used twice in one life of the meter, `epoch`. Without that a meter made anew under
        its old id would ask with its old nonces, and answers and rebases recorded then would fit again.
        """
        counted = f"{purpose}/{number}" if epoch == 0 else f"{purpose}/{epoch}/{number}"
        return hmac.new(self.key, counted.encode(), sha256).hexdigest()[:32]

    def spread_share(self) -> int:
        """The meter's fixed share of the spread, in 1/`SPREAD_WHOLE`: a hash of its name."""
        return int.from_bytes(sha256(b"spread/" + self.id.encode()).digest()[:2], "big")
