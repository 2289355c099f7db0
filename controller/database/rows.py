"""A row of a table as a value that is good beyond its session."""

from typing import Any, TypeVar

from msgspec import Struct

V = TypeVar("V", bound=Struct)


def view_of(row: object, view: type[V], **known: Any) -> V:  # noqa: ANN401 # of whatever type the view says
    """The columns of a row that a view has; `known` are those that come from elsewhere."""
    names = [name for name in view.__struct_fields__ if name not in known and hasattr(row, name)]
    return view(**{name: getattr(row, name) for name in names}, **known)
