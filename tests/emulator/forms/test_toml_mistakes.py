"""Every mistake that the parser of TOML has words for is answered with what is allowed."""

import tomllib

import pytest

from emulator.forms.toml_mistakes import allowed_instead

# One wrong text for each message that `tomllib` has.
WRONG = [
    "x = word",
    "x = 2020-13-01",
    "x = 1\nx = 2",
    "x = {a = 1, a = 2}",
    "[a]\n[a]",
    "[[a]]\n[a]",
    "x = {}\n[x.y]",
    "x = {}\nx.y = 1",
    "a.b = 1\n[a]",
    "x y",
    "x = 1 y = 2",
    "[a",
    "[[a]",
    "? = 1",
    "= 1",
    "x = [1",
    "x = {a = 1",
    'x = "',
    'x = "\\q"',
    'x = "\\ud800"',
    'x = "\\uZZZZ"',
    'x = "a\nb"',
    "# \x00",
]


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_answered_with_what_is_allowed(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert allowed_instead(str(caught.value)) != "TOML 1.0", caught.value


def test_a_message_without_words_of_ours_is_answered_too() -> None:
    assert allowed_instead("something else") == "TOML 1.0"
