"""Sealed files of a home, root and issuers: replaced whole, so that a crash leaves the old or the new."""

from pathlib import Path

from controller.office.keys import write_secret
from protocols.errors import InputError


def replace_sealed(path: Path, envelope: bytes) -> None:
    """Put a new document in the place of the file. Raises InputError where it cannot be written."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        write_secret(new, envelope)
        new.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
