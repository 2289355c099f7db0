"""Options that several commands share, and the keys that they mean."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

import typer

from cardreader.issuing.practice import practice_key
from protocols.errors import InputError
from protocols.limits import CLERK_KEY_MINUTES_MAX, KEY_GENERATIONS_MAX
from protocols.link.keys import FIRST_GENERATION
from protocols.rim.terminal import warn

Json = Annotated[bool, typer.Option("--json", help="A JSON object per line, for programs.")]
Reader = Annotated[
    str,
    typer.Option(metavar="NAME|virtual:FILE", help="The card: in this reader, in any, or a file."),
]
FleetKey = Annotated[
    Path | None,
    typer.Option("--fleet-key", metavar="FILE", help="The fleet's key, as `relance init` makes it."),
]
Practice = Annotated[
    str,
    typer.Option(
        "--practice", metavar="SEED", help="Where no other key is named: practice keys of this seed."
    ),
]
Generation = Annotated[
    int, typer.Option("--generation", metavar="N", min=0, max=65_535, help="Of the kiosks' keys.")
]
FleetGeneration = Annotated[
    int,
    typer.Option(
        "--fleet-generation",
        metavar="N",
        min=FIRST_GENERATION,
        max=KEY_GENERATIONS_MAX,
        help="Of the fleet's key with which the meter was made.",
    ),
]

AnyGeneration = Annotated[
    int | None,
    typer.Option(
        "--generation",
        metavar="N",
        min=0,
        max=65_535,
        help="Of the kiosks' keys. Default: whichever the card has.",
    ),
]

OpenMinutes = Annotated[
    int, typer.Option(metavar="N", min=1, max=CLERK_KEY_MINUTES_MAX, help="So long the key stays open.")
]
KioskHomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="The kiosk's home; without it: practice."),
]
StoreFile = Annotated[
    Path | None,
    typer.Option(
        "--ledger", metavar="FILE", help="In practice: the kiosk's store; default: the card's, with .ledger."
    ),
]
KitOption = Annotated[
    Path | None,
    typer.Option("--kit", metavar="FILE", help="What the office made for this card (`relance kiosk kit`)."),
]

PRACTICE_SEED: Final = "practice"
_KEY_BYTES: Final = 32


class OfficeKey(NamedTuple):
    """The key from which every card's keys derive. `practice`: it is no fleet's.

    `later`: further generations of the fleet's key, by their numbers: meters may use keys of theirs.
    """

    key: bytes
    practice: bool
    later: Mapping[int, bytes] = MappingProxyType({})

    @property
    def generations(self) -> dict[int, bytes]:
        """All generations of the fleet's key."""
        return {FIRST_GENERATION: self.key, **self.later}

    def of_generation(self, number: int) -> bytes:
        """One of them. Raises InputError for one that is not there."""
        found = self.generations.get(number)
        if found is None:
            allowed = f"1 to {max(self.generations)}, as many as lie beside --fleet-key"
            raise InputError(f"--fleet-generation: {number}; allowed: {allowed}")
        return found


def office_key(file: Path | None, seed: str) -> OfficeKey:
    """The key of this file, or the one for practice of this seed. Raises InputError.

    Its further generations lie beside it, as `relance keys rotate` makes them: fleet.2.key beside fleet.key.
    """
    if file is None:
        return OfficeKey(practice_key(seed), practice=True)
    later, number = dict[int, bytes](), FIRST_GENERATION + 1
    while (path := file.with_suffix(f".{number}{file.suffix}")).exists():
        later[number] = _fleet_key(path)
        number += 1
    return OfficeKey(_fleet_key(file), practice=False, later=later)


def _fleet_key(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            # A file of any size is refused by its first bytes.
            key = bytes.fromhex(opened.read(4 * _KEY_BYTES).decode("ascii"))
    except FileNotFoundError:
        raise InputError(f"--fleet-key: {file}: no such file; `relance init` makes one") from None
    except OSError as error:
        raise InputError(f"--fleet-key: {file}: cannot be read: {error.strerror}") from None
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InputError(f"--fleet-key: {file}: no fleet key; allowed: {_KEY_BYTES} bytes as hex")
    return key


def warn_of_practice(office: OfficeKey, instead: str = "--fleet-key FILE") -> None:
    """Says on standard error that keys are for practice, and which option names others."""
    if office.practice:
        warn([f"practice keys: no real meter and no real kiosk opens such a card ({instead})"])
