"""What an identifier is: of a meter, a link, an order, an object, a register; and the EAN of a connection.

Identifiers travel in topics and file names, so they hold no separator of either.
"""

import re
from typing import Final

from protocols.limits import ID_CHARS_MAX

# The form only; `ID_CHARS_MAX` limits the length.
ID_FORM: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"

# A register as IEC 62056-61 writes it, without its last group: medium-channel:quantity.kind.tariff.
OBIS_FORM: Final = r"[0-9]{1,3}-[0-9]{1,3}:[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"

_ID: Final = re.compile(ID_FORM)
_OBIS: Final = re.compile(OBIS_FORM)

# The number of a connection to the grid in Belgium: a GSRN of GS1, its last digit a check digit.
EAN_DIGITS: Final = 18
_EAN: Final = re.compile(rf"[0-9]{{{EAN_DIGITS}}}")


def is_id(text: str) -> bool:
    """Whether a text is an identifier: it has `ID_FORM`, and at most `ID_CHARS_MAX` characters."""
    return len(text) <= ID_CHARS_MAX and _ID.fullmatch(text) is not None


def check_digit(digits: str) -> str:
    """The digit that GS1 puts behind these: from the right, every second one counts three times.

    Source: GS1 General Specifications, 7.9.1.
    """
    tripled, single = digits[::-2], digits[-2::-2]
    return str(-(3 * sum(map(int, tripled)) + sum(map(int, single))) % 10)


def is_ean(text: str) -> bool:
    """Whether a text is an EAN: 18 digits, and the last one is the check digit of the others."""
    return _EAN.fullmatch(text) is not None and text[-1] == check_digit(text[:-1])


def is_obis(text: str) -> bool:
    """Whether a text names a register, as `1-0:1.8.1` does."""
    return _OBIS.fullmatch(text) is not None
