"""One changed line in the running code, for the time of a test: as quick as a patch, as true as an edit."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import _lru_cache_wrapper
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from tools.mutants import Change, mutate

ROOT = Path(__file__).parents[2]
ROOMS = ("emulator", "protocols")


@contextmanager
def planted(change: Change) -> Iterator[None]:
    """The code of a module as if its file had the change: of its functions, and of its plain constants.

    Raises AssertionError for a change that is in neither.
    """
    path = ROOT / change.file
    module = import_module(change.file.removesuffix(".py").replace("/", "."))
    fresh = ModuleType(module.__name__)
    code = compile(mutate(path.read_text("utf-8"), change), str(path), "exec")
    exec(code, vars(fresh))  # noqa: S102 # our own source, with one line of ours
    with pytest.MonkeyPatch.context() as patch:
        count = _plant_constants(patch, module, fresh)
        held = dict(_functions(module))
        for name, function in _functions(fresh):
            if name in held and held[name].__code__ != function.__code__:
                patch.setattr(held[name], "__code__", function.__code__)
                count += 1
        assert count, f"{change.file}: a change of a function or a constant expected"
        _forget_answers()
        try:
            yield
        finally:
            _forget_answers()


def _forget_answers() -> None:
    """Empty every cache of ours: what was found by the other code does not count."""
    for each in gc.get_objects():
        if isinstance(each, _lru_cache_wrapper) and each.__module__.partition(".")[0] in ROOMS:
            each.cache_clear()


def _plant_constants(patch: pytest.MonkeyPatch, module: ModuleType, fresh: ModuleType) -> int:
    changed = {
        name: value
        for name, value in vars(fresh).items()
        if not name.startswith("__") and _is_plain(value) and vars(module)[name] != value
    }
    for name, value in changed.items():
        patch.setattr(module, name, value)
    return len(changed)


def _is_plain(value: object) -> bool:
    """Whether two of one content are equal, whichever module made them; of its own classes they are not."""
    return type(value) in {int, str} or (type(value) is tuple and all(type(each) is str for each in value))


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """What a module defines itself, by name: functions, and those of its classes."""
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            yield name, value
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for part, method in vars(value).items():
                if isinstance(method, FunctionType) and method.__module__ == module.__name__:
                    yield f"{name}.{part}", method
