"""Where a table or key stands: the line that a person is sent to is the line that they wrote."""

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.forms.places import Places
from emulator.forms.problems import joined
from protocols.errors import InputError
from tests.emulator.scenario.scenario_texts import HEAD, METERS, event, read
from tests.emulator.scenario.test_form import DO_TABLE

ODD = '''# a comment [with] brackets
top = 1
"a.b" = """
[[events]]
do = "no" """

[[events]] # "the first
at = [ # an array
  1, "]", # with ] inside
]
do = 'x = 1'
[events.inner]
a.b = { c = "}" }

[[events]]
do = \'\'\'
[scenario]\'\'\'
  [ scenario . "two words" ]
  name = "\\"#"
[[events.more]]
x = 1
[[events.more]]
x = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("top", 2),
        ('"a.b"', 3),
        ("events[0]", 7),
        ("events[0].at", 8),
        ("events[0].at[1]", 8),
        ("events[0].do", 11),
        ("events[0].inner", 12),
        ("events[0].inner.a.b", 13),
        ("events[0].inner.a.b.c", 13),
        ("events[1]", 15),
        ("events[1].do", 16),
        ("events[1].source", 15),
        ('scenario."two words".name', 19),
        ("events[1].more[0].x", 21),
        ("events[1].more[1].x", 23),
        ("events", None),
        ("meters[0].id", None),
        ("", None),
    ],
)
def test_each_path_has_its_line(path: str, line: int | None) -> None:
    assert tomllib.loads(ODD)
    assert Places(ODD).line(path) == line


KEYS = st.sampled_from(["id", "at", "a b", "x-y", "é", "", "do.it", '"'])
VALUES = st.sampled_from(
    [
        "1",
        '"a # b"',
        "'[x]'",
        '"""\n[[t]]\nid = 1"""',
        "'''\n\"\"\"'''",
        '""""two""quotes"""""',
        "[\n1,\n# ]\n2]",
        "{}",
    ]
)


@given(st.lists(st.tuples(st.booleans(), st.dictionaries(KEYS, VALUES, max_size=4)), max_size=5))
@example([(True, {"": '"""\n[[t]]\nid = 1"""'}), (True, {"id": "1"})])
def test_every_key_that_was_written_is_found_in_its_line(tables: list[tuple[bool, dict[str, str]]]) -> None:
    """Tables as they are written, one after the other, with the line of each key counted meanwhile."""
    text, found, wanted = "", 0, {}
    for number, (commented, keys) in enumerate(tables):
        text += "# [[t]] id = 1\n\n" if commented else ""
        wanted[f"t[{number}]"] = text.count("\n") + 1
        text += "[[t]]\n"
        for key, value in keys.items():
            quoted = '"' + key.replace('"', '\\"') + '"'
            wanted[joined(f"t[{number}]", key)] = text.count("\n") + 1
            text += f"{quoted} = {value}\n"
            found += 1
    assert sum(len(table) for table in tomllib.loads(text).get("t", [])) == found
    places = Places(text)
    assert {path: places.line(path) for path in wanted} == wanted


@pytest.mark.parametrize(("arguments", "key"), [(text, name) for text, name in DO_TABLE if "id = " in text])
def test_a_problem_names_the_line_of_its_key(arguments: str, key: object) -> None:
    assert key
    wrong = arguments.replace('id = "', 'id = "?', 1)
    text = HEAD + METERS + event(wrong)
    (line,) = [number for number, each in enumerate(text.splitlines(), start=1) if each.startswith('id = "?')]
    with pytest.raises(InputError, match=rf"night.toml: line {line}: events\[0\]\.id: "):
        read(text)


@given(st.text(max_size=60))
def test_any_text_is_searched_to_its_end(text: str) -> None:
    Places(text).line("a")
