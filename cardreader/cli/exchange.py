"""`relance-kiosk exchange`: what a card and the line have for each other, without a payment."""

import secrets
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from sqlalchemy import Engine

from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.cli.options import Json, Reader
from cardreader.host.transport import CardChannel
from cardreader.kiosk.exchange import CardExchanged, KioskNow, exchange, open_with_kiosk_keys, renew_card_keys
from cardreader.kiosk.home import KioskHome, open_home
from cardreader.kiosk.store import documents_for, open_kiosk_store, reading_kiosk, writing_kiosk
from cardreader.readers.opening import open_card
from protocols.rim.clocks import boot_id, now_ms, tick_ms
from protocols.rim.terminal import Exit


def exchange_with_card(
    reader: Reader,
    home: Annotated[Path, typer.Option("--home", metavar="DIR", help="The kiosk's home.")],
    *,
    meter: Annotated[
        str, typer.Option(metavar="METER", help="Whose card it is, where it needs new keys first.")
    ] = "",
    as_json: Json = False,
) -> int:
    """Take from a card what its meter has said, and put onto it what waits for that meter.

    It goes to the controller over the line, which may be away now. Repeat it as often as you like.
    """
    found = open_home(home.expanduser().absolute())
    store = open_kiosk_store(found.store)
    try:
        with open_card(reader) as card:
            done = _exchange(card, store, found, meter)
    finally:
        store.dispose()
    if as_json:
        fields = {
            "meter": done.meter,
            "card": done.card,
            "said": done.said,
            "written": done.written,
            "left_out": [each.why for each in done.left_out],
            "times_held": done.times_held,
        }
        sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
    else:
        sys.stdout.write(_text(done))
    return Exit.DONE


def _exchange(card: CardChannel, store: Engine, home: KioskHome, meter: str) -> CardExchanged:
    with reading_kiosk(store) as session:
        letters = [row.envelope for row in documents_for(session, meter) if row.object == "letter"]
    if letters:
        renew_card_keys(card, letters)
    host = open_with_kiosk_keys(card, home, secrets.token_bytes(CHALLENGE_BYTES))
    now = KioskNow(now_ms(), tick_ms(), boot_id())
    with writing_kiosk(store) as session:
        return exchange(session, host, home, now, lambda _document: False)


def _text(done: CardExchanged) -> str:
    lines = [f"card {done.card} of meter {done.meter}: {done.written} documents written"]
    lines.append(
        "  what the meter has said goes to the controller" if done.said else "  no news of the meter"
    )
    if done.times_held:
        lines.append("  no time is written: this kiosk doubts its clock")
    lines += [f"  a document does not fit: {each.why}" for each in done.left_out]
    return "\n".join(lines) + "\n"
