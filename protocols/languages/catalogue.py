"""The catalogues of sentences: gettext's, compiled when the project is set up or built.

A sentence stands in the code in English, and that is its key. `locale/LANGUAGE/LC_MESSAGES/relance.po` has it
in another language; English needs no catalogue. `make languages` takes new sentences into all of them, and a
test refuses one that is missing, fuzzy or not used any more.
"""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from typing import Final

from protocols.errors import InputError
from protocols.reasons import Language

_DOMAIN: Final = "relance"


def say(text: str) -> str:
    """Marks a sentence that stands in a table, so that the catalogues take it; `Sentences.say` says it."""
    return text


class Sentences:
    """All sentences in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._translations = _translations(language)

    def say(self, text: str, **values: str) -> str:
        """A sentence in this language; `{name}` in it becomes the value of that name, as it is."""
        return self._translations.gettext(text).format(**values)


@cache
def _translations(language: Language) -> NullTranslations:
    """The compiled catalogue. Raises InputError where nobody has compiled it."""
    if language is Language.ENGLISH:
        return NullTranslations()
    package = resources.files("protocols.languages")
    file = package.joinpath("locale", language, "LC_MESSAGES", f"{_DOMAIN}.mo")
    try:
        with file.open("rb") as compiled:
            return GNUTranslations(compiled)
    except OSError:
        raise InputError(
            f"language {language}: its catalogue is not compiled; `make setup` or `make languages` does it"
        ) from None
