"""Parses TOML text into plain tables; a syntax error is reported with its line and column.

`tomllib` gives the position in its message. For numbers and nesting that Python cannot handle it raises other
exceptions, which are reported as problems of the file too.
"""

import re
import tomllib
from typing import Final

from emulator.forms.places import Places
from emulator.forms.toml_mistakes import allowed_instead
from protocols.errors import InputError
from protocols.limits import SCENARIO_BYTES_MAX

_AT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
# Python converts at most 4,300 digits to an integer (`sys.set_int_max_str_digits`).
_LONG_NUMBER = re.compile(r"[0-9](?:_?[0-9]){4300}")
# tomllib takes quadratic time for a key of many parts: minutes for a file with one such key.
LINE_DOTS_MAX: Final = 1_000
_BYTE_ORDER_MARK: Final = "\ufeff"


def parse_toml(content: str | bytes, file: str) -> dict[str, object]:
    """The tables of a TOML document.

    Raises InputError, one line, for a file that is too large, not UTF-8 or not TOML.
    """
    if len(content) > SCENARIO_BYTES_MAX:
        raise InputError(f"{file}: {len(content)} bytes; allowed: at most {SCENARIO_BYTES_MAX}")
    text = _decoded(content, file).removeprefix(_BYTE_ORDER_MARK)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > LINE_DOTS_MAX:
            raise InputError(
                f"{file}: line {number}: {line.count('.')} dots; allowed: at most {LINE_DOTS_MAX}"
            )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: {_placed(str(error), text)}") from None
    except ValueError:
        found = _LONG_NUMBER.search(text)
        where = _position(text, found.start()) + ": " if found else ""
        raise InputError(f"{file}: {where}a number too long to be read; allowed: 64-bit integers") from None
    except RecursionError:
        raise InputError(
            f"{file}: arrays or tables nested too deeply; allowed: the tables of design §9"
        ) from None


def places_in(content: str | bytes) -> Places:
    """Where tables and keys stand in a document that `parse_toml` has read."""
    text = content if isinstance(content, str) else content.decode("utf-8")
    return Places(text.removeprefix(_BYTE_ORDER_MARK))


def _decoded(content: str | bytes, file: str) -> str:
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        where = _position(content[: error.start].decode("utf-8"), error.start)
        wrong = content[error.start]
        raise InputError(f"{file}: {where}: byte 0x{wrong:02x}; allowed: UTF-8 text") from None


def _placed(message: str, text: str) -> str:
    """The parser's message with its place first, and with what is allowed."""
    match = _AT.fullmatch(message)
    if match is None:
        return f"{message}; allowed: {allowed_instead(message)}"
    where = f"line {match[2]}, column {match[3]}" if match[2] else _position(text, len(text))
    return f"{where}: {match[1]}; allowed: {allowed_instead(match[1])}"


def _position(text: str, index: int) -> str:
    """Line and column of a character, both from 1."""
    before = text[:index]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
