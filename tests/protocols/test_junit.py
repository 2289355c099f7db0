"""Every text can stand in JUnit's XML, and what XML cannot hold is written out."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.junit import HEAD, TAIL, CaseEnd, JunitCase, JunitSuite, suite_xml, visible


def parsed(*cases: JunitCase, **fields: str) -> ET.Element:
    suite = JunitSuite("suite", cases, properties=tuple(fields.items()))
    return ET.fromstring(HEAD + suite_xml(suite) + TAIL)[0]  # noqa: S314 # our own


WRITTEN_OUT = [
    ("\x00\x02ETX\x03", r"\x00\x02ETX\x03"),
    ("tab\t and\nline\r\n", "tab\t and\nline\r\n"),
    ("\x7f\x85", "\x7f\x85"),
    ("\ud800", r"\ud800"),
    ("\ufffe\uffff", r"\ufffe\uffff"),
    ("é € \U0001f4a1", "é € \U0001f4a1"),
]


@pytest.mark.parametrize(("text", "shown"), WRITTEN_OUT)
def test_what_xml_cannot_hold_is_written_out_and_nothing_else(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_any_text_is_read_as_it_is_shown_wherever_it_stands(text: str) -> None:
    case = JunitCase(text, text, CaseEnd.ERROR, text, text, 1_020, (("p", text),), "x" + text)
    (properties, error, output) = (read := parsed(case, p=text))[1]
    shown = visible(text)
    assert (read[1].attrib["name"], read[1].attrib["classname"]) == (shown, shown)
    assert read[1].attrib["time"] == "1.020"
    assert (properties[0].attrib["value"], read[0][0].attrib["value"]) == (shown, shown)
    assert (error.attrib["message"], error.text or "") == (shown, shown)
    assert output.text == "x" + shown
    assert read.attrib["errors"] == "1"
