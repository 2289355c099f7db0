"""Compiles the catalogues of languages whenever the project is built: into a wheel, and by `make setup`.

All else about the project stands in pyproject.toml.
"""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools import setup
from setuptools.command.build_py import build_py

_LOCALES = Path(__file__).parent / "protocols" / "languages" / "locale"


class CompilingBuild(build_py):
    """Builds the packages, with a `.mo` beside each `.po`."""

    def run(self) -> None:
        for source in _LOCALES.glob("*/LC_MESSAGES/*.po"):
            with source.open("rb") as text:
                catalogue = read_po(text, locale=source.parts[-3], abort_invalid=True)
            with source.with_suffix(".mo").open("wb") as compiled:
                write_mo(compiled, catalogue)
        super().run()


setup(cmdclass={"build_py": CompilingBuild})
