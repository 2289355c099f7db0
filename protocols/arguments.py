"""Reads what a person types: returns a checked value, or raises InputError with what is allowed."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from protocols.errors import InputError, quoted
from protocols.identifiers import is_id
from protocols.instants import iso_from_ms, ms_from_iso
from protocols.limits import (
    DEBT_UEUR_MAX,
    ID_CHARS_MAX,
    INSTANT_MS_MAX,
    INSTANT_MS_MIN,
    PRICE_UEUR_MAX,
    STATEMENT_UEUR_MAX,
    TEXT_CHARS_MAX,
)
from protocols.units import UEUR_PER_EUR, ueur_from_eur

_INSTANT_ALLOWED: Final = (
    "a date and time with its offset, such as 2020-07-03T23:01+02:00 or 2020-07-03T21:01Z"
)
_UEUR_PER_CENT: Final = UEUR_PER_EUR // 100
# OpenSSL takes no longer one (PEM_BUFSIZE is 1,024, with the zero at the end).
_PASSPHRASE_BYTES_MAX: Final = 1_023


def read_name(text: str, where: str) -> str:
    """An identifier, as it travels in topics and file names. Raises InputError for anything else."""
    if not is_id(text):
        allowed = (
            f"1 to {ID_CHARS_MAX} letters, digits, dots, dashes and underscores, a letter or digit first"
        )
        raise InputError(f"{where}: {quoted(text)}; allowed: {allowed}")
    return text


def read_names(texts: Iterable[str], where: str) -> tuple[str, ...]:
    """Identifiers, each once, in the order given."""
    return tuple(dict.fromkeys(read_name(text, where) for text in texts))


def check_choice(text: str | None, allowed: Iterable[str], where: str) -> None:
    """Raises InputError for a word that is not in a closed list. None means that nothing was chosen."""
    words = list(allowed)
    if text is not None and text not in words:
        raise InputError(f"{where}: {quoted(text)}{did_you_mean(text, words)} allowed: {', '.join(words)}")


def did_you_mean(text: str, words: Iterable[str]) -> str:
    """`; did you mean trusted?` where one of the words is near, else `;`: the middle of an error's line."""
    near = get_close_matches(text[:ID_CHARS_MAX], list(words), n=1)
    return f"; did you mean {near[0]}?" if near else ";"


def check_passphrase(passphrase: str, where: str) -> None:
    """Raises InputError for a passphrase that no key can have: empty, too long, or no text."""
    try:
        length = len(passphrase.encode())
    except UnicodeEncodeError:
        raise InputError(f"{where}: bytes that are no UTF-8; allowed: text") from None
    if not length:
        raise InputError(f"{where}: empty; allowed: any text of one character or more")
    if length > _PASSPHRASE_BYTES_MAX:
        raise InputError(f"{where}: {length} bytes; allowed: at most {_PASSPHRASE_BYTES_MAX}")


def read_instant(text: str, where: str, first_ms: int = INSTANT_MS_MIN) -> int:
    """The instant (`_ms`) of an ISO 8601 text, from `first_ms` on.

    Raises InputError for a time without an offset: nobody must guess its zone.
    """
    try:
        # Python reads weeks such as 2026-W48-1 too: nobody can see which day that is.
        instant_ms = ms_from_iso("" if "W" in text.upper() else text)
    except (ValueError, OverflowError):
        raise InputError(f"{where}: {quoted(text)}; allowed: {_INSTANT_ALLOWED}") from None
    if not first_ms <= instant_ms <= INSTANT_MS_MAX:
        span = f"{iso_from_ms(first_ms)} to {iso_from_ms(INSTANT_MS_MAX)}"
        raise InputError(f"{where}: {quoted(text)}; allowed: {span}")
    return instant_ms


def read_span(from_text: str | None, until_text: str, now_ms: int) -> tuple[int, int]:
    """`[from, until)` of `--from` (default: now) and `--until`.

    Raises InputError for a span that is empty or has ended by `now_ms`.
    """
    from_ms = now_ms if from_text is None else read_instant(from_text, "--from")
    until_ms = read_instant(until_text, "--until")
    if until_ms <= max(from_ms, now_ms):
        raise InputError(f"--until: {quoted(until_text)}; allowed: an instant to come, later than --from")
    return from_ms, until_ms


def read_payment(text: str) -> int:
    """A payment in micro-euro: whole cents, more than 0. Raises InputError."""
    try:
        ueur = ueur_from_eur(text)
    except ValueError as error:
        raise InputError(f"--eur: {error}") from None
    if not 0 < ueur <= STATEMENT_UEUR_MAX or ueur % _UEUR_PER_CENT:
        most = STATEMENT_UEUR_MAX // UEUR_PER_EUR
        raise InputError(f"--eur: {quoted(text)}; allowed: whole cents from 0.01 to {most}")
    return ueur


def read_price(text: str, where: str) -> int:
    """A price per kWh, or a charge a day, in micro-euro: 0 or more. Raises InputError."""
    return _read_ueur(text, where, PRICE_UEUR_MAX)


def read_cap(text: str, where: str) -> int:
    """A debt, or a cap of what is brought of one, in micro-euro: 0 or more. Raises InputError."""
    return _read_ueur(text, where, DEBT_UEUR_MAX)


def _read_ueur(text: str, where: str, most_ueur: int) -> int:
    try:
        ueur = ueur_from_eur(text)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    if not 0 <= ueur <= most_ueur:
        raise InputError(f"{where}: {quoted(text)}; allowed: 0 to {most_ueur // UEUR_PER_EUR}")
    return ueur


def read_basis(text: str) -> str:
    """The legal or operational ground of an order. Raises InputError if it is too long."""
    if len(text) > TEXT_CHARS_MAX:
        raise InputError(f"--basis: {len(text)} characters; allowed: at most {TEXT_CHARS_MAX}")
    return text
