"""A kept receipt in words, with what became of its payment since it was made."""

from sqlmodel import Session

from cardreader.kiosk.kept_receipts import facts_of, undone_as
from cardreader.kiosk.tables import ReceiptRow
from cardreader.receipts.slip import Slip, slip_of
from protocols.languages.catalogue import Sentences
from protocols.reasons import Language


def kept_slip(session: Session, row: ReceiptRow, language: Language | None, *, is_copy: bool) -> Slip:
    """The receipt of this row. `language` None: that of its shift. Raises DocumentError as `facts_of`."""
    facts = facts_of(row)
    assert row.number is not None
    sentences = Sentences(language or facts.language)
    return slip_of(facts, row.number, sentences, is_copy=is_copy, undone=undone_as(session, facts))
