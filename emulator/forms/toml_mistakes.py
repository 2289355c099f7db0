"""What is allowed where TOML text is wrong: `tomllib` says only what it did not like."""

from typing import Final

_DATE: Final = "a date-time such as 2020-07-02T22:00:00+02:00"

# By how the parser's message begins, in the order in which they are tried.
_ALLOWED: Final = (
    (
        "Invalid value",
        f'a text in double quotes, such as "headend", a number, true, false, [ … ], or {_DATE}',
    ),
    ("Invalid date or datetime", _DATE),
    ("Cannot overwrite a value", "each key once in a table"),
    ("Duplicate inline table key", "each key once in a table"),
    ("Cannot declare", "each [table] once; [[table]], with two brackets, as often as you like"),
    ("Cannot mutate", "all keys of an inline table between its { }"),
    ("Cannot redefine", "a table or a value under one name, not both"),
    ("Expected '=' after a key", "KEY = VALUE"),
    ("Expected newline or end", "one KEY = VALUE on a line, and behind it only a # comment"),
    ("Expected ']", "[table] or [[table]], with all brackets closed, alone on its line"),
    ("Invalid initial character for a key", "a key of A-Z a-z 0-9 _ -, or one in double quotes"),
    ("Invalid statement", "KEY = VALUE, [table], [[table]] or a # comment"),
    ("Unclosed array", "an array with commas between its values, and its ] at the end"),
    ("Unclosed inline table", "{ KEY = VALUE, KEY = VALUE } on one line"),
    ("Unterminated string", "a text with its closing quotes, on one line"),
    ("Unescaped '\\'", r"a backslash as \\, or the text in single quotes"),
    ("Escaped character", r"\u and four hexadecimal digits of a character that exists"),
    ("Invalid hex", r"\u and four hexadecimal digits, \U and eight"),
    ("Illegal character", r"a text on one line; a line break in it as \n"),
    ("Found invalid character", "a # comment of printable characters"),
)
_ELSE: Final = "TOML 1.0"


def allowed_instead(message: str) -> str:
    """What is allowed where the parser gives this message."""
    return next((allowed for start, allowed in _ALLOWED if message.startswith(start)), _ELSE)
