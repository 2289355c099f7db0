"""The language of queries: what each text means, and what is said of one that means nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.meters.choosing import METER_FIELDS
from controller.query.rules import (
    ORDERING,
    AllOf,
    AnyOf,
    Condition,
    Field,
    FieldTest,
    Operator,
    read_query,
)
from protocols.errors import InputError

SEVERAL = {Operator.IN, Operator.OUT}
WORD = Field(read=lambda text, _where: text)
NUMBER = Field(read=lambda text, _where: int(text), ordered=True)
FIELDS = {"word": WORD, "and": WORD, "n.1": NUMBER}


def written(condition: Condition) -> str:
    """A text that means the condition: every part in brackets, every word in quotes."""
    match condition:
        case FieldTest(field, operator, values):
            texts = ["unknown" if value is None else quoted(value) for value in values]
            return (
                f"{field}{operator}({','.join(texts)})"
                if operator in SEVERAL
                else f"{field}{operator}{texts[0]}"
            )
        case AllOf(parts):
            return ";".join(f"({written(part)})" for part in parts)
        case AnyOf(parts):
            return ",".join(f"({written(part)})" for part in parts)


def quoted(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def comparisons(
    field: str, values: st.SearchStrategy[str] | st.SearchStrategy[int]
) -> st.SearchStrategy[FieldTest]:
    equal = st.sampled_from([Operator.EQUAL, Operator.UNEQUAL])
    known = st.none() | values
    found = st.builds(FieldTest, st.just(field), equal, st.tuples(known))
    several = st.lists(known, min_size=1, max_size=4).map(tuple)
    found |= st.builds(FieldTest, st.just(field), st.sampled_from(sorted(SEVERAL)), several)
    if FIELDS[field].ordered:
        found |= st.builds(FieldTest, st.just(field), st.sampled_from(sorted(ORDERING)), st.tuples(values))
    return found


WORDS = st.text().filter(lambda text: text != "unknown")
LEAVES = comparisons("word", WORDS) | comparisons("and", WORDS) | comparisons("n.1", st.integers(-9, 9))


def branches(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return parts.map(AllOf) | parts.map(AnyOf)


CONDITIONS = st.recursive(LEAVES, branches, max_leaves=8)


@given(CONDITIONS)
def test_a_condition_that_is_written_down_is_read_again(condition: Condition) -> None:
    text = written(condition)
    if len(text) <= 4_000:
        assert read_query(text, FIELDS, "--where") == condition


@given(st.text(max_size=60) | st.text(alphabet="wordn1 and=!<>();,'\"\\*", max_size=60))
def test_any_text_is_a_condition_or_one_line_of_what_is_wrong(text: str) -> None:
    told = ""
    try:
        read_query(text, {"word": WORD}, "--where")
    except InputError as error:
        told = str(error)
    assert not told or (told.startswith("--where: ") and "\n" not in told)


A, B, C = (FieldTest("word", Operator.EQUAL, (each,)) for each in "abc")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("word==a;word==b,word==c", AnyOf((AllOf((A, B)), C))),
        ("word==a,word==b;word==c", AnyOf((A, AllOf((B, C))))),
        ("(word==a,word==b);word==c", AllOf((AnyOf((A, B)), C))),
        ("word==a and word==b or word==c", AnyOf((AllOf((A, B)), C))),
        ("word==a AND(word==b OR word==c)", AllOf((A, AnyOf((B, C))))),
        (" ( ( word == a ) ) ", A),
        ("and==or", FieldTest("and", Operator.EQUAL, ("or",))),
        ("n.1=ge=-5", FieldTest("n.1", Operator.AT_LEAST, (-5,))),
        (
            "n.1=lt=5;n.1=le=5;n.1=gt=5",
            AllOf(
                tuple(
                    FieldTest("n.1", each, (5,))
                    for each in (Operator.LESS, Operator.AT_MOST, Operator.GREATER)
                )
            ),
        ),
        ('word=in=(a, \'b c\', "d\\"")', FieldTest("word", Operator.IN, ("a", "b c", 'd"'))),
        ("word=out=a", FieldTest("word", Operator.OUT, ("a",))),
        ("word==2020-07-03T23:01+02:00", FieldTest("word", Operator.EQUAL, ("2020-07-03T23:01+02:00",))),
        ("word!=unknown", FieldTest("word", Operator.UNEQUAL, (None,))),
    ],
)
def test_a_text_means(text: str, meant: Condition) -> None:
    assert read_query(text, FIELDS, "--where") == meant


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "--where: empty, which chooses nobody; allowed: a query, such as supply==off"),
        (
            "suply==off",
            '--where: no field "suply"; near: supply; allowed: area, balance, category, clock, code, ',
        ),
        ("supply==of", '--where: supply: "of"; did you mean off? allowed: on, off, armed, limited'),
        ("supply<off", '--where: supply: "<"; allowed: == != =in= =out='),
        ("supply=off", '--where: character 7: "=off"; allowed: one of == != < <= > >= =in= =out='),
        ("supply==", "--where: character 9: the end; allowed: (, a value"),
        ("supply==off;", "--where: character 13: the end; allowed: (, a field's name"),
        ("supply==off clock", "--where: character 13: \"clock\"; allowed: ',' (or), ';' (and), the end"),
        ("(supply==off", "--where: character 13: the end; allowed: )"),
        ("supply==(on,off)", "--where: supply==: 2 values; allowed: one, or =in= and =out= with several"),
        ("heard>2", '--where: heard: "2"; allowed: a time such as 90s, 5min, 2h or 3d'),
        ("heard>unknown", "--where: heard: > unknown; allowed: == and != with unknown"),
        ("balance<1,50", '--where: character 11: "50"; allowed: (, a field\'s name'),
        (
            "balance<abc",
            '--where: balance: "abc"; allowed: an amount in euro such as 12.34, at most 6 decimals',
        ),
        (
            "next_possible<2020-07-03T23:01",
            '--where: next_possible: "2020-07-03T23:01"; allowed: a date and time',
        ),
        ("online==yes", '--where: online: "yes"; allowed: true, false'),
        ("id==" + "m" * 4_000, "--where: 4004 characters; allowed: at most 4000"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(InputError) as wrong:
        read_query(text, METER_FIELDS, "--where")
    assert str(wrong.value).startswith(told)
