"""The slots for signed documents, down to the meter: statements, orders, lease, parameters, answers.

A slot is a file that holds one envelope of `protocols.documents.envelope`, byte for byte as on MQTT, or
nothing. The card reads nothing of it, and no key of the card makes it true: the meter checks its signatures,
and what they permit, as it does with what comes over a link.
"""

from dataclasses import dataclass
from typing import Final, Self

from cardreader.files.content import Content
from protocols.documents.envelope import read_envelope
from protocols.errors import DocumentError


@dataclass(frozen=True, slots=True)
class DocumentSlot(Content):
    """One envelope. An empty file is an empty slot."""

    envelope: bytes = b""

    def encode(self) -> bytes:
        """As `Content`."""
        return self.envelope

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`. Only the form is checked: who signed is the meter's question."""
        if data:
            read_envelope(data)
        return cls(data)

    @property
    def payload_type(self) -> str:
        """What kind of document it is; empty for an empty slot."""
        return read_envelope(self.envelope).payload_type if self.envelope else ""


_EXAMPLE: Final = b'{"payload":"e30=","payloadType":"t","signatures":[]}'
DocumentSlot.vectors = (
    ("", DocumentSlot()),
    (_EXAMPLE.hex(), DocumentSlot(_EXAMPLE)),
)


@dataclass(frozen=True, slots=True)
class Words(Content):
    """Several words of the meter in one file, each with two bytes of length in front.

    A word is the bytes that the meter says over a link: a report in its `messages.Authenticated`, or an
    object with its MAC (`protocols.link.proofs`). Whoever has the meter's key can check them; the card
    cannot.
    """

    words: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """As `Content`."""
        return b"".join(len(word).to_bytes(2) + word for word in self.words)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`."""
        words, at = list[bytes](), 0
        while at < len(data):
            begin = at + 2
            end = begin + int.from_bytes(data[at:begin])
            if begin > len(data) or end > len(data) or end == begin:
                raise DocumentError("words: one is empty or cut off")
            words.append(data[begin:end])
            at = end
        return cls(tuple(words))


Words.vectors = (
    ("", Words()),
    ("0002 7b7d", Words((b"{}",))),
    ("0002 7b7d 0001 61", Words((b"{}", b"a"))),
)
