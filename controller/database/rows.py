"""Makes plain values of table rows: they stay valid after the session has closed."""

from typing import Any, TypeVar

from msgspec import Struct

V = TypeVar("V", bound=Struct)


def view_of(row: object, view: type[V], **known: Any) -> V:  # noqa: ANN401 # of whatever type the view says
    """A view filled with the columns of a row that have its fields' names; `known`: fields from elsewhere."""
    names = [name for name in view.__struct_fields__ if name not in known and hasattr(row, name)]
    return view(**{name: getattr(row, name) for name in names}, **known)
