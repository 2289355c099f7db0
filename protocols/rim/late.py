"""Imports that wait until something is done with them: a verb's `--help` needs the verb and no store.

`late_imports(PACKAGE...)`: while it lasts, what modules of these packages import from elsewhere stands for
itself, and is imported when somebody calls it, reads from it or derives from it. At its end the modules that
were loaded so are forgotten, so that whoever does the work loads them whole. Used for help alone: an `except`
takes no name that stands for something.
"""

import builtins
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

# What help itself is made of, and modules of constants, which load in no time and are computed with.
_AT_ONCE: Final = frozenset({"rich", "typer", "click"}) | sys.stdlib_module_names
_CONSTANTS: Final = frozenset({"protocols.instants", "protocols.limits", "protocols.units"})


class _Late:
    """Stands for a name of a module until something is done with it."""

    def __init__(self, module: str, name: str) -> None:
        self.__dict__["_from"] = (module, name)

    def _found(self) -> Any:  # noqa: ANN401 # it may be anything
        module, name = self.__dict__["_from"]
        loaded = importlib.import_module(module)
        return getattr(loaded, name) if hasattr(loaded, name) else importlib.import_module(f"{module}.{name}")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 # it may be anything
        return getattr(self._found(), name)

    def __call__(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 # it may be anything
        return self._found()(*given, **named)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 # it may be anything
        return self._found()[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._found())

    def __or__(self, other: Any) -> Any:  # noqa: ANN401 # it may be anything
        return self._found() | other

    def __ror__(self, other: Any) -> Any:  # noqa: ANN401 # it may be anything
        return other | self._found()

    def __str__(self) -> str:
        return str(self._found())

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[Any, ...]:
        del bases
        return (self._found(),)


class _LateModule(ModuleType):
    """What `from MODULE import NAME` reads its names from."""

    def __getattr__(self, name: str) -> _Late:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Late(self.__name__, name)


@contextmanager
def late_imports(*packages: str) -> Iterator[None]:
    """See the head of this module. What is loaded already is taken as it is."""
    real, before = builtins.__import__, set(sys.modules)

    def is_inside(name: str) -> bool:
        return f"{name}.".startswith(tuple(f"{package}." for package in packages))

    def import_late(
        name: str,
        given_globals: Mapping[str, object] | None = None,
        given_locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        importer = str((given_globals or {}).get("__name__", ""))
        at_once = name.partition(".")[0] in _AT_ONCE or name in _CONSTANTS or name in sys.modules
        if not is_inside(importer) or is_inside(name) or not fromlist or at_once:
            return real(name, given_globals, given_locals, fromlist or (), level)
        return _LateModule(name)

    builtins.__import__ = import_late  # type: ignore[assignment] # as import calls it
    try:
        yield
    finally:
        builtins.__import__ = real
        for name in [name for name in set(sys.modules) - before if is_inside(name)]:
            parent, _, last = name.rpartition(".")
            del sys.modules[name]
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(last, None)
