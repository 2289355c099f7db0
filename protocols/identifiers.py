"""What an identifier is: the name of a meter, a link, an order or an object.

Identifiers travel in topics and file names, so they hold no separator of either.
"""

import re
from typing import Final

from protocols.limits import ID_CHARS_MAX

# The form only; `ID_CHARS_MAX` limits the length.
ID_FORM: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"

_ID: Final = re.compile(ID_FORM)


def is_id(text: str) -> bool:
    """Whether a text is an identifier: it has `ID_FORM`, and at most `ID_CHARS_MAX` characters."""
    return len(text) <= ID_CHARS_MAX and _ID.fullmatch(text) is not None
