"""A session with a card: mutual authentication, then files read, written and committed.

All commands are short: readers that know no extended lengths can carry them. Nothing written is true for the
card until `commit` has been answered. Whoever gets no answer does not know whether it is; reading tells.
"""

import hmac
from typing import Final, NamedTuple

from cardreader.channel import scp03
from cardreader.channel.keys import KeySet
from cardreader.channel.scp03 import SecureMessages
from cardreader.files.layout import AID, CardFile, Structure
from cardreader.host.transport import CardChannel, transceive
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.apdu import NE_SHORT_MAX, CommandApdu, ResponseApdu
from cardreader.iso7816.instructions import Instruction
from cardreader.iso7816.status import StatusWord
from protocols.errors import RefusedError

# Data of a short secure command: with padding and MAC it fills 255 bytes.
PIECE_BYTES: Final = 239
_SFI_OFFSET_MAX: Final = 255
_GREETING_BYTES: Final = 32


class NotOurCardError(RefusedError):
    """The card has no such application, or not the keys that a card of ours has."""


class Greeting(NamedTuple):
    """What a card says of itself before anybody has shown a key: serial number and pairing epoch.

    A host derives its keys of this card from them. They prove nothing: the authentication does.
    """

    serial: bytes
    epoch: int


def select_application(channel: CardChannel) -> None:
    """Selects our application. Raises NotOurCardError for a card of somebody else."""
    answer = transceive(channel, CommandApdu(0, Instruction.SELECT, iso.SELECT_BY_AID, 0, AID, NE_SHORT_MAX))
    if answer.status in (StatusWord.FILE_NOT_FOUND, StatusWord.UNKNOWN_INSTRUCTION, StatusWord.UNKNOWN_CLASS):
        raise NotOurCardError("card: it is not one of ours; it has no such application")
    answer.checked()


def ask(channel: CardChannel, tag: int) -> bytes:
    """A data object that anybody may ask for (`instructions.DATA_SERIAL` and those beside it)."""
    command = CommandApdu(0, Instruction.GET_DATA, tag >> 8, tag & 0xFF, ne=NE_SHORT_MAX)
    return transceive(channel, command).checked()


def put_letter(channel: CardChannel, letter: bytes) -> None:
    """Gives the card a key letter, without a session: the letter is proof by itself.

    Raises StatusError: WRONG_DATA for another card's or a changed one, CONDITIONS for an old one.
    """
    transceive(channel, CommandApdu(0x80, Instruction.PUT_KEY_LETTER, 0, 0, letter)).checked()


class HostSession:
    """An open session. After any error it must not be used any more: open another one."""

    def __init__(self, channel: CardChannel, messages: SecureMessages, greeting: Greeting) -> None:
        """See `open`."""
        self._channel = channel
        self._messages = messages
        self.greeting = greeting

    @classmethod
    def open(cls, channel: CardChannel, keys: KeySet, challenge: bytes) -> "HostSession":
        """Authenticates both sides. `challenge`: 8 bytes that were never used before.

        Raises NotOurCardError for a card that has not these keys, StatusError where the card refuses.
        """
        begin = CommandApdu(0x80, Instruction.INITIALIZE_UPDATE, keys.version, 0, challenge, NE_SHORT_MAX)
        data = transceive(channel, begin).checked()
        if len(data) != _GREETING_BYTES:
            raise NotOurCardError(f"card: an answer of {len(data)} bytes where ours have {_GREETING_BYTES}")
        card_challenge, cryptogram = data[13:21], data[21:29]
        session = scp03.session_keys(keys.static, challenge, card_challenge)
        if not hmac.compare_digest(cryptogram, scp03.card_cryptogram(session, challenge, card_challenge)):
            raise NotOurCardError("card: it does not have the keys of a card of ours")
        messages = SecureMessages(session)
        proof = scp03.host_cryptogram(session, challenge, card_challenge)
        end = CommandApdu(0x84, Instruction.EXTERNAL_AUTHENTICATE, scp03.SECURITY_LEVEL, 0, proof)
        transceive(channel, messages.wrap_authentication(end)).checked()
        return cls(channel, messages, Greeting(data[:8], int.from_bytes(data[8:10])))

    def send(self, command: CommandApdu) -> ResponseApdu:
        """The answer to a plain command that travels as a secure one."""
        return self._messages.unwrap(transceive(self._channel, self._messages.wrap(command)))

    def read(self, file: CardFile) -> bytes:
        """The content of a file of bytes."""
        assert file.structure is Structure.TRANSPARENT, file.name
        data = b""
        while True:
            command = self._at(Instruction.READ_BINARY, file, len(data), ne=PIECE_BYTES)
            piece = self.send(command).checked()
            data += piece
            if len(piece) < PIECE_BYTES:
                return data

    def write(self, file: CardFile, content: bytes) -> None:
        """Stages this content of a file of bytes. Empty: the file will be empty."""
        assert file.structure is Structure.TRANSPARENT, file.name
        # From the beginning on the file is taken away first, so that nothing of a longer content stays.
        self.send(self._at(Instruction.ERASE_BINARY, file, 0)).checked()
        for at in range(0, len(content), PIECE_BYTES):
            piece = content[at : at + PIECE_BYTES]
            self.send(self._at(Instruction.UPDATE_BINARY, file, at, piece)).checked()

    def records(self, file: CardFile) -> list[bytes]:
        """The records of a file of records; in a cyclic file the newest comes first."""
        found = list[bytes]()
        for number in range(1, file.records_max + 1):
            p2 = file.sfi << iso.SFI_SHIFT | iso.BY_NUMBER
            answer = self.send(CommandApdu(0, Instruction.READ_RECORD, number, p2, ne=PIECE_BYTES))
            if answer.status == StatusWord.RECORD_NOT_FOUND:
                break
            found.append(answer.checked())
        return found

    def ask(self, tag: int) -> bytes:
        """As the function, inside the session: the answer is the card's own."""
        command = CommandApdu(0, Instruction.GET_DATA, tag >> 8, tag & 0xFF, ne=PIECE_BYTES)
        return self.send(command).checked()

    def put_letter(self, letter: bytes) -> None:
        """As the function, inside the session, which stays open."""
        self.send(CommandApdu(0x80, Instruction.PUT_KEY_LETTER, 0, 0, letter)).checked()

    def append(self, file: CardFile, record: bytes) -> None:
        """Stages a further record."""
        self.send(CommandApdu(0, Instruction.APPEND_RECORD, 0, file.sfi << iso.SFI_SHIFT, record)).checked()

    def commit(self) -> None:
        """Makes all that was staged true, all at once; the card's answer is the receipt."""
        self.send(CommandApdu(0x80, Instruction.COMMIT, 0, 0)).checked()

    def _at(
        self, ins: Instruction, file: CardFile, offset: int, data: bytes = b"", ne: int | None = None
    ) -> CommandApdu:
        """A command on bytes. Near the file's begin it names the file; further on the file is selected."""
        if offset <= _SFI_OFFSET_MAX:
            return CommandApdu(0, ins, iso.BY_SFI | file.sfi, offset, data, ne)
        return CommandApdu(0, ins, offset >> 8, offset & 0xFF, data, ne)
