"""The profiles that ship with the program. Reads them from the package."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

from emulator.firmware.profile import Profile
from emulator.forms.problems import perhaps
from emulator.population.profile_form import ProfileData, read_profile
from protocols.errors import InputError, quoted
from protocols.reasons import Energy

_SUFFIX: Final = ".toml"


@cache
def shipped_profiles() -> Mapping[str, ProfileData]:
    """Every shipped profile by name, the default first."""
    texts = shipped_texts(resources.files("emulator.population.profiles"))
    first = "wallonia-card-2020"
    names = sorted(texts, key=lambda name: (name != first, name))
    return MappingProxyType(
        {
            name: read_profile(texts[name], f"emulator/population/profiles/{name}{_SUFFIX}", name)
            for name in names
        }
    )


def shipped_texts(folder: Traversable, prefix: str = "") -> dict[str, str]:
    """The TOML files of a folder and of those inside it."""
    found: dict[str, str] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= shipped_texts(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            found[prefix + entry.name.removesuffix(_SUFFIX)] = entry.read_text(encoding="utf-8")
    return found


def profile_named(name: str, energy: Energy) -> Profile:
    """The shipped profile of this name. Raises InputError, as an option --profile is refused."""
    shipped = shipped_profiles()
    if name not in shipped:
        raise InputError(f"--profile: {quoted(name)}; allowed: {', '.join(shipped)}{perhaps(name, shipped)}")
    return shipped[name].of(energy)
