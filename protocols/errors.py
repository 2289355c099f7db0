"""Errors of this package say whose fault they are: the peer's document, or the person's input."""

import json


class RelanceError(Exception):
    """Base of every error this project raises on purpose. Its text is one clear line."""


class DocumentError(RelanceError):
    """A document from outside cannot be read: it is malformed, too large or of a wrong type."""


class InputError(RelanceError):
    """What a person wrote (a file, an argument) is wrong: what, where, and what is allowed."""


class RefusedError(RelanceError):
    """What was asked is well formed, and the answer is no. The text says why."""


class UnreachableError(RelanceError):
    """A broker, database or service did not answer."""


def quoted(text: str, chars_max: int = 80) -> str:
    """Somebody else's text inside an error: in double quotes, on one line, cut where it is long."""
    shown = text if len(text) <= chars_max else text[: chars_max - 1] + "…"
    return json.dumps(shown, ensure_ascii=not shown.isprintable())
