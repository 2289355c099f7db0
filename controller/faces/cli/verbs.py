"""Declares verbs: the name of each, its examples, and the shared options that it has beside its own.

    @verb(app, "declare", "moratorium declare covid-2020 --until 2020-07-01T00:00+02:00", shares=ACTING)
    def declare_one(face: Face, name: Name, *, until: Until) -> int: ...

The shared options are declared once (`options`). They appear in the verb's `--help`, and the verb gets them
as one `Face`. A verb may declare a shared option itself, with its own help text; then it gets the value as
well.
"""

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Final

import typer

from controller.faces.cli.examples import examples
from controller.faces.cli.face import Face, Options
from controller.faces.cli.options import ZONE_DEFAULT, As, Basis, Database, Home, Json, LooksAs, Zone

Verb = Callable[..., int]


def _option(name: str, annotation: object, default: object) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_AT: Final = (
    _option("home", Home, None),
    _option("database", Database, None),
    _option("as_json", Json, False),
)
_ZONE: Final = _option("zone", Zone, ZONE_DEFAULT)
_AS: Final = _option("by", As, None)

# For verbs that print no instant; that read; that show households; that act on a fixed basis; that act.
PLAIN: Final = _AT
READING: Final = (_ZONE, *_AT)
LOOKING: Final = (_option("by", LooksAs, None), _ZONE, *_AT)
NAMED: Final = (_AS, _ZONE, *_AT)
ACTING: Final = (_option("basis", Basis, ""), _AS, _ZONE, *_AT)
_DEFAULTS: Final = {option.name: option.default for option in ACTING}


def verb(
    app: typer.Typer, name: str, *shown: str, shares: tuple[Parameter, ...] = READING
) -> Callable[[Verb], Verb]:
    """A decorator that adds a verb to `app`, with `shown` as its examples and `shares` as shared options."""

    def add(function: Verb) -> Verb:
        app.command(name, epilog=examples(*shown))(with_shared(function, shares))
        return function

    return add


def with_shared(function: Verb, shares: tuple[Parameter, ...]) -> Callable[..., int]:
    """A verb as the function that typer reads: its own parameters, and the shared options `shares`."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    named = {parameter.name for parameter in own}
    shared = [option for option in shares if option.name not in named]

    def run(**given: object) -> int:
        chosen = _DEFAULTS | {option: given[option] for option in _DEFAULTS if option in given}
        arguments = {parameter.name: given[parameter.name] for parameter in own}
        with Face(Options(**chosen)) as face:
            return function(face, **arguments)

    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined] # what typer reads
    run.__annotations__ = {}
    run.__doc__ = function.__doc__
    return run
