"""Which words of a batch belong to the present lives of those who say them (design §5)."""

from collections.abc import Iterable
from typing import Final

from sqlmodel import Session

from controller.database.tables import LinkRow
from controller.meters.lives import begin_link_life, begin_meter_lives, closed_lives
from controller.meters.registry import NOT_HEARD, KnownMeter, LinkState
from protocols.link.messages import MeterEvent, MeterHolds, Reading, Receipt, Reported, Status

MeterWord = MeterHolds | Reading | Receipt | Reported | MeterEvent
# These say that they were made now: they may echo the nonce of the controller's birth.
_ECHOING: Final = (MeterHolds, Reported)


def present_lives(
    session: Session, known: dict[str, KnownMeter], words: Iterable[MeterWord], nonce: str
) -> dict[str, int]:
    """The life of each meter that said one of these words; begins a new one where a word proves it.

    A meter that the store does not know has no life that a recording could end: its first word counts.
    """
    lives = {name: meter.epoch for name, meter in known.items()}
    strange = [word for word in words if lives.setdefault(word.meter, word.epoch) != word.epoch]
    if not strange:
        return lives
    closed = closed_lives(session, {f"meter/{word.meter}" for word in strange})
    begun: dict[str, tuple[int, int]] = {}
    for word in strange:
        proves = isinstance(word, _ECHOING) and nonce != "" and word.echo == nonce
        # A meter that a person admitted has no life yet that a recording could end.
        proves = proves or (lives[word.meter] == NOT_HEARD and word.meter not in begun)
        if proves and word.meter in known and (f"meter/{word.meter}", word.epoch) not in closed:
            begun[word.meter] = (known[word.meter].epoch, word.epoch)
            closed.add((f"meter/{word.meter}", known[word.meter].epoch))
    begin_meter_lives(session, begun)
    return lives | {meter: now for meter, (_, now) in begun.items()}


def is_present_birth(session: Session, status: Status, nonce: str) -> bool:
    """Whether a link's authentic status is of its present life; begins a new one where it proves that."""
    row = session.get(LinkRow, status.link)
    if row is None or row.state == LinkState.UNVERIFIED or row.epoch == status.epoch:
        return True
    if not nonce or status.echo != nonce:
        return False
    if (f"link/{status.link}", status.epoch) in closed_lives(session, [f"link/{status.link}"]):
        return False
    begin_link_life(session, status.link, row.epoch, status.epoch)
    session.refresh(row)
    return True
