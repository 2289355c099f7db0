"""Where a key on a token is: what the home has in the place of a key file. It needs no library."""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from protocols.decoding import read_json
from protocols.errors import DocumentError, InputError

TOKEN_SUFFIX: Final = ".token"  # noqa: S105 # of a file, no password
_FILE_BYTES_MAX: Final = 4_096


class TokenPlace(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a key is: the library of the token, the token's label, and CKA_ID of the key as hex."""

    module: str
    token: str
    key: str
    keyid: str


_places: msgspec.json.Decoder[TokenPlace] = msgspec.json.Decoder(TokenPlace)


def read_place(path: Path) -> TokenPlace:
    """Where the key of a token file is. Raises InputError for a file that cannot be read, or that is none."""
    try:
        with path.open("rb") as file:
            return read_json(_places, file.read(_FILE_BYTES_MAX), "token")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except DocumentError as error:
        raise InputError(f"{path}: {error}; allowed: what `operator request --token` writes") from None


def write_place(place: TokenPlace) -> bytes:
    """The bytes of a token file."""
    return msgspec.json.encode(place, order="deterministic") + b"\n"
