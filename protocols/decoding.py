"""Bytes from outside become a document, or one DocumentError; nothing else ever escapes."""

from typing import TypeVar

import msgspec

from protocols.errors import DocumentError
from protocols.limits import PAYLOAD_BYTES_MAX

T = TypeVar("T")


def read_json(decoder: "msgspec.json.Decoder[T]", data: bytes, name: str) -> T:
    """The document that `decoder` reads from `data`; `name` begins the error's line.

    Raises DocumentError where the bytes are too many, no JSON, or break the document's form.
    """
    if len(data) > PAYLOAD_BYTES_MAX:
        raise DocumentError(f"{name}: {len(data)} bytes; at most {PAYLOAD_BYTES_MAX}")
    try:
        return decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise DocumentError(f"{name}: {error}") from None
    except UnicodeDecodeError as error:
        # msgspec checks UTF-8 only in the strings it keeps, and says so with Python's own error.
        raise DocumentError(f"{name}: not UTF-8: {error.reason}") from None
    except RecursionError:
        # A few thousand brackets fit into the size limit; the stack does not hold as many.
        raise DocumentError(f"{name}: nested too deeply") from None
