"""Readers and what is in them, as PC/SC says it; and which of them a person means. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from protocols.errors import InputError, UnreachableError, quoted

# PC/SC part 5 §3.2.5, SCARD_READERSTATE: flags in the low half. The high half counts what went in and out.
_PRESENT: Final = 0x0020
_EXCLUSIVE: Final = 0x0080
_IN_USE: Final = 0x0100
_MUTE: Final = 0x0200
_EVENTS_SHIFT: Final = 16
# What a person writes for the one reader that has a card in it.
ANY: Final = "any"


class ReaderState(NamedTuple):
    """One reader. `events` counts cards that went in and out; `atr`: what the card said first, or empty."""

    name: str
    has_card: bool
    is_mute: bool
    in_use: bool
    events: int
    atr: bytes


def state_of(name: str, flags: int, atr: bytes) -> ReaderState:
    """A reader from the state that PC/SC gives."""
    has_card = bool(flags & _PRESENT)
    return ReaderState(
        name,
        has_card,
        bool(flags & _MUTE),
        bool(flags & (_EXCLUSIVE | _IN_USE)),
        flags >> _EVENTS_SHIFT & 0xFFFF,
        atr if has_card else b"",
    )


def chosen(found: Sequence[ReaderState], wanted: str, where: str) -> ReaderState:
    """The reader that a person means: by its whole name, or by a part of it that fits; `any`: by its card.

    Where several fit, it is the one with a card in it. Raises InputError where none has such a name,
    UnreachableError where there is no reader, no card, or more than one card.
    """
    if not found:
        raise UnreachableError(f"{where}: no card reader is plugged in: plug one in, then try again")
    fitting = [each for each in found if each.name == wanted]
    fitting = fitting or [each for each in found if wanted in ("", ANY) or _fits(wanted, each.name)]
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


def _fits(wanted: str, name: str) -> bool:
    return wanted.casefold() in name.casefold()


def _listed(readers: Sequence[ReaderState], joint: str) -> str:
    return joint.join(quoted(each.name) for each in readers)
