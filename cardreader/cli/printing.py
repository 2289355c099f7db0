"""`--printer`, as several commands have it: a receipt that could not be printed is said, and stays."""

from typing import Annotated

import typer

from cardreader.kiosk.desk import Kiosk
from cardreader.receipts.printer import PrinterPlace, printer_place
from cardreader.receipts.printing import print_receipt
from protocols.errors import UnreachableError
from protocols.rim.terminal import warn

PrinterOption = Annotated[
    str | None,
    typer.Option(
        "--printer", metavar="PLACE", help="A receipt printer (ESC/POS): file:/dev/usb/lp0 or tcp:HOST:PORT."
    ),
]


def wanted_printer(text: str | None) -> PrinterPlace | None:
    """The printer of `--printer`. Raises InputError."""
    return None if text is None else printer_place(text)


def printed_or_warned(kiosk: Kiosk, number: int, place: PrinterPlace | None) -> bool | None:
    """Whether it is on paper; None where no printer was named.

    What has been paid or written stands, whatever the printer does.
    """
    if place is None:
        return None
    try:
        print_receipt(kiosk, number, place)
    except UnreachableError as error:
        again = f"relance-kiosk reprint --number {number} --printer {place.name}"
        warn([f"{error}; receipt {number} is kept: `{again}`"])
        return False
    return True
