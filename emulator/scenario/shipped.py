"""The library of scenarios that ships with the program. Reads it from the package."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from emulator.population.shipped import shipped_texts


@cache
def library() -> Mapping[str, str]:
    """The texts of the library's scenario files by path, without suffix, in the order of the paths."""
    texts = shipped_texts(resources.files("emulator.scenario.library"))
    return MappingProxyType(dict(sorted(texts.items())))
