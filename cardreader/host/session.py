"""A session with a card in a reader that waits for each answer: the dialogues of `secure`, run to their end.

Nothing written is true for the card until `commit` has been answered. Whoever gets no answer does not know
whether it is; reading tells.
"""

from collections.abc import Callable

from cardreader.channel.keys import KeySet
from cardreader.files.inventory import Fingerprint, Inventory
from cardreader.files.layout import CardFile
from cardreader.host.dialogue import Dialogue, T, exchange, run
from cardreader.host.secure import Greeting, NotOurCardError, SecureSession, asking, greeting, selecting
from cardreader.host.transport import CardChannel
from cardreader.iso7816.apdu import CommandApdu, ResponseApdu
from cardreader.iso7816.instructions import Instruction

__all__ = ["Greeting", "HostSession", "NotOurCardError", "ask", "put_letter", "select_application"]


def select_application(channel: CardChannel) -> None:
    """Selects our application. Raises NotOurCardError for a card of somebody else."""
    run(channel, selecting())


def ask(channel: CardChannel, tag: int) -> bytes:
    """A data object that anybody may ask for (`instructions.DATA_SERIAL` and those beside it)."""
    return run(channel, asking(tag))


def put_letter(channel: CardChannel, letter: bytes) -> None:
    """Gives the card a key letter, without a session: the letter is proof by itself.

    Raises StatusError: WRONG_DATA for another card's or a changed one, CONDITIONS for an old one.
    """
    run(channel, exchange(CommandApdu(0x80, Instruction.PUT_KEY_LETTER, 0, 0, letter))).checked()


class HostSession:
    """An open session. After any error it must not be used any more: open another one."""

    def __init__(self, channel: CardChannel, session: SecureSession) -> None:
        """See `open`."""
        self._channel = channel
        self._session = session
        self.greeting = session.greeting
        self.generation = session.generation

    @classmethod
    def open(cls, channel: CardChannel, keys: KeySet, challenge: bytes) -> "HostSession":
        """Authenticates both sides. `challenge`: 8 bytes that were never used before.

        Raises NotOurCardError for a card that has not these keys, StatusError where the card refuses.
        """
        greeted = run(channel, greeting(keys.version, challenge))
        return cls(channel, run(channel, SecureSession.opening(greeted, keys)))

    @classmethod
    def open_by_serial(
        cls, channel: CardChannel, version: int, keys_of: Callable[[bytes], KeySet], challenge: bytes
    ) -> "HostSession":
        """As `open`, with the keys that `keys_of` gives for the serial number in the card's greeting.

        So nobody asks for the number before. A card that names another one does not have those keys.
        """
        greeted = run(channel, greeting(version, challenge))
        return cls(channel, run(channel, SecureSession.opening(greeted, keys_of(greeted.greeting.serial))))

    def send(self, command: CommandApdu) -> ResponseApdu:
        """The answer to a plain command that travels as a secure one."""
        return self._run(self._session.sending(command))

    def read(self, file: CardFile, length: int | None = None) -> bytes:
        """The content of a file of bytes. `length`: the inventory's word; None: until it ends."""
        return self._run(self._session.reading(file, length))

    def write(self, file: CardFile, content: bytes, held_bytes: int | None = None) -> None:
        """Stages this content of a file of bytes. `held_bytes`: as in `SecureSession.writing`."""
        self._run(self._session.writing(file, content, held_bytes))

    def records(self, file: CardFile, length: int | None = None) -> list[bytes]:
        """The records of a file of records, in a cyclic file the newest first. `length`: as in `read`."""
        return self._run(self._session.reading_records(file, length))

    def inventory(self) -> Inventory | None:
        """Which files hold how much; None: a card of before, which does not say it."""
        return self._run(self._session.taking_stock())

    def fingerprint(self) -> Fingerprint | None:
        """The digest of all that the card holds and the session has staged; None: a card of before."""
        return self._run(self._session.fingerprinting())

    def ask(self, tag: int) -> bytes:
        """As the function, inside the session: the answer is the card's own."""
        return self._run(self._session.asking(tag))

    def put_letter(self, letter: bytes) -> None:
        """As the function, inside the session, which stays open."""
        self._run(self._session.putting_letter(letter))

    def append(self, file: CardFile, record: bytes) -> None:
        """Stages a further record."""
        self._run(self._session.appending(file, record))

    def commit(self) -> None:
        """Makes all that was staged true, all at once; the card's answer is the receipt."""
        self._run(self._session.committing())

    def abandon(self) -> None:
        """Has the card forget all that was staged."""
        self._run(self._session.abandoning())

    def _run(self, dialogue: Dialogue[T]) -> T:
        return run(self._channel, dialogue)
