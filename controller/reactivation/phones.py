"""Telephone numbers, as gateways take them: E.164, with the country's code. Pure.

A number that is written as at home is Belgian. Of Belgian numbers it is known how long they are (BIPT's plan:
8 digits after the 0, and 9 for a mobile), and which can take a text message; of others only what E.164 says.
"""

import re
from typing import Final

_WRITTEN: Final = re.compile(r"\+?[0-9(][0-9 ()./-]*")
_SIGNS: Final = re.compile(r"[ ()./-]")
_INTERNATIONAL: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_BELGIAN: Final = "+32"
_MOBILE_DIGITS: Final = len("+32470123456")
_BELGIAN_WHOLE: Final = re.compile(r"\+32(?:4[0-9]{8}|[1-35-9][0-9]{7}|4[23][0-9]{6})")
ALLOWED: Final = (
    "a number such as +32 470 12 34 56 or 0470 12 34 56, with its country where that is not Belgium"
)


def read_phone(text: str) -> str:
    """The number as `+32470123456`. Raises ValueError with what is allowed."""
    if _WRITTEN.fullmatch(text) is None:
        raise ValueError(ALLOWED)
    # "+32 (0)470": the zero is for those who call from home.
    digits = _SIGNS.sub("", text.replace("(0)", ""))
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    elif digits.startswith("0"):
        digits = f"{_BELGIAN}{digits[1:]}"
    whole = _BELGIAN_WHOLE if digits.startswith(_BELGIAN) else _INTERNATIONAL
    if whole.fullmatch(digits) is None:
        raise ValueError(ALLOWED)
    return digits


def takes_texts(phone: str) -> bool:
    """Whether a text message can be read there: at a Belgian number only if it is a mobile's.

    A number that was stored before its form was checked is taken as it stands.
    """
    return not phone.startswith(_BELGIAN) or (
        phone.startswith(f"{_BELGIAN}4") and len(phone) == _MOBILE_DIGITS
    )
