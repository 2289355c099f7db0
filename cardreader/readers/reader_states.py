"""Readers and what is in them, as PC/SC says it; and which of them a person means. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocols.errors import InputError, UnreachableError, quoted

# PC/SC part 5 §3.2.5, SCARD_READERSTATE: flags in the low half. The high half counts what went in and out.
PRESENT: Final = 0x0020
_EXCLUSIVE: Final = 0x0080
_IN_USE: Final = 0x0100
_MUTE: Final = 0x0200
_EVENTS_SHIFT: Final = 16
# What a person writes for the one reader that has a card in it.
ANY: Final = "any"


@dataclass(frozen=True, slots=True)
class ReaderState:
    """One reader as the service says it. `flags`: its state as a number; `atr`: what the card said first."""

    name: str
    flags: int
    atr: bytes = b""

    @property
    def has_card(self) -> bool:
        """Whether a card is in it."""
        return bool(self.flags & PRESENT)

    @property
    def is_mute(self) -> bool:
        """Whether the card in it does not answer."""
        return bool(self.flags & _MUTE)

    @property
    def in_use(self) -> bool:
        """Whether a program is connected to the card."""
        return bool(self.flags & (_EXCLUSIVE | _IN_USE))

    @property
    def events(self) -> int:
        """How often a card went in or out, as a number of 16 bits that begins anew with the service."""
        return self.flags >> _EVENTS_SHIFT & 0xFFFF


def chosen(found: Sequence[ReaderState], wanted: str, where: str) -> ReaderState:
    """The reader that a person means: by its whole name, or by a part of it that fits; `any`: by its card.

    Where several fit, it is the one with a card in it. Raises InputError where none has such a name,
    UnreachableError where there is no reader, no card, or more than one card.
    """
    if not found:
        raise UnreachableError(f"{where}: no card reader is plugged in: plug one in, then try again")
    fitting = fitting_readers(found, wanted)
    if not fitting:
        there = ", ".join(quoted(each.name) for each in found)
        raise InputError(f"{where}: {quoted(wanted)}; allowed: virtual:FILE, {ANY}, or a reader: {there}")
    if len(fitting) == 1:
        return fitting[0]
    full = [each for each in fitting if each.has_card]
    if not full:
        raise UnreachableError(f"{where}: there is no card in {_listed(fitting, ' or ')}: put one in")
    if len(full) > 1:
        names = _listed(full, " and ")
        raise UnreachableError(f"{where}: there are cards in {names}: take one out, or name the reader")
    return full[0]


def fitting_readers(found: Sequence[ReaderState], wanted: str) -> list[ReaderState]:
    """All readers that a person may mean: the one of this name, or else those of which it is a part."""
    exact = [each for each in found if each.name == wanted]
    part = wanted.casefold()
    return exact or [each for each in found if wanted == ANY or part in each.name.casefold()]


def _listed(readers: Sequence[ReaderState], joint: str) -> str:
    return joint.join(quoted(each.name) for each in readers)
