"""The card in the reader that a person names: a file, or a reader of PC/SC."""

from contextlib import AbstractContextManager
from pathlib import Path

from cardreader.readers.inserted import InsertedCard
from cardreader.readers.pcsc import PcscCard
from cardreader.readers.reader_states import ANY
from cardreader.readers.virtual import SCHEME, VirtualCard
from protocols.errors import InputError, quoted


def virtual_file(reader: str, where: str) -> Path | None:
    """The file of `virtual:FILE`; None for another reader.

    Raises InputError where the name is missing, and for a file without `virtual:` before it.
    """
    if reader in ("", SCHEME):
        raise InputError(f"{where}: {quoted(reader)}; allowed: {SCHEME}FILE, {ANY}, or a reader's name")
    if Path(reader).is_file():
        raise InputError(f"{where}: {quoted(reader)} is a file; allowed: {SCHEME}FILE, here {SCHEME}{reader}")
    return Path(reader.removeprefix(SCHEME)) if reader.startswith(SCHEME) else None


def open_card(reader: str, where: str = "--reader") -> AbstractContextManager[InsertedCard]:
    """A context that puts the card into its reader, and takes it out at its end.

    `reader`: `virtual:FILE`, a PC/SC reader's name or a part of it, or `any`: the one that has a card in it.
    `where`: the option or argument that named it, for messages. Raises InputError, here or when it is
    entered, for a name that is wrong; UnreachableError, when it is entered, where no card can be reached now.
    """
    path = virtual_file(reader, where)
    return PcscCard(reader, where) if path is None else VirtualCard(path)
