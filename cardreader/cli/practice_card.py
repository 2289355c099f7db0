"""`relance-kiosk card practice`: a card that says what a household comes with, to learn the desk by."""

import sys
from typing import Annotated

import msgspec
import typer

from cardreader.cli.households_card import CardWish
from cardreader.cli.issue import CardIssuer, issue_card
from cardreader.cli.opening import open_session
from cardreader.cli.options import PRACTICE_SEED, Json, Practice, office_key, warn_of_practice
from cardreader.files.access import KeyHolder
from cardreader.files.layout import LOG
from cardreader.files.visits import Deed, Visit
from cardreader.issuing.practice_stories import PracticeStory, energy_of, words_of
from cardreader.readers.opening import open_card, virtual_file
from protocols.arguments import check_choice
from protocols.errors import InputError
from protocols.link.keys import meter_key
from protocols.rim.clocks import checked_now_ms
from protocols.rim.terminal import Exit

_GENERATION = 1
_PAIRING = 1


def make_practice_card(
    card: Annotated[str, typer.Argument(metavar="virtual:FILE", help="The new file.")],
    story: Annotated[
        str, typer.Option(help="code-8, cut, planned-cut, gas, credit or clock: what its meter has said.")
    ],
    meter: Annotated[str, typer.Option(metavar="METER", help="The meter that it is for.")] = "m1",
    reference: Annotated[str, typer.Option(metavar="DIGITS", help="The customer's 13 digits.")] = "",
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Make a virtual card on which a meter for practice has told a story, so that each can be explained.

    The keys are those of practice: no real meter and no real kiosk opens it. Ends with 2 where the file is
    there already.
    """
    check_choice(story, list(PracticeStory), "--story")
    path, office, chosen = virtual_file(card, "CARD"), office_key(None, practice), PracticeStory(story)
    if path is None or path.exists():
        raise InputError(f"CARD: {card} is a card already; allowed: virtual:FILE, a new file")
    warn_of_practice(office, "`issue --fleet-key FILE` makes a real one")
    wish = CardWish(meter, energy_of(chosen), reference, _PAIRING)
    done = issue_card(card, wish, CardIssuer(office, _GENERATION, "office"), None)
    serial, now_ms = bytes.fromhex(str(done["card"])), checked_now_ms()
    with open_card(card, "CARD") as channel:
        session = open_session(channel, KeyHolder.METER, None, office)
        key = meter_key(office.key, meter)
        for file, content in words_of(chosen, serial, _PAIRING, meter, key, now_ms).items():
            session.write(file, content)
        session.append(LOG, Visit(KeyHolder.METER, Deed.APPLIED, now_ms, meter).encode())
        session.commit()
    told = {"card": serial.hex(), "file": str(path), "meter": meter, "energy": wish.energy, "story": story}
    said = f"card {serial.hex()} ({path}) of meter {meter}: {story}; `read --reader {card}` explains it"
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else said) + "\n")
    return Exit.DONE
