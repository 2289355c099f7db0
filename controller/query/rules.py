"""Reads a query: text becomes a condition over named fields.

The language is RSQL, as hawkBit and other fleet tools have it:

    supply==off;balance<0          both (`;` or `and`)
    clock==lost,clock==disputed    at least one (`,` or `or`; it binds less)
    link=in=(k01,k02)              one of several; `=out=` is none of them
    id==m0*                        `*` stands for any characters
    next_possible==unknown         a value that is not known

A value that is not known equals nothing: `!=` and `=out=` match it, comparisons with `<` and `>` do not. A
value with blanks or one of `"'();,=!~<>` stands in quotes, where a backslash takes the next character as it
is. What a query may name depends on the list that it chooses from (`Fields`).

Source: RSQL, https://github.com/jirutka/rsql-parser, which extends FIQL (draft-nottingham-atompub-fiql-00).
"""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import StrEnum, unique
from functools import cache
from typing import Final

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken
from msgspec import Struct

from protocols.errors import InputError, quoted

_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
# Far longer than a person types; a program that names a thousand meters names them one by one.
QUERY_CHARS_MAX: Final = 4_000
# The word for a value that is not known.
UNKNOWN: Final = "unknown"

_GRAMMAR: Final = r"""
    ?start: any
    ?any: all ((_COMMA | _OR) all)*
    ?all: term ((_SEMICOLON | _AND) term)*
    ?term: comparison | "(" any ")"
    comparison: FIELD OPERATOR values
    values: value | "(" value (_COMMA value)* ")"
    value: BARE | DOUBLE | SINGLE

    FIELD: /[A-Za-z_][A-Za-z0-9_.]*/
    OPERATOR: "==" | "!=" | "<=" | ">=" | "<" | ">" | /=[a-z]+=/
    BARE: /[^"'();,=!~<>\s]+/
    DOUBLE: /"(\\.|[^"\\])*"/s
    SINGLE: /'(\\.|[^'\\])*'/s
    _COMMA: ","
    _SEMICOLON: ";"
    _AND: /and(?=[\s(])/i
    _OR: /or(?=[\s(])/i
    %ignore /\s+/
"""
_WHAT_COMES: Final = {
    "FIELD": "a field's name",
    "OPERATOR": "one of == != < <= > >= =in= =out=",
    "BARE": "a value",
    "LPAR": "(",
    "RPAR": ")",
    "_COMMA": "',' (or)",
    "_SEMICOLON": "';' (and)",
    "$END": "the end",
}


@unique
class Operator(StrEnum):
    EQUAL = "=="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    IN = "=in="
    OUT = "=out="


# The other spellings that RSQL and FIQL have.
_SPELLINGS: Final = {
    "=lt=": Operator.LESS,
    "=le=": Operator.AT_MOST,
    "=gt=": Operator.GREATER,
    "=ge=": Operator.AT_LEAST,
    **{each.value: each for each in Operator},
}
ORDERING: Final = frozenset({Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST})
_SEVERAL: Final = frozenset({Operator.IN, Operator.OUT})


Value = str | int | bool


class Field(Struct, frozen=True, kw_only=True):
    """A field that a query may name.

    `read`: a value from its text, and the place for errors; it raises InputError with what is allowed.
    `ordered`: whether `<` has a meaning. `patterns`: whether `*` stands for any characters.
    """

    read: Callable[[str, str], Value]
    ordered: bool = False
    patterns: bool = False


Fields = Mapping[str, Field]


class FieldTest(Struct, frozen=True):
    """`field operator values`; a value is None where it is the word for what is not known."""

    field: str
    operator: Operator
    values: tuple[Value | None, ...]


class AllOf(Struct, frozen=True):
    parts: tuple["Condition", ...]


class AnyOf(Struct, frozen=True):
    parts: tuple["Condition", ...]


Condition = FieldTest | AllOf | AnyOf


def read_query(text: str, fields: Fields, where: str) -> Condition:
    """The condition that a text states. Raises InputError that names the place, and what is allowed there.

    An empty text is refused: whoever says nothing means nobody, and not everybody.
    """
    if not text.strip():
        raise InputError(f"{where}: empty, which chooses nobody; allowed: a query, such as supply==off")
    if len(text) > QUERY_CHARS_MAX:
        raise InputError(f"{where}: {len(text)} characters; allowed: at most {QUERY_CHARS_MAX}")
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise InputError(_unexpected(text, error, where)) from None
    return _condition(tree, fields, where)


def fields_in(condition: Condition) -> frozenset[str]:
    """The fields that a condition names."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            return frozenset[str]().union(*map(fields_in, parts))
        case FieldTest():
            return frozenset({condition.field})


@cache
def _parser() -> Lark:
    """The parser, made when a query is read first: not every command needs one."""
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", maybe_placeholders=False)


def _condition(tree: Tree[Token], fields: Fields, where: str) -> Condition:
    match tree.data:
        case "any":
            return AnyOf(tuple(_condition(part, fields, where) for part in _branches(tree)))
        case "all":
            return AllOf(tuple(_condition(part, fields, where) for part in _branches(tree)))
        case _:
            return _comparison(tree, fields, where)


def _branches(tree: Tree[Token]) -> list[Tree[Token]]:
    return [part for part in tree.children if isinstance(part, Tree)]


def _comparison(tree: Tree[Token], fields: Fields, where: str) -> FieldTest:
    name, spelling = (str(part) for part in tree.children if isinstance(part, Token))
    field = fields.get(name)
    if field is None:
        near = get_close_matches(name, fields, 1)
        hint = f"; near: {near[0]}" if near else ""
        raise InputError(f"{where}: no field {quoted(name)}{hint}; allowed: {', '.join(sorted(fields))}")
    here = f"{where}: {name}"
    operator = _operator(spelling, field, here)
    texts = [_plain(value) for values in _branches(tree) for value in _branches(values)]
    if len(texts) > 1 and operator not in _SEVERAL:
        raise InputError(
            f"{here}{operator}: {len(texts)} values; allowed: one, or =in= and =out= with several"
        )
    return FieldTest(name, operator, tuple(_value(each, operator, field, here) for each in texts))


def _operator(spelling: str, field: Field, here: str) -> Operator:
    operator = _SPELLINGS.get(spelling)
    allowed = [each for each in Operator if field.ordered or each not in ORDERING]
    if operator not in allowed:
        raise InputError(f"{here}: {quoted(spelling)}; allowed: {' '.join(allowed)}")
    return operator


def _value(text: str, operator: Operator, field: Field, here: str) -> Value | None:
    if text != UNKNOWN:
        return field.read(text, here)
    if operator in ORDERING:
        raise InputError(f"{here}: {operator} {UNKNOWN}; allowed: == and != with {UNKNOWN}")
    return None


def _plain(value: Tree[Token]) -> str:
    """A value without its quotes and backslashes."""
    token = next(part for part in value.children if isinstance(part, Token))
    return str(token) if token.type == "BARE" else _ESCAPED.sub(r"\1", token[1:-1])


def _unexpected(text: str, error: UnexpectedInput, where: str) -> str:
    ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    at: int = len(text) if ended else getattr(error, "pos_in_stream", 0)
    names = getattr(error, "accepts", None) or getattr(error, "allowed", None) or ()
    wanted = sorted({_WHAT_COMES[name] for name in names if name in _WHAT_COMES})
    seen = quoted(text[at : at + 20]) if at < len(text) else "the end"
    return f"{where}: character {at + 1}: {seen}; allowed: {', '.join(wanted)}"
