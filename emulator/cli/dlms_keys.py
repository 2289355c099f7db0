"""The keys of a meter's secure DLMS client, as a person gives them, or of the meter's seed."""

from pathlib import Path
from secrets import token_bytes
from typing import Final

from emulator.faces.dlms.ciphering import KEY_BYTES, SecurityKeys
from emulator.faces.dlms.security import SecurityPolicy, SecuritySettings
from emulator.scenario.keyring import secret_of
from protocols.errors import InputError, quoted

_CHALLENGE_SEED_BYTES: Final = 32
# Two keys of AES-128, as they are typed. A number: while help alone is shown nothing else is loaded.
_HEX_DIGITS: Final = 64
# One more than is allowed is enough to refuse a file of any size; a line feed may end it.
_FILE_BYTES_MAX: Final = _HEX_DIGITS + 2
_ALLOWED: Final = f"{_HEX_DIGITS} hex digits (encryption key, then authentication key), or a file of them"


def seeded_keys(seed: int, meter: str) -> SecurityKeys:
    """The keys that anybody has who knows the seed."""
    secret = secret_of(seed, f"dlms/{meter}")
    return SecurityKeys(secret[:KEY_BYTES], secret[KEY_BYTES:])


def read_settings(text: str, policy: int, seed: int, meter: str) -> SecuritySettings:
    """The keys that are typed, or in a file, or (empty) of the seed; with chance. Raises InputError."""
    if policy not in tuple(SecurityPolicy):
        allowed = "1 (authenticated) or 3 (authenticated and encrypted)"
        raise InputError(f"--dlms-policy: {policy}; allowed: {allowed}")
    keys = _read_keys(text) if text else seeded_keys(seed, meter)
    return SecuritySettings(keys, token_bytes(_CHALLENGE_SEED_BYTES), SecurityPolicy(policy))


def is_keys(text: str) -> bool:
    """Whether these are keys themselves, and not the name of a file of them."""
    return _keys(text) is not None


def _read_keys(text: str) -> SecurityKeys:
    typed = _keys(text)
    if typed is not None:
        return typed
    try:
        with Path(text).open("rb") as opened:
            data = opened.read(_FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"--dlms-keys: {quoted(text)}: {why}; allowed: {_ALLOWED}") from None
    found = _keys(data.decode("ascii", "replace").strip())
    if found is None:
        raise InputError(f"--dlms-keys: {text}: allowed: {_ALLOWED}, and nothing else")
    return found


def _keys(text: str) -> SecurityKeys | None:
    """Both keys; None: these are none."""
    try:
        both = bytes.fromhex(text)
    except ValueError:
        return None
    # Neither blanks nor a short key.
    if len(text) != _HEX_DIGITS or len(both) != 2 * KEY_BYTES:
        return None
    return SecurityKeys(both[:KEY_BYTES], both[KEY_BYTES:])
