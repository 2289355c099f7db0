"""The drop folder: text messages and letters as files, for those who send and print them.

A file appears whole or not at all, under the name of its reminder: the same one never has two.
"""

import os
from functools import cache
from pathlib import Path
from typing import Final

import jinja2
import msgspec

from controller.reactivation.rules import NIGHT_FROM_HOUR, NIGHT_UNTIL_HOUR
from protocols.errors import InputError
from protocols.instants import iso_from_ms
from protocols.languages.reactivation import Letter

SMS: Final = "sms"
LETTERS: Final = "letters"
PDF_MISSING: Final = (
    "letters are HTML only: PDF needs weasyprint, the extra `relance[pdf]`, and Debian's pango"
)


def write_sms_file(
    folder: Path, name: str, *, to: str, language: str, text: str, zone: str, deadline_ms: int
) -> None:
    """A text message as JSON, with what its sender must keep: not by night, and not after the deadline."""
    told = {
        "id": name,
        "to": to,
        "language": language,
        "text": text,
        "not_after": iso_from_ms(deadline_ms),
        "not_between": [f"{NIGHT_FROM_HOUR:02}:00", f"{NIGHT_UNTIL_HOUR:02}:00"],
        "zone": zone,
    }
    _put(folder / SMS, f"{name}.json", msgspec.json.format(msgspec.json.encode(told)) + b"\n")


def write_letter_file(folder: Path, name: str, letter: Letter, address: str, *, pdf: bool) -> None:
    """A letter as HTML, with the address where the window is; and as PDF, where that is possible."""
    html = letter_as_html(letter, address)
    if pdf and (printed := letter_as_pdf(html)) is not None:
        _put(folder / LETTERS, f"{name}.pdf", printed)
    # Last: whoever finds the HTML finds the PDF too.
    _put(folder / LETTERS, f"{name}.html", html.encode())


def letter_as_html(letter: Letter, address: str) -> str:
    """A letter as a page of its own."""
    return _template().render(letter=letter, address=address)


def is_there(folder: Path, name: str) -> bool:
    """Whether the file of a reminder lies in the folder."""
    return (folder / SMS / f"{name}.json").exists() or (folder / LETTERS / f"{name}.html").exists()


def pdf_is_possible() -> bool:
    """Whether weasyprint and the libraries that it needs are there."""
    try:
        import weasyprint  # noqa: F401, PLC0415 # an extra, and slow to load
    except (ImportError, OSError):
        return False
    return True


def letter_as_pdf(html: str) -> bytes | None:
    """The page as PDF/UA-1; None where weasyprint is not there."""
    if not pdf_is_possible():
        return None
    from weasyprint import HTML  # noqa: PLC0415 # as above

    # Readable for those who do not see: tagged, with its language (ISO 14289-1).
    printed = HTML(string=html).write_pdf(pdf_variant="pdf/ua-1")
    assert isinstance(printed, bytes), type(printed)
    return printed


@cache
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("controller.reactivation", "")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("letter.html.j2")


def _put(folder: Path, name: str, data: bytes) -> None:
    """Write a file whole, on the disk, before its name appears."""
    part = folder / f".{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / name)
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror}") from None
