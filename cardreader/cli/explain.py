"""`relance-kiosk explain`: what a number for the call centre says, for whoever hears it on the telephone."""

import sys
from typing import Annotated

import msgspec
import typer

from cardreader.cli.options import Json
from cardreader.explaining.call_code import read_call_code
from cardreader.explaining.trouble_code import read_trouble_number
from protocols.languages.catalogue import Sentences
from protocols.languages.kiosk_troubles import trouble_text
from protocols.reasons import Language
from protocols.rim.terminal import Exit


def explain_number(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Six digits; spaces do not count.")],
    *,
    as_json: Json = False,
) -> int:
    """Say what a number for the call centre means.

    A household reads it from its ticket or from the screen. The last digit checks the others.
    """
    trouble = read_trouble_number(number)
    if trouble is not None:
        name, said = trouble.name.lower(), trouble_text(Sentences(Language.ENGLISH), trouble)
        told = {"trouble": name, "text": said}
        sys.stdout.write(
            msgspec.json.encode(told).decode() + "\n" if as_json else f"{name.replace('_', ' ')}: {said}\n"
        )
        return Exit.DONE
    facts = {name: value or "not said" for name, value in read_call_code(number)._asdict().items()}
    lines = "".join(f"{name}: {str(value).replace('_', ' ')}\n" for name, value in facts.items())
    sys.stdout.write(msgspec.json.encode(facts).decode() + "\n" if as_json else lines)
    return Exit.DONE
