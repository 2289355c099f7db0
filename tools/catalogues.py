"""Takes the sentences of the code into each catalogue, and compiles them: `python -m tools.catalogues`.

A new sentence comes in without a translation, and a changed one as a new one: nothing is guessed, so nothing
is ever fuzzy. One that the code does not say any more goes out. Tests refuse a catalogue that is not whole.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).parents[1]
LOCALES: Final = ROOT / "protocols" / "languages" / "locale"
# Where sentences for households may stand, how each kind of file is read, and the function that says one.
_SAID_IN: Final = (
    ("protocols/languages", ("**.py", "python")),
    ("cardreader/receipts", ("**.py", "python")),
    ("cardreader/screen", ("**.py", "python")),
    ("cardreader/screen/templates", ("**.html", "jinja2.ext:babel_extract")),
)
_KEYWORDS: Final = {"say": None}
# gettext's own head of a catalogue, without the dates and names of people that change at every run.
_HEAD: Final = """\
msgid ""
msgstr ""
"Project-Id-Version: relance\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


def files() -> list[Path]:
    """The catalogues, sorted by language."""
    return sorted(LOCALES.glob("*/LC_MESSAGES/*.po"))


def read(file: Path) -> Catalog:
    """A catalogue as it is committed."""
    with file.open("rb") as text:
        return read_po(text, locale=file.parts[-3], abort_invalid=True)


def said() -> Catalog:
    """Every sentence that the code says, with the file it stands in."""
    found = Catalog(project="relance", charset="utf-8")
    for path, line, message, comments, context in _extracted():
        found.add(message, None, [(path, line)], (), comments, context=context)
    return found


def _extracted() -> Iterator[tuple[str, int, str | tuple[str, ...], list[str], str | None]]:
    for folder, method in _SAID_IN:
        found = extract_from_dir(ROOT / folder, [method], keywords=_KEYWORDS)
        for path, line, message, comments, context in found:
            yield f"{folder}/{path}", line, message, comments, context


def renew() -> None:
    """Bring every catalogue up to what the code says, and compile it."""
    for file in files():
        catalogue = read(file)
        catalogue.update(said(), no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        entries = io.BytesIO()
        write_po(entries, catalogue, width=100, omit_header=True, include_lineno=False)
        head = _HEAD.format(language=file.parts[-3])
        file.write_text(f"{head}\n{entries.getvalue().decode().strip()}\n", "utf-8")
        with file.with_suffix(".mo").open("wb") as compiled:
            write_mo(compiled, catalogue)


if __name__ == "__main__":
    renew()
