"""Reads JSON from outside: returns the document or raises DocumentError, and no other error."""

from typing import TypeVar

import msgspec

from protocols.errors import DocumentError
from protocols.limits import PAYLOAD_BYTES_MAX

T = TypeVar("T")


def read_json(decoder: "msgspec.json.Decoder[T]", data: bytes, name: str) -> T:
    """The document that `decoder` reads from `data`; `name` begins the error's line.

    Raises DocumentError for too many bytes, for text that is not JSON, and for a wrong form.
    """
    if len(data) > PAYLOAD_BYTES_MAX:
        raise DocumentError(f"{name}: {len(data)} bytes; at most {PAYLOAD_BYTES_MAX}")
    try:
        return decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise DocumentError(f"{name}: {error}") from None
    except UnicodeDecodeError as error:
        # msgspec checks UTF-8 only in the strings that it keeps, and raises Python's own error for them.
        raise DocumentError(f"{name}: not UTF-8: {error.reason}") from None
    except RecursionError:
        # The size limit admits some thousand nested brackets; Python's stack does not.
        raise DocumentError(f"{name}: nested too deeply") from None
