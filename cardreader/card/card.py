"""The card as a reader sees it: power on, then one command after the other, each with its answer.

    memory ── Store ─┬─ FileCommands       what is selected, read, staged
                     └─ Authentication     keys, session

A card that loses power keeps what its memory holds and nothing else: session, selection and what is staged
are gone. Pure: all that it remembers lies in the memory that it is given; its challenges follow from a
counter.
"""

from dataclasses import replace
from typing import Final

from cardreader.card.authentication import Authentication
from cardreader.card.file_commands import FileCommands
from cardreader.card.keyring import free_for_files
from cardreader.card.store import NonVolatile, Store
from cardreader.channel.scp03 import BLOCK_BYTES, MAC_BYTES, SECURE_CLASS
from cardreader.files.access import KeyHolder
from cardreader.files.inventory import Fingerprint, Inventory, contents_digest
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.apdu import NE_EXTENDED_MAX, NE_SHORT_MAX, CommandApdu, ResponseApdu, read_command
from cardreader.iso7816.instructions import Instruction
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.iso7816.tlv import tlv

# Card capabilities (ISO 7816-4 §12.1.1.8): selection by AID, path and name, short identifiers, records by
# number; bytes as units; extended lengths.
_HISTORICAL: Final = bytes.fromhex("80 73 B6 01 40")
_ISO: Final = 0x00
_OWN: Final = 0x80
# The longest information field of a block that it takes (ISO 7816-3 §11.4.2): the most that there is. Without
# it a reader cuts commands into blocks of 32 bytes.
_IFSC_BYTES: Final = 254
# Classes of the commands that are not ISO's.
_OWN_COMMANDS: Final = frozenset(
    {
        Instruction.COMMIT,
        Instruction.INITIALIZE_UPDATE,
        Instruction.EXTERNAL_AUTHENTICATE,
        Instruction.PUT_KEY_LETTER,
    }
)
# GlobalPlatform §11.3.3.1: one key of a key information template; AES, 16 bytes; ENC, MAC and DEK are 1 to 3.
_KEY_TAG: Final = 0xC0
_AES_16: Final = b"\x88\x10"
_KEY_NUMBERS: Final = (1, 2, 3)


def _atr(historical: bytes) -> bytes:
    """The answer to reset of a card that speaks T=1 (ISO 7816-3 §8.2): TS, T0, TD1, TD2, TA3, T1 …, TCK."""
    body = bytes((0x80 | len(historical), 0x81, 0x11, _IFSC_BYTES)) + historical
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes((check,))


ATR: Final = _atr(_HISTORICAL)


class SmartCard:
    """One card under power. Make a new one of its memory when power comes back."""

    def __init__(self, memory: NonVolatile) -> None:
        """The card of this memory. A damaged memory makes a card that answers everything with 6581."""
        self._memory = memory
        self.reset()

    def reset(self) -> bytes:
        """Power on, or reset: session, selection and what was staged are gone. Returns the ATR."""
        try:
            self._store = Store(self._memory)
            self._files = FileCommands(self._store)
            self._keys = Authentication(self._store)
            self._is_damaged = False
        except StatusError:
            self._is_damaged = True
        return ATR

    def process(self, data: bytes) -> bytes:
        """The answer to one command. Whatever the bytes are, there is an answer."""
        try:
            return self._process(read_command(data)).encode()
        except StatusError as error:
            return ResponseApdu(b"", error.status).encode()

    def _process(self, command: CommandApdu) -> ResponseApdu:
        if self._is_damaged:
            raise StatusError(StatusWord.MEMORY_FAILURE)
        if command.cla & ~SECURE_CLASS not in (_ISO, _OWN):
            raise StatusError(StatusWord.UNKNOWN_CLASS)
        if command.cla & SECURE_CLASS and command.ins != Instruction.EXTERNAL_AUTHENTICATE:
            return self._process_secure(command)
        # A plain command ends a session: whoever sits in the line must not choose the file that the next
        # secure command writes.
        self._end_session()
        return self._process_plain(command, None)

    def _process_secure(self, command: CommandApdu) -> ResponseApdu:
        session = self._keys.session
        if session is None:
            raise StatusError(StatusWord.CONDITIONS)
        try:
            plain = session.messages.open_command(command)
        except StatusError:
            # §6.2.3 of Amendment D: the session ends, and with it what nobody has committed.
            self._end_session()
            raise
        plain = replace(plain, ne=min(plain.ne or NE_EXTENDED_MAX, _secure_ne_max(command)))
        try:
            answer = self._process_plain(plain, session.holder)
        except StatusError as error:
            answer = ResponseApdu(b"", error.status)
        return session.messages.close_answer(answer)

    def _process_plain(self, command: CommandApdu, who: KeyHolder | None) -> ResponseApdu:
        """A command; `who` has sent it in a session, None: nobody has."""
        if command.ins in _OWN_COMMANDS and command.cla & _OWN == 0:
            raise StatusError(StatusWord.UNKNOWN_CLASS)
        if command.ins in self._files.commands:
            return self._files.commands[command.ins](command, who)
        if command.ins in self._keys.commands:
            return self._keys.commands[command.ins](command)
        if command.ins == Instruction.GET_DATA:
            return ResponseApdu(self._data(command.p1 << 8 | command.p2, who), StatusWord.OK)
        if command.ins == Instruction.COMMIT:
            return self._commit(command, who)
        raise StatusError(StatusWord.UNKNOWN_INSTRUCTION)

    def _commit(self, command: CommandApdu, who: KeyHolder | None) -> ResponseApdu:
        """All that the session has staged becomes the content of the files, or (P1 = 1) is forgotten."""
        if who is None:
            raise StatusError(StatusWord.NOT_ALLOWED)
        if command.p1 == iso.DISCARD:
            self._files.staged.clear()
        elif command.p1:
            raise StatusError(StatusWord.WRONG_P1_P2)
        else:
            self._files.commit()
        return ResponseApdu(b"", StatusWord.OK)

    def _data(self, tag: int, who: KeyHolder | None) -> bytes:
        """GET DATA: what anybody may ask, and in a session what all files hold."""
        ring = self._keys.ring
        match tag:
            case iso.DATA_SERIAL:
                return self._keys.serial
            case iso.DATA_KEYS:
                keys = (
                    tlv(_KEY_TAG, bytes((number, each.keys.version)) + _AES_16)
                    for each in ring.held
                    for number in _KEY_NUMBERS
                )
                return tlv(iso.DATA_KEYS, b"".join(keys))
            case iso.DATA_FREE_BYTES:
                return self._free_bytes.to_bytes(2)
            case iso.DATA_LETTERS:
                return ring.letters.to_bytes(4)
            case iso.DATA_TRIES:
                return b"".join(bytes((each.keys.version, each.tries)) for each in ring.held)
            case iso.DATA_INVENTORY:
                lengths = {file: len(data) for file, data in self._files.contents(who).items()}
                return Inventory(self._free_bytes, lengths).encode()
            case iso.DATA_FINGERPRINT:
                return Fingerprint(self._free_bytes, contents_digest(self._files.contents(who))).encode()
            case _:
                raise StatusError(StatusWord.NOT_FOUND)

    @property
    def _free_bytes(self) -> int:
        return free_for_files(self._store.free_bytes)

    def _end_session(self) -> None:
        self._keys.session = None
        self._files.staged.clear()


def _secure_ne_max(command: CommandApdu) -> int:
    """So many bytes of plain answer leave room for padding and MAC.

    A host may leave Le out of a secure command: the MAC is always an answer.
    """
    ne_max = NE_EXTENDED_MAX if command.is_extended else NE_SHORT_MAX
    return (ne_max - MAC_BYTES) // BLOCK_BYTES * BLOCK_BYTES - 1
