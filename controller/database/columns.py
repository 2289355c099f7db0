"""Column types that mean the same on SQLite and on PostgreSQL.

`int` alone becomes int4 on PostgreSQL: milliseconds do not fit at all, micro-euro not beyond 2,147 €; and
SQLite stores "abc" in it without a word. Hence one type for every integer, and STRICT tables.
"""

from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine


class Int64(TypeDecorator[int]):
    """A 64-bit integer: BIGINT, or SQLite's INTEGER, which alone may number rows by itself."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        del dialect
        if value is not None and type(value) is not int:
            raise TypeError(f"an integer column was given {value!r}")
        return value


class Words(TypeDecorator[str]):
    """Text. A member of a closed list is stored as its value; a driver might take its name instead."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        del dialect
        if value is not None and not isinstance(value, str):
            raise TypeError(f"a text column was given {value!r}")
        return None if value is None else str(value)
