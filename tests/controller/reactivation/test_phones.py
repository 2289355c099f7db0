"""Telephone numbers: how people write them, what is stored, and which can be sent a text message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.reactivation.phones import read_phone, takes_texts

# As written; as stored, or nothing where it is refused; and whether it takes text messages.
TABLE = """
0470 12 34 56        | +32470123456    | yes
0470/12.34.56        | +32470123456    | yes
+32 470 12 34 56     | +32470123456    | yes
+32 (0)470 12 34 56  | +32470123456    | yes
0032 470 123456      | +32470123456    | yes
081 23 45 67         | +3281234567     | no
02 555 12 12         | +3225551212     | no
04 222 12 34         | +3242221234     | no
078 78 78 00         | +3278787800     | no
+33 6 12 34 56 78    | +33612345678    | yes
+352 621 123 456     | +352621123456   | yes
0470 12 34 5         |                 |
0470 12 34 567       |                 |
081 23 45 678        |                 |
470 12 34 56         |                 |
+0470 12 34 56       |                 |
+1234567890123456    |                 |
+33                  |                 |
call me              |                 |
0470 12 34 56 or so  |                 |
"""


@pytest.mark.parametrize("line", TABLE.strip().splitlines())
def test_each_number_is_stored_as_a_gateway_takes_it(line: str) -> None:
    written, stored, texts = (part.strip() for part in line.split("|"))
    if not stored:
        with pytest.raises(ValueError, match="a number such as"):
            read_phone(written)
        return
    assert read_phone(written) == stored
    assert takes_texts(stored) == (texts == "yes")


@given(st.text(max_size=30))
def test_whatever_is_written_it_is_a_number_of_e164_or_is_refused(written: str) -> None:
    try:
        found = read_phone(written)
    except ValueError:
        return
    assert found[0] == "+"
    assert found[1:].isdecimal()
    assert found[1:].isascii()
    assert 7 <= len(found[1:]) <= 15
    assert read_phone(found) == found
