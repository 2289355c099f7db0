"""Which card of a meter took the place of a lost one, as far as this kiosk has made it.

A later pairing epoch that is only read from some card does not count: whoever has the kiosks' keys could make
a card that says so, and no true card of that meter would be served any more.
"""

from typing import Final

from sqlmodel import Session, col, select

from cardreader.explaining.call_code import call_code
from cardreader.explaining.explanation import CardKind
from cardreader.explaining.rules import explain_unserved
from cardreader.explaining.telling import spaced
from cardreader.files.identity import CardIdentity, Pairing
from cardreader.kiosk.store import note_mark, noted_mark
from cardreader.kiosk.tables import CardSeenRow
from protocols.errors import RefusedError

_NUMBER: Final = spaced(call_code(explain_unserved(CardKind.REPLACED)))


class SupersededCardError(RefusedError):
    """A card in whose place another one was made here. `latest`: the pairing epoch of that one."""

    def __init__(self, pairing: Pairing, latest: int) -> None:
        super().__init__(
            f"this card of meter {pairing.meter} was replaced: it is of pairing epoch {pairing.epoch}, and "
            f"the present one of {latest}; use that one, or replace it too (number for the call centre: "
            f"{_NUMBER})"
        )
        self.latest = latest


def note_replaced(session: Session, meter: str, epoch: int) -> None:
    """A card of this pairing epoch was made here: every earlier one of the meter is void from now on."""
    note_mark(session, _mark(meter), max(epoch, latest_made(session, meter)))


def note_made(session: Session, identity: CardIdentity, pairing: Pairing, now_ms: int) -> None:
    """A card was made here, so it was here: who begins the act again finds it, at whichever step it ended.

    Every earlier card of its meter is void from now on.
    """
    serial = identity.serial.hex()
    row = session.get(CardSeenRow, serial) or CardSeenRow(serial=serial, meter="", chain=0)
    row.meter, row.pairing, row.reference = pairing.meter, pairing.epoch, pairing.reference
    row.energy, row.seen_ms = identity.energy, now_ms
    session.add(row)
    note_replaced(session, pairing.meter, pairing.epoch)


def latest_made(session: Session, meter: str) -> int:
    """The pairing epoch of the last card of a meter that was made here; 0: none was."""
    return noted_mark(session, _mark(meter)) or 0


def speaks_on_a_later_card(session: Session, pairing: Pairing) -> bool:
    """Whether the meter has answered on a later card of its own, so that it asks nothing by this one.

    That holds of cards alone in whose place another one was made here: see above.
    """
    if pairing.epoch >= latest_made(session, pairing.meter):
        return False
    later = select(CardSeenRow.serial).where(
        CardSeenRow.meter == pairing.meter,
        col(CardSeenRow.pairing) > pairing.epoch,
        CardSeenRow.words != "",
    )
    return session.exec(later.limit(1)).first() is not None


def _mark(meter: str) -> str:
    return f"replaced/{meter}"
