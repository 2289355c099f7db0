"""The library of nights that ships with the program. Reads it from the package."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from emulator.population.shipped import shipped_texts


@cache
def library() -> Mapping[str, str]:
    """The scenario files of the library: path within it, without suffix, to text; in order of path."""
    texts = shipped_texts(resources.files("emulator.scenario.library"))
    return MappingProxyType(dict(sorted(texts.items())))
