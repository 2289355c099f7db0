"""What every content of a file can do: become bytes, and be read from bytes that anybody may have written.

The vectors of a class stand beside it, as pairs of the bytes in hex and what they say; tests/cardreader/files
tries those of every class in both directions.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self


class Content(ABC):
    """What a file holds, as a value. Subclasses are frozen."""

    __slots__ = ()

    vectors: ClassVar[tuple[tuple[str, "Content"], ...]]

    @abstractmethod
    def encode(self) -> bytes:
        """The bytes as they stand in the file."""

    @classmethod
    @abstractmethod
    def decode(cls, data: bytes) -> Self:
        """The value of these bytes. Raises DocumentError where they are none of ours."""
