"""Every catalogue is whole: nothing missing, fuzzy, unused or unlike, and compiled as it is committed."""

import io
from pathlib import Path
from string import Formatter

import pytest
from babel.messages import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from protocols.errors import InputError
from protocols.languages import catalogue
from protocols.languages.catalogue import Sentences
from protocols.reasons import Language
from tools.catalogues import files, read, said

FILES = files()
SAID = {message.id for message in said() if message.id}


def placeholders(text: str) -> list[str]:
    """The names in braces, sorted; each as often as it is there."""
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def faults(found: Catalog, wanted: set[object]) -> list[str]:
    """All that is wrong with a catalogue."""
    named = {message.id for message in found if message.id}
    wrong = [f"not translated anywhere: {each}" for each in wanted - named]
    wrong += [f"not said any more: {each}" for each in named - wanted]
    wrong += [f"kept though obsolete: {each}" for each in found.obsolete]
    for message in found:
        if not message.id:
            continue
        if message.fuzzy:
            wrong.append(f"fuzzy: {message.id}")
        if not message.string:
            wrong.append(f"missing: {message.id}")
        elif placeholders(str(message.string)) != placeholders(str(message.id)):
            wrong.append(f"other placeholders: {message.id}")
    return wrong


def test_there_is_a_catalogue_for_each_language_but_english() -> None:
    assert {file.parts[-3] for file in FILES} == set(Language) - {Language.ENGLISH}
    assert len(SAID) > 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parts[-3])
def test_a_catalogue_is_whole(file: Path) -> None:
    assert faults(read(file), set(SAID)) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('msgid "Hello {name}"\nmsgstr ""', "missing: Hello {name}"),
        ('#, fuzzy\nmsgid "Hello {name}"\nmsgstr "Bonjour {name}"', "fuzzy: Hello {name}"),
        ('msgid "Hello {name}"\nmsgstr "Bonjour {nom}"', "other placeholders: Hello {name}"),
        ('msgid "Bye"\nmsgstr "Adieu"', "not said any more: Bye"),
        ('#~ msgid "Bye"\n#~ msgstr "Adieu"', "kept though obsolete: Bye"),
    ],
)
def test_each_fault_of_a_catalogue_is_seen(entry: str, fault: str) -> None:
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    found = read_po(io.BytesIO(f"{head}{entry}\n".encode()))
    assert fault in faults(found, {"Hello {name}"})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parts[-3])
def test_what_is_compiled_is_what_is_committed(file: Path) -> None:
    with file.with_suffix(".mo").open("rb") as compiled:
        translated = {message.id: message.string for message in read_mo(compiled) if message.id}
    committed = {message.id: message.string for message in read(file) if message.id}
    assert translated == committed, "run `make languages`"


def test_a_sentence_is_said_in_each_language_and_values_are_never_read_as_a_form() -> None:
    found = {each: Sentences(each).say("Dear {name},", name="{moment} ü") for each in Language}
    assert found == {
        Language.FRENCH: "Bonjour {moment} ü,",
        Language.DUTCH: "Beste {moment} ü,",
        Language.GERMAN: "Guten Tag {moment} ü,",
        Language.ENGLISH: "Dear {moment} ü,",
    }


def test_a_catalogue_that_nobody_compiled_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda _package: tmp_path)
    with pytest.raises(InputError, match="language fr: its catalogue is not compiled; `make setup`"):
        catalogue._translations.__wrapped__(Language.FRENCH)
