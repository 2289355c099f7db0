"""What a meter of an older firmware is said to be, without proof: shown as unverified, and nothing more."""

import msgspec
from msgspec import Struct


class Claimed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last words without a MAC that named a meter; None: they did not say it. `heard_ms`: when, by us."""

    heard_ms: int
    energy: str | None = None
    firmware: str | None = None
    profile: str | None = None
    energy_wh: int | None = None
    balance_ueur: int | None = None


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Claimed] = msgspec.json.Decoder(Claimed)


def write_claimed(claimed: Claimed) -> str:
    """As the column of a meter's row holds it."""
    return _encoder.encode(claimed).decode()


def read_claimed(column: str | None) -> Claimed | None:
    """From the column of a meter's row; None where there is none."""
    return None if column is None else _decoder.decode(column)
