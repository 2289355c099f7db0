"""One form of an identifier: what is read from a topic, an order, a scenario and a command line agrees."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.arguments import read_name
from protocols.documents.bodies import Id
from protocols.errors import InputError
from protocols.identifiers import is_id
from protocols.limits import ID_CHARS_MAX
from protocols.link.topics import PREFIX, place_of


def is_read_by_an_order(text: str) -> bool:
    try:
        return msgspec.convert(text, Id) == text
    except msgspec.ValidationError:
        return False


def is_read_by_a_command(text: str) -> bool:
    try:
        return read_name(text, "NAME") == text
    except InputError:
        return False


def is_read_from_a_topic(text: str) -> bool:
    return place_of(f"{PREFIX}/links/{text}/status") is not None


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("m00042", True),
        ("9", True),
        ("A.b_c-d", True),
        ("x" * ID_CHARS_MAX, True),
        ("x" * (ID_CHARS_MAX + 1), False),
        ("", False),
        (".hidden", False),
        ("-flag", False),
        ("a/b", False),
        ("a\n", False),
        ("é", False),
    ],
)
def test_an_identifier_is_letters_digits_dots_dashes_and_underscores(text: str, right: bool) -> None:
    assert is_id(text) is right


@given(st.text(st.sampled_from("aZ09._-/+#\n é"), max_size=ID_CHARS_MAX + 2))
def test_topics_orders_and_commands_agree_on_what_an_identifier_is(text: str) -> None:
    assert {is_read_by_an_order(text), is_read_by_a_command(text), is_read_from_a_topic(text)} == {
        is_id(text)
    }
