"""`relance-kiosk line`: the kiosk's line to the controller (docs/kiosk.md)."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from sqlalchemy import Engine

from cardreader.cli.interrupts import saying_at_ctrl_c
from cardreader.kiosk.home import KioskHome, open_home
from cardreader.kiosk.store import claim_store, open_kiosk_store
from cardreader.line.running import address_of, run_line
from cardreader.readers.locked_file import alone
from protocols.rim.clocks import SystemClock
from protocols.rim.terminal import Exit

# Two lines would yield to each other at the broker, again and again, and take each other's answers.
_LOCK_FILE: Final = "line.lock"
_STOPPED: Final = (
    "relance-kiosk line: stopped; what the controller has not acknowledged stays here, and is sent again"
)


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
    try:
        claim_store(store, found.signer.keyid, found.store)
        with alone(found.store.with_name(_LOCK_FILE), "the line of this kiosk"), saying_at_ctrl_c(_STOPPED):
            asyncio.run(_run(found, store, f"{found.form.kiosk} at {address}"))
    finally:
        store.dispose()
    return Exit.DONE


async def _run(home: KioskHome, store: Engine, where: str) -> None:
    """The line, which says where it is once Ctrl-C ends it in order."""
    sys.stdout.write(f"relance-kiosk line: {where}; Ctrl-C stops it.\n")
    sys.stdout.flush()
    await run_line(home, store, SystemClock())
