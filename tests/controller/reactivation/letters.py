"""A letter in each language, as `send` writes it into the drop folder."""

from controller.reactivation.drop_folder import letter_as_html
from protocols.cutting.zones import load_zone
from protocols.instants import ms_from_iso
from protocols.languages.catalogue import Sentences
from protocols.languages.reactivation import Reminder, write_letter
from protocols.reasons import Energy, Language
from tests.controller.households.households import ean

ADDRESS = "Anna Peeters\nRue de Fer 12\n5000 Namur"
DATED_MS = ms_from_iso("2020-06-30T10:00+02:00")


def letter_html(language: Language) -> str:
    """A letter to a household that has put its card into the meter, and no more."""
    told = Reminder(
        name="Anna Peeters",
        ean=ean(1),
        energy=Energy.ELECTRICITY,
        deadline_ms=ms_from_iso("2020-07-03T23:01+02:00"),
        steps_done=1,
        remote=False,
        balance_ueur=12_340_000,
        balance_at_ms=DATED_MS,
        sender="Network operator",
        phone="078 78 78 00",
    )
    letter = write_letter(Sentences(language), told, load_zone("Europe/Brussels"), DATED_MS)
    return letter_as_html(letter, ADDRESS)
