"""The fleet's key by its generations, in files of the home: `fleet.key` is the first, then `fleet.2.key`.

Earlier generations stay: a meter that has slept vouches for its new key with the one that derives from them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from controller.office.keys import as_secret, load_fleet_key, new_fleet_key, write_secret
from controller.office.settings import Settings
from protocols.errors import InputError
from protocols.limits import KEY_GENERATIONS_MAX
from protocols.link.keys import FIRST_GENERATION, asks_key
from protocols.reasons import Source

_LINE_BYTES: Final = 65


def load_generations(settings: Settings) -> dict[int, bytes]:
    """All generations of the home. Raises InputError for a file that is missing or malformed."""
    found = {FIRST_GENERATION: load_fleet_key(settings.fleet_key)}
    while (later := find_generation(settings, len(found) + 1)) is not None:
        found[len(found) + 1] = later
    return found


def find_generation(settings: Settings, generation: int) -> bytes | None:
    """A later generation; None where the home has none. Raises InputError for a malformed file."""
    path = settings.later_fleet_key(generation)
    return load_fleet_key(path) if path.exists() else None


def newest_generation(settings: Settings) -> bytes:
    """The last generation: from it the keys of new meters derive. Raises InputError as `load_generations`."""
    secrets = load_generations(settings)
    return secrets[max(secrets)]


def make_generation(settings: Settings) -> int:
    """Make the next generation; returns its number. Raises InputError where there are too many."""
    generation = len(load_generations(settings)) + 1
    if generation > KEY_GENERATIONS_MAX:
        raise InputError(f"fleet key: generation {generation}; allowed: at most {KEY_GENERATIONS_MAX}")
    write_secret(settings.later_fleet_key(generation), as_secret(new_fleet_key()))
    return generation


def write_asks(settings: Settings, secrets: Mapping[int, bytes]) -> None:
    """Write what the timeserver on its machine needs: a line for each generation, the first one first."""
    path = settings.asks_key(Source.TIMESERVER)
    lines = b"".join(as_secret(asks_key(secrets[each], Source.TIMESERVER)) for each in sorted(secrets))
    beside = path.with_suffix(".asks.new")
    beside.unlink(missing_ok=True)
    write_secret(beside, lines)
    beside.replace(path)


def load_asks(path: Path) -> tuple[bytes, ...]:
    """The keys of an authority's asks, of each generation. Raises InputError for a malformed file."""
    try:
        lines = path.read_bytes().split()
        keys = tuple(bytes.fromhex(line.decode("ascii")) for line in lines)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        keys = ()
    if not keys or any(len(key) != len(keys[0]) or 2 * len(key) + 1 != _LINE_BYTES for key in keys):
        raise InputError(f"{path}: allowed: a line of 32 bytes as hex for each generation of the fleet's key")
    return keys
