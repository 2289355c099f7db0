"""The answers of a meter's console (docs/console.md): lines of a key and its value. Pure."""

from collections.abc import Iterable, Mapping

from hil.capabilities import BenchError


def values_by_key(lines: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Each key with its values, in the order in which they came."""
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        key, _, value = line.partition(" ")
        found[key] = (*found.get(key, ()), value)
    return found


def one(answer: Mapping[str, tuple[str, ...]], key: str, where: str = "console") -> str:
    """The one value of a key. Raises BenchError where there is none, or several."""
    values = answer.get(key, ())
    if len(values) != 1:
        raise BenchError(f"{where}: one line {key} VALUE expected; found: {len(values)} of {sorted(answer)}")
    return values[0]
