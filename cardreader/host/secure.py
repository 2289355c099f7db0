"""A secure session with a card as dialogues: mutual authentication, then files read, written and committed.

All commands are short: readers that know no extended lengths can carry them. Nothing written is true for the
card until the dialogue of `commit` has ended. Whoever gets no answer does not know whether it is; reading
tells. A reader that waits for each answer uses it as a `session.HostSession`. Pure.
"""

import hmac
from typing import Final, NamedTuple, TypeVar

from cardreader.channel import scp03
from cardreader.channel.keys import KeySet
from cardreader.channel.scp03 import SecureMessages
from cardreader.files.content import Content
from cardreader.files.inventory import Fingerprint, Inventory
from cardreader.files.layout import AID, CardFile, Structure
from cardreader.host.dialogue import Dialogue, exchange
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.apdu import NE_SHORT_MAX, CommandApdu, ResponseApdu
from cardreader.iso7816.instructions import Instruction
from cardreader.iso7816.status import StatusError, StatusWord
from protocols.errors import DocumentError, RefusedError

C = TypeVar("C", bound=Content)

# Data of a short secure command: with padding and MAC it fills 255 bytes.
PIECE_BYTES: Final = 239
_SFI_OFFSET_MAX: Final = 255
_GREETING_BYTES: Final = 32


class NotOurCardError(RefusedError):
    """The card has no such application, or not the keys that a card of ours has."""


class KeysNotHeldError(StatusError):
    """The card is one of ours, and has no keys of the version that the host names.

    At a kiosk: it has those of other generations alone. The card is in order.
    """

    def __init__(self, version: int) -> None:
        super().__init__(StatusWord.NOT_FOUND)
        self.version = version

    def __str__(self) -> str:
        return (
            f"card: in order, but it has no keys of version {self.version:02X}: of another generation of "
            "kiosks, or not issued; the office gives the kiosk the generation's key, or the card a key "
            "letter (6A88)"
        )


class Greeting(NamedTuple):
    """What a card says of itself before anybody has shown a key: serial number and pairing epoch.

    A host derives its keys of this card from them. They prove nothing: the authentication does. `sequence`:
    how many authentications the card had counted before; in a `SecureSession` it is the card's own word,
    or -1 where the card does not count.
    """

    serial: bytes
    epoch: int
    sequence: int = -1


class Greeted(NamedTuple):
    """A card that was greeted and not authenticated: what it said, and its answer to our challenge."""

    greeting: Greeting
    challenge: bytes
    card_challenge: bytes
    cryptogram: bytes


def selecting() -> Dialogue[None]:
    """Selects our application. Raises NotOurCardError for a card of somebody else."""
    select = CommandApdu(0, Instruction.SELECT, iso.SELECT_BY_AID, iso.SELECT_WITHOUT_ANSWER, AID)
    answer = yield from exchange(select)
    if answer.status in (StatusWord.FILE_NOT_FOUND, StatusWord.UNKNOWN_INSTRUCTION, StatusWord.UNKNOWN_CLASS):
        raise NotOurCardError("card: it is not one of ours; it has no such application")
    answer.checked()


def asking(tag: int) -> Dialogue[bytes]:
    """A data object that anybody may ask for (`instructions.DATA_SERIAL` and those beside it)."""
    command = CommandApdu(0, Instruction.GET_DATA, tag >> 8, tag & 0xFF, ne=NE_SHORT_MAX)
    return (yield from exchange(command)).checked()


def greeting(version: int, challenge: bytes) -> Dialogue[Greeted]:
    """Begins an authentication with the keys of this version. `challenge`: 8 bytes never used before.

    Raises KeysNotHeldError for a card that has none of it.
    """
    begin = CommandApdu(0x80, Instruction.INITIALIZE_UPDATE, version, 0, challenge, NE_SHORT_MAX)
    answer = yield from exchange(begin)
    if answer.status == StatusWord.NOT_FOUND:
        raise KeysNotHeldError(version)
    data = answer.checked()
    if len(data) != _GREETING_BYTES:
        raise NotOurCardError(f"card: an answer of {len(data)} bytes where ours have {_GREETING_BYTES}")
    greeting = Greeting(data[:8], int.from_bytes(data[8:10]), int.from_bytes(data[29:]))
    return Greeted(greeting, challenge, data[13:21], data[21:29])


class SecureSession:
    """An open session. After any error it must not be used any more: open another one."""

    def __init__(self, messages: SecureMessages, greeting: Greeting, generation: int) -> None:
        """See `opening`. `generation`: of the keys by which both sides have proved themselves."""
        self._messages = messages
        self.greeting = greeting
        self.generation = generation

    @classmethod
    def opening(cls, greeted: Greeted, keys: KeySet) -> "Dialogue[SecureSession]":
        """Authenticates both sides, once the card was greeted.

        Raises NotOurCardError for a card that has not these keys, StatusError where the card refuses.
        """
        challenge, card_challenge = greeted.challenge, greeted.card_challenge
        session = scp03.session_keys(keys.static, challenge, card_challenge)
        right = scp03.card_cryptogram(session, challenge, card_challenge)
        if not hmac.compare_digest(greeted.cryptogram, right):
            raise NotOurCardError("card: it does not have the keys of a card of ours")
        messages = SecureMessages(session)
        proof = scp03.host_cryptogram(session, challenge, card_challenge)
        end = CommandApdu(0x84, Instruction.EXTERNAL_AUTHENTICATE, scp03.SECURITY_LEVEL, 0, proof)
        (yield from exchange(messages.wrap_authentication(end))).checked()
        # The challenge follows from the sequence, and what we have proved to each other from the challenge.
        counted = scp03.pseudo_random_challenge(keys.static, greeted.greeting.sequence, AID)
        if counted != card_challenge:
            return cls(messages, greeted.greeting._replace(sequence=-1), keys.generation)
        return cls(messages, greeted.greeting, keys.generation)

    def sending(self, command: CommandApdu) -> Dialogue[ResponseApdu]:
        """The answer to a plain command that travels as a secure one."""
        answer = yield from exchange(self._messages.wrap(command))
        return self._messages.unwrap(answer)

    def reading(self, file: CardFile, length: int | None = None) -> Dialogue[bytes]:
        """The content of a file of bytes. `length`: the inventory's word; None: until it ends.

        Raises StatusError for more than the file can hold.
        """
        assert file.structure is Structure.TRANSPARENT, file.name
        data = b""
        while len(data) != length:
            answer = yield from self.sending(_at(Instruction.READ_BINARY, file, len(data), ne=PIECE_BYTES))
            piece = answer.checked()
            data += piece
            if len(data) > file.bytes_max:
                raise StatusError(StatusWord.WRONG_LENGTH)
            if len(piece) < PIECE_BYTES:
                break
        return data

    def writing(self, file: CardFile, content: bytes, held_bytes: int | None = None) -> Dialogue[None]:
        """Stages this content of a file of bytes. Empty: the file will be empty.

        `held_bytes`: how long the content is that lies there; None: nobody knows.
        """
        assert file.structure is Structure.TRANSPARENT, file.name
        # What is longer is taken away first, so that nothing of it stays.
        if held_bytes is None or held_bytes > len(content):
            (yield from self.sending(_at(Instruction.ERASE_BINARY, file, 0))).checked()
        for at in range(0, len(content), PIECE_BYTES):
            piece = content[at : at + PIECE_BYTES]
            (yield from self.sending(_at(Instruction.UPDATE_BINARY, file, at, piece))).checked()

    def reading_records(self, file: CardFile, length: int | None = None) -> Dialogue[list[bytes]]:
        """The records of a file of records, in a cyclic file the newest first. `length`: as in `reading`."""
        found, bytes_read = list[bytes](), 0
        for number in range(1, file.records_max + 1):
            if bytes_read == length:
                break
            p2 = file.sfi << iso.SFI_SHIFT | iso.BY_NUMBER
            command = CommandApdu(0, Instruction.READ_RECORD, number, p2, ne=PIECE_BYTES)
            answer = yield from self.sending(command)
            if answer.status == StatusWord.RECORD_NOT_FOUND:
                break
            found.append(answer.checked())
            # In the file each has a byte of length in front.
            bytes_read += 1 + len(found[-1])
        return found

    def asking(self, tag: int) -> Dialogue[bytes]:
        """As the function, inside the session: the answer is the card's own."""
        command = CommandApdu(0, Instruction.GET_DATA, tag >> 8, tag & 0xFF, ne=PIECE_BYTES)
        return (yield from self.sending(command)).checked()

    def taking_stock(self) -> Dialogue[Inventory | None]:
        """Which files hold how much; None: a card of before, which does not say it."""
        data = yield from self._asking_new(iso.DATA_INVENTORY)
        return None if data is None else _told(Inventory, data)

    def fingerprinting(self) -> Dialogue[Fingerprint | None]:
        """The digest of all that the card holds and the session has staged; None: a card of before."""
        data = yield from self._asking_new(iso.DATA_FINGERPRINT)
        return None if data is None else _told(Fingerprint, data)

    def _asking_new(self, tag: int) -> Dialogue[bytes | None]:
        try:
            return (yield from self.asking(tag))
        except StatusError as error:
            # Nobody proves a refusal. Whoever forges one makes the host read what it need not.
            if error.status != StatusWord.NOT_FOUND:
                raise
            return None

    def putting_letter(self, letter: bytes) -> Dialogue[None]:
        """Gives the card a key letter inside the session, which stays open."""
        (yield from self.sending(CommandApdu(0x80, Instruction.PUT_KEY_LETTER, 0, 0, letter))).checked()

    def appending(self, file: CardFile, record: bytes) -> Dialogue[None]:
        """Stages a further record."""
        command = CommandApdu(0, Instruction.APPEND_RECORD, 0, file.sfi << iso.SFI_SHIFT, record)
        (yield from self.sending(command)).checked()

    def committing(self) -> Dialogue[None]:
        """Makes all that was staged true, all at once; the card's answer is the receipt."""
        (yield from self.sending(CommandApdu(0x80, Instruction.COMMIT, 0, 0))).checked()

    def abandoning(self) -> Dialogue[None]:
        """Has the card forget all that was staged; the session stays open."""
        (yield from self.sending(CommandApdu(0x80, Instruction.COMMIT, iso.DISCARD, 0))).checked()


def _told(kind: type[C], data: bytes) -> C:
    try:
        return kind.decode(data)
    except DocumentError:
        raise StatusError(StatusWord.WRONG_DATA) from None


def _at(
    ins: Instruction, file: CardFile, offset: int, data: bytes = b"", ne: int | None = None
) -> CommandApdu:
    """A command on bytes. Near the file's begin it names the file; further on the file is selected."""
    if offset <= _SFI_OFFSET_MAX:
        return CommandApdu(0, ins, iso.BY_SFI | file.sfi, offset, data, ne)
    return CommandApdu(0, ins, offset >> 8, offset & 0xFF, data, ne)
