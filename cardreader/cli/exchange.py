"""`relance-kiosk exchange`: what a card and the line have for each other, without a payment."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from cardreader.cli.desk import kiosk_at_work, kiosk_now_ms, receive
from cardreader.cli.interrupts import saying_at_ctrl_c
from cardreader.cli.options import PRACTICE_SEED, Json, Reader
from cardreader.kiosk.stating import bring
from cardreader.readers.opening import open_card
from protocols.rim.terminal import Exit

_STOPPED: Final = "stopped: what the card has said is kept as far as it was read; the same command goes on"


def exchange_with_card(
    reader: Reader,
    home: Annotated[Path, typer.Option("--home", metavar="DIR", help="The kiosk's home.")],
    *,
    as_json: Json = False,
) -> int:
    """Take from a card what its meter has said, and put onto it what waits for that meter.

    Every other command with --home does so too. It goes to the controller over the line, which may be away
    now. Repeat it as often as you like.
    """
    with (
        saying_at_ctrl_c(_STOPPED),
        kiosk_at_work(home, PRACTICE_SEED, 1) as kiosk,
        open_card(reader) as channel,
    ):
        card = receive(kiosk, channel)
        done = bring(kiosk, card, kiosk_now_ms(kiosk))
    fields: dict[str, Any] = {
        "meter": card.meter,
        "card": card.serial,
        "said": card.is_news,
        "written": done.written,
        "left_out": [each.why for each in done.left_out],
        "times_held": done.times_held,
    }
    sys.stdout.write(msgspec.json.encode(fields).decode() + "\n" if as_json else _text(fields))
    return Exit.DONE


def _text(told: dict[str, Any]) -> str:
    lines = [f"card {told['card']} of meter {told['meter']}: {told['written']} documents written"]
    lines.append(
        "  what the meter has said goes to the controller" if told["said"] else "  no news of the meter"
    )
    if told["times_held"]:
        lines.append("  no time is written: this kiosk doubts its clock")
    lines += [f"  a document does not fit: {why}" for why in told["left_out"]]
    return "\n".join(lines) + "\n"
