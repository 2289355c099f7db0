"""Column types that mean the same on SQLite and on PostgreSQL.

SQLModel makes `int` an int4 on PostgreSQL: milliseconds do not fit into it, and micro-euro only up to 2,147
€. And SQLite stores "abc" in an integer column without an error. Hence one type for all integers, and STRICT
tables.
"""

from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine


class Int64(TypeDecorator[int]):
    """A 64-bit integer: BIGINT, or INTEGER on SQLite, where only INTEGER may be AUTOINCREMENT."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        del dialect
        if value is not None and type(value) is not int:
            raise TypeError(f"an integer column was given {value!r}")
        return value


class TextColumn(TypeDecorator[str]):
    """Text. A member of a StrEnum is stored as its value; a driver could otherwise store its name."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        del dialect
        if value is not None and not isinstance(value, str):
            raise TypeError(f"a text column was given {value!r}")
        return None if value is None else str(value)
