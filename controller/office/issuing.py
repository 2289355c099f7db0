"""The next issuers document: a new epoch with a new key, another allowance, an issuer less. Pure."""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec.structs import replace

from protocols.documents.issuers import Issuer, Issuers
from protocols.errors import InputError, quoted
from protocols.limits import ISSUERS_MAX, STATEMENT_UEUR_MAX
from protocols.units import QUANTA_PER_UEUR, UEUR_PER_EUR, eur_from_quanta

# The issuer of what is booked at the controller; each kiosk is an issuer of its own.
CONTROLLER: Final = "controller"
# More than a household pays in a day; a greater sum waits until the days cover it, or two people sign.
ALLOWANCE_UEUR_PER_DAY: Final = 500 * UEUR_PER_EUR


def first_issuers(public: bytes) -> Issuers:
    """The document of a new home: the controller alone, in its first epoch."""
    return next_issuers(None, {CONTROLLER: public.hex()}, {})


def next_issuers(
    current: Issuers | None,
    new_keys: Mapping[str, str],
    allowances_ueur: Mapping[str, int],
    above: int = 0,
    closed: Collection[str] = (),
) -> Issuers:
    """The document after this one. `new_keys`: of issuers that begin their next epoch, as hex.

    `above`: a version that meters are known to hold; this one is later. `closed`: issuers that it names no
    more.

    An issuer that is not there begins with the document's own version as its epoch: no epoch before was as
    high, so that a meter that has forgotten a closed issuer takes it for a later one. Raises InputError for
    an allowance out of range, or of an issuer that is not there, for a change of nothing, and for too many
    issuers.
    """
    held = {} if current is None else {each.name: each for each in current.issuers}
    version = 0 if current is None else current.version
    skipped = max(above - version, 0)
    for name, public in new_keys.items():
        known = held.get(name)
        epoch = version + skipped + 1 if known is None else next_epoch(known, skipped)
        held[name] = (
            Issuer(name=name, epoch=epoch, public=public, allowance_ueur_per_day=ALLOWANCE_UEUR_PER_DAY)
            if known is None
            else replace(known, epoch=epoch, public=public)
        )
    for name, allowance_ueur in allowances_ueur.items():
        if name not in held:
            raise InputError(
                f"issuer {quoted(name)}; allowed: {', '.join(sorted(held)) or 'none is there yet'}"
            )
        if not 0 < allowance_ueur <= STATEMENT_UEUR_MAX:
            most = eur_from_quanta(STATEMENT_UEUR_MAX * QUANTA_PER_UEUR)
            raise InputError(f"allowance of {name}; allowed: more than 0 and at most {most} EUR a day")
        held[name] = replace(held[name], allowance_ueur_per_day=allowance_ueur)
    for name in closed:
        if held.pop(name, None) is None or name == CONTROLLER:
            others = ", ".join(sorted(held.keys() - {CONTROLLER})) or "none, there is no other"
            raise InputError(f"issuer {quoted(name)} cannot be closed; allowed: {others}")
    if len(held) > ISSUERS_MAX:
        raise InputError(f"{len(held)} issuers; allowed: at most {ISSUERS_MAX}")
    issuers = tuple(held[name] for name in sorted(held))
    if current is not None and issuers == current.issuers:
        raise InputError(
            "issuers: nothing would change; allowed: a new epoch, another allowance, or an issuer less"
        )
    return Issuers(version=version + skipped + 1, issuers=issuers)


def next_epoch(known: Issuer | None, skipped: int) -> int:
    """The epoch that an issuer begins next; so many documents were made that are not known here.

    Each of them can have begun one.
    """
    return (0 if known is None else known.epoch) + 1 + skipped
