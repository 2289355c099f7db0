"""The errors of this project, by whose fault they are: a peer's document, a person's input, the network."""

import json


class RelanceError(Exception):
    """Base of every error this project raises on purpose. Its text is one clear line."""


class DocumentError(RelanceError):
    """A document from outside cannot be read: it is malformed, too large or of a wrong type."""


class InputError(RelanceError):
    """What a person wrote (a file, an argument) is wrong. The text says what, where, and what is allowed."""


class RefusedError(RelanceError):
    """A request is well formed, and the answer is no. The text says why."""


class UnreachableError(RelanceError):
    """A broker, database or service did not answer."""


def quoted(text: str, chars_max: int = 80) -> str:
    """Text from outside, for an error message: in double quotes, on one line, shortened to `chars_max`."""
    shown = text if len(text) <= chars_max else text[: chars_max - 1] + "…"
    return json.dumps(shown, ensure_ascii=not shown.isprintable())
