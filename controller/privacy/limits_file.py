"""The home's limits: privacy.toml beside the root, where the home has one."""

from pathlib import Path

from controller.privacy.rules import Limits, read_limits
from protocols.errors import InputError

_BYTES_MAX = 65_536


def load_limits(path: Path) -> Limits:
    """The limits of this file; without one those of `Limits`. Raises InputError for one that is wrong."""
    try:
        with path.open("rb") as opened:
            data = opened.read(_BYTES_MAX + 1)
    except FileNotFoundError:
        return Limits()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > _BYTES_MAX:
        raise InputError(f"{path}: allowed: at most {_BYTES_MAX} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: allowed: UTF-8") from None
    return read_limits(text, str(path))
