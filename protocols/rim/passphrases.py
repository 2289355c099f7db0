"""Reads passphrases: from a person at a terminal, or from the environment where no person is at hand.

If `RELANCE_PASSPHRASE` opens the keys of people too, whoever knows it can sign as any of them.
"""

import os
import sys
from getpass import getpass
from typing import Final

from protocols.arguments import check_passphrase
from protocols.errors import InputError
from protocols.rim.terminal import complain

# Of a new key. Whoever steals the file of a key can try a thousand million passphrases; not so many of these.
PASSPHRASE_CHARS_MIN: Final = 12
PASSPHRASE_VARIABLE: Final = "RELANCE_PASSPHRASE"  # noqa: S105 # its name, no passphrase


def ask_passphrase(whose: str) -> str:
    """The passphrase of an existing key: from the environment, else from a person at a terminal.

    Raises InputError where it is empty, or there is no terminal.
    """
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return _checked(given, PASSPHRASE_VARIABLE)
    return _checked(_typed(f"Passphrase of {whose}: ", whose), f"passphrase of {whose}")


def new_passphrase(whose: str, opens: str) -> str:
    """A passphrase for a new key: from the environment, else typed twice; a person who slips is asked again.

    `opens`: what it is for, in a sentence. Raises InputError where the one in the environment is no good, or
    there is no terminal.
    """
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        wrong = too_short(given)
        if wrong is not None:
            raise InputError(f"{PASSPHRASE_VARIABLE}: {wrong}")
        return _checked(given, PASSPHRASE_VARIABLE)
    if sys.stdin.isatty():
        complain(opens)
    while True:
        text = _typed(f"Passphrase of {whose}: ", whose)
        wrong = too_short(text)
        if wrong is None and _typed("The same again: ", whose) == text:
            return _checked(text, f"passphrase of {whose}")
        complain(f"passphrase of {whose}: {wrong or 'the two differ'}; once more")


def too_short(text: str) -> str | None:
    """What is wrong with a new passphrase; None: nothing. Keys that exist open with whatever they have."""
    if len(text) >= PASSPHRASE_CHARS_MIN:
        return None
    size = "1 character" if len(text) == 1 else f"{len(text)} characters"
    return f"{size if text else 'empty'}; allowed: {PASSPHRASE_CHARS_MIN} characters or more"


def _typed(prompt: str, whose: str) -> str:
    if not sys.stdin.isatty():
        raise InputError(f"passphrase of {whose}: no terminal to ask at; set {PASSPHRASE_VARIABLE}")
    try:
        return getpass(prompt)
    except EOFError:
        raise InputError(f"passphrase of {whose}: none given") from None
    except UnicodeDecodeError:
        raise InputError(f"passphrase of {whose}: bytes that are no UTF-8; allowed: text") from None


def _checked(text: str, where: str) -> str:
    check_passphrase(text, where)
    return text
