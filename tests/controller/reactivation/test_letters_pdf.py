"""Letters as PDF/UA-1 (ISO 14289-1), made by weasyprint and read again by another library.

What a program can see of it: the mark, tags for all that is read, language, title, fonts inside, sequence.
veraPDF, the reference checker, is a Java program that Debian does not have, and was not run.
"""

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import IndirectObject

from controller.reactivation.drop_folder import letter_as_pdf
from protocols.reasons import Language
from tests.controller.reactivation.letters import letter_html

MOMENTS = {
    Language.FRENCH: "vendredi 3 juillet 2020 à 23h01",
    Language.DUTCH: "vrijdag 3 juli 2020 om 23.01 uur",
    Language.GERMAN: "Freitag, 3. Juli 2020, um 23:01 Uhr",
    Language.ENGLISH: "Friday 3 July 2020 at 23:01",
}
LANGUAGES = pytest.mark.parametrize("language", list(Language))


@cache
def printed(language: Language) -> PdfReader:
    made = letter_as_pdf(letter_html(language))
    assert made is not None, "weasyprint or pango is missing: make test installs both"
    return PdfReader(io.BytesIO(made))


def catalogue(language: Language) -> Any:  # noqa: ANN401 # a dictionary of any objects
    return printed(language).trailer["/Root"]


def elements(node: Any) -> Iterator[Any]:  # noqa: ANN401 # as above
    """The structure below a node, in reading order."""
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, list) else [kids]:
        found = kid.get_object() if isinstance(kid, IndirectObject) else kid
        if isinstance(found, dict) and "/S" in found:
            yield found
            yield from elements(found)


@LANGUAGES
def test_it_says_what_it_is_in_which_language_and_by_which_title(language: Language) -> None:
    root = catalogue(language)
    assert root["/MarkInfo"]["/Marked"], "7.1: it is tagged"
    assert root["/Lang"] == language, "7.2: its language"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"], "7.1: the title is shown, not the file's name"
    told = root["/Metadata"].get_object().get_data().decode()
    assert 'pdfuaid:part="1"' in told, "5: it says that it conforms"
    title = str(printed(language).metadata.title)  # type: ignore[union-attr] # it has a title
    assert title in told, "7.1: the title stands in the metadata too"
    assert MOMENTS[language] in title


@LANGUAGES
def test_all_that_is_read_is_tagged_and_in_its_sequence(language: Language) -> None:
    tags = [str(each["/S"]) for each in elements(catalogue(language)["/StructTreeRoot"])]
    assert tags[0] == "/Document"
    assert tags.count("/H1") == 1, "7.4: one heading, of the first level"
    assert {"/P", "/L", "/LI", "/LBody"} <= set(tags), "7.6: the steps are a list"
    assert tags.count("/LI") == 2, "two steps are left of three"
    for page in printed(language).pages:
        assert str(page["/Tabs"]) == "/S", "7.18.3: the tab key follows the structure"
        content: Any = page.get_contents()
        shown = content.get_data().decode("latin-1")
        assert "TJ" in shown
        assert untagged(shown) == []


def untagged(content: str) -> list[str]:
    """Text that is shown neither inside a tag nor as an artifact (7.1)."""
    depth, found = 0, []
    for line in content.splitlines():
        words = line.split()
        if words and words[-1] in {"BDC", "BMC"}:
            depth += 1
        elif words and words[-1] == "EMC":
            depth -= 1
        elif words and words[-1] in {"Tj", "TJ"} and depth == 0:
            found.append(line)
    return found


def test_text_outside_all_tags_would_be_seen() -> None:
    assert untagged("/P <</MCID 0>> BDC\n(a) Tj\nEMC\n(b) Tj") == ["(b) Tj"]


@LANGUAGES
def test_its_fonts_are_inside_and_its_text_can_be_read_aloud(language: Language) -> None:
    for page in printed(language).pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index] # a dictionary
            made = font.get_object()
            assert "/ToUnicode" in made, "7.21.7: each sign can be told"
            (inside,) = made["/DescendantFonts"]
            described = inside.get_object()["/FontDescriptor"].get_object()
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(described), "7.21.4: embedded"
    text = " ".join(" ".join(page.extract_text() for page in printed(language).pages).split())
    for words in (MOMENTS[language], "Anna Peeters", "078 78 78 00"):
        assert words in text
