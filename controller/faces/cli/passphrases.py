"""Reads passphrases: from a person at a terminal, or from the environment where no person is at hand.

If `RELANCE_PASSPHRASE` opens the keys of people too, whoever knows it can sign as any of them.
"""

import os
import sys
from getpass import getpass
from typing import Final

from protocols.errors import InputError

PASSPHRASE_VARIABLE: Final = "RELANCE_PASSPHRASE"  # noqa: S105 # its name, no passphrase


def ask_passphrase(whose: str, *, twice: bool = False) -> str:
    """The passphrase from the environment, else from a person at a terminal (`twice`: typed twice).

    Raises InputError where it is empty, the two differ, or there is no terminal.
    """
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return _not_empty(given, PASSPHRASE_VARIABLE)
    if not sys.stdin.isatty():
        raise InputError(f"passphrase of {whose}: no terminal to ask at; set {PASSPHRASE_VARIABLE}")
    try:
        text = getpass(f"Passphrase of {whose}: ")
        if twice and getpass("The same again: ") != text:
            raise InputError(f"passphrase of {whose}: the two differ")
    except EOFError:
        raise InputError(f"passphrase of {whose}: none given") from None
    return _not_empty(text, f"passphrase of {whose}")


def _not_empty(text: str, where: str) -> str:
    if not text:
        raise InputError(f"{where}: empty; allowed: any text of one character or more")
    return text
