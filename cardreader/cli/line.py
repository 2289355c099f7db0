"""`relance-kiosk line`: the kiosk's line to the controller (docs/kiosk.md)."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from cardreader.kiosk.home import open_home
from cardreader.kiosk.store import open_kiosk_store
from cardreader.line.running import address_of, run_line
from protocols.rim.clocks import SystemClock
from protocols.rim.terminal import Exit


def run_kiosk_line(
    *,
    home: Annotated[Path, typer.Option("--home", metavar="DIR", help="The kiosk's home.")],
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> int:
    """Carry payments and receipts to the controller, and bring what is to go onto cards.

    It runs until Ctrl-C. Nothing is lost while the broker or the controller is away, or when this is killed:
    what the controller has not acknowledged stays in the kiosk's store, and is sent again.
    """
    found = open_home(home.expanduser().absolute())
    address = address_of(found)
    store = open_kiosk_store(found.store)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)
    sys.stdout.write(f"relance-kiosk line: {found.form.kiosk} at {address}; Ctrl-C stops it.\n")
    sys.stdout.flush()
    try:
        asyncio.run(run_line(found, store, SystemClock()))
    finally:
        store.dispose()
    return Exit.DONE
