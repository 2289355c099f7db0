"""Which card of a meter took the place of a lost one, as far as this kiosk has made it.

A later pairing epoch that is only read from some card does not count: whoever has the kiosks' keys could make
a card that says so, and no true card of that meter would be served any more.
"""

from sqlmodel import Session

from cardreader.files.identity import Pairing
from cardreader.kiosk.store import note_mark, noted_mark
from protocols.errors import RefusedError


def note_replaced(session: Session, meter: str, epoch: int) -> None:
    """A card of this pairing epoch was made here: every earlier one of the meter is void from now on."""
    note_mark(session, _mark(meter), max(epoch, noted_mark(session, _mark(meter)) or 0))


def check_not_replaced(session: Session, pairing: Pairing) -> None:
    """Raises RefusedError for a card in whose place another one was made here."""
    latest = noted_mark(session, _mark(pairing.meter)) or 0
    if pairing.epoch < latest:
        raise RefusedError(
            f"this card of meter {pairing.meter} was replaced: it is of pairing epoch {pairing.epoch}, "
            f"and the present one of {latest}"
        )


def _mark(meter: str) -> str:
    return f"replaced/{meter}"
