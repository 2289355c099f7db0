"""A command as a card that speaks T=0 takes it (ISO 7816-3 §12.2). Pure.

T=0 sends five bytes and data in one direction. So a command without a body gets a fifth byte of zero, and one
that sends and fetches goes without its Le: the card answers 61XX, and `host.dialogue.exchange` fetches.
"""

from cardreader.iso7816.apdu import read_command
from protocols.errors import InputError

_CASE_1_BYTES = 4


def as_t0(command: bytes) -> bytes:
    """The same command for T=0. Raises InputError for an extended one, StatusError for one that is none."""
    read = read_command(command)
    if read.is_extended:
        raise InputError("this card speaks T=0 alone: it takes no command of more than 255 bytes")
    if len(command) == _CASE_1_BYTES:
        return command + b"\0"
    return command[:-1] if read.data and read.ne is not None else command
