"""Text in lower case, the same on SQLite and on PostgreSQL: É is é on both, as in Python.

SQLite's own `lower` knows ASCII alone, and PostgreSQL's what the locale of its database knows: with the
locale C that is ASCII too.
"""

from typing import Any, Final

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

# What each connection to SQLite calls `fold`.
FOLD: Final = "relance_fold"
# Latin-1 and Latin Extended-A: the letters of all languages of this country and its neighbours.
_UPPER: Final = "".join(
    letter for letter in map(chr, range(0xC0, 0x180)) if letter != letter.lower() and len(letter.lower()) == 1
)


def fold(text: str | None) -> str | None:
    """The text in lower case; None, which is NULL, stays what it is."""
    return None if text is None else text.lower()


class Folded(FunctionElement[str]):
    """`fold` of one text, in a query."""

    name = FOLD
    type = String()
    inherit_cache = True


@compiles(Folded, "sqlite")
def _for_sqlite(element: Folded, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 # SQLAlchemy's own
    return f"{FOLD}({compiler.process(element.clauses, **options)})"


@compiles(Folded, "postgresql")
def _for_postgresql(element: Folded, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 # as above
    text = compiler.process(element.clauses, **options)
    return f"translate(lower({text}), '{_UPPER}', '{_UPPER.lower()}')"
