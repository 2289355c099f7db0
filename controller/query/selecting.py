"""Makes a condition of SQL from a query, the same on SQLite and on PostgreSQL."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, func, literal, or_

from controller.database.folding import Folded
from controller.query.rules import AllOf, AnyOf, Condition, FieldTest, Operator, Value

Column = SQLColumnExpression[Any]
# What stands for a field of which a row may have several values: whether it has this one; for None, whether
# it has none. The condition is never NULL.
Has = Callable[[Value | None], ColumnElement[bool]]
Columns = Mapping[str, Column | Has]

_ESCAPE: Final = "\\"
_ANY: Final = "*"


def where(condition: Condition, columns: Columns) -> ColumnElement[bool]:
    """The rows of which a query is true; `columns`: what stands for each field, NULL where not known."""
    match condition:
        case AnyOf(parts):
            return or_(*(where(part, columns) for part in parts))
        case AllOf(parts):
            return and_(*(where(part, columns) for part in parts))
        case FieldTest():
            return _compared(condition, columns)


def _compared(comparison: FieldTest, columns: Columns) -> ColumnElement[bool]:
    column = columns[comparison.field]
    has = (lambda value: is_equal(column, value)) if isinstance(column, SQLColumnExpression) else column
    equal = [has(value) for value in comparison.values]
    match comparison.operator:
        case Operator.EQUAL | Operator.IN:
            return or_(*equal)
        case Operator.UNEQUAL | Operator.OUT:
            return and_(*(~each for each in equal))
    (value,) = comparison.values
    assert isinstance(column, SQLColumnExpression), comparison
    match comparison.operator:
        case Operator.LESS:
            return column < value
        case Operator.AT_MOST:
            return column <= value
        case Operator.GREATER:
            return column > value
        case Operator.AT_LEAST:
            return column >= value


def is_equal(column: Column, value: Value | None) -> ColumnElement[bool]:
    """Equality that is never NULL, so that its opposite holds for what is not known."""
    if value is None:
        return column.is_(None)
    if isinstance(value, str) and value and not value.strip(_ANY):
        # Any value at all: nothing needs to be compared.
        return column.is_not(None)
    if isinstance(value, str) and _ANY in value:
        # SQLite's LIKE does not tell capital letters apart, PostgreSQL's does: here neither does. Both sides
        # are folded by the store: what it does not fold is at least the same on both.
        pattern = Folded(literal(_pattern(value)))
        return func.coalesce(Folded(column).like(pattern, escape=_ESCAPE), False)
    return column.is_not_distinct_from(value)


def _pattern(text: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text.replace(_ANY, "%")
