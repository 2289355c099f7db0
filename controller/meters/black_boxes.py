"""Which entries of each meter's black box the store has, in the meter's present life (design §5).

An event says which number its predecessor has, so that the store knows what is missing: no entry between the
two concerns the controller. A report says which numbers the meter still holds: what is missing below them is
lost for good, and is named as lost. What a firmware of before has told is taken as all there was.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Struct
from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, func, select

from controller.database.bulk import Value, in_batches, upsert
from controller.database.damage import read_column
from controller.database.tables import BlackBoxRow, EventRow, LinkRow, MeterRow
from controller.meters.registry import LinkState
from controller.meters.retired import in_fleet
from protocols.link.messages import MeterEvent
from protocols.link.numbers import SPANS_MAX, Numbers, Span, joined, without_below

_COLUMNS: Final = ("meter", "epoch", "upto", "beyond", "lost")
_KEYS: Final = ("meter", "epoch")
_encoder = msgspec.json.Encoder()
_spans: msgspec.json.Decoder[tuple[Span, ...]] = msgspec.json.Decoder(tuple[Span, ...])

Life = tuple[str, int]


class Box(Struct, frozen=True):
    """What the store has of a black box. `lost`: entries that nobody has any more, and that count as there.

    Of more than 32 lost spans the two earliest are named as one, together with what is between them.
    """

    there: Numbers = Numbers()
    lost: tuple[Span, ...] = ()


class Missing(Struct, frozen=True):
    """The spans of a black box that are missing now, and those that are lost for good."""

    asked: tuple[Span, ...]
    lost: tuple[Span, ...]


def boxes_of(session: Session, lives: Collection[Life]) -> dict[Life, Box]:
    """What the store has of these black boxes, each of a meter and its life."""
    found: dict[Life, Box] = {}
    meters = {meter for meter, _ in lives}
    for batch in in_batches(meters):
        for row in session.exec(select(BlackBoxRow).where(col(BlackBoxRow.meter).in_(batch))):
            found[row.meter, row.epoch] = box_of(row)
    new = set(lives) - found.keys()
    for batch in in_batches({meter for meter, _ in new}):
        query = select(EventRow.meter, EventRow.epoch, func.max(EventRow.number))
        query = query.where(col(EventRow.meter).in_(batch))
        for meter, epoch, number in session.exec(query.group_by(col(EventRow.meter), col(EventRow.epoch))):
            found.setdefault((meter, epoch), Box(Numbers(number)))
    return {life: found.get(life, Box()) for life in lives}


def box_of(row: BlackBoxRow) -> Box:
    """The columns of a row, read. Raises InputError for a damaged one."""
    beyond = read_column(_spans.decode, row.beyond, "black_box", row.meter, "beyond")
    lost = read_column(_spans.decode, row.lost, "black_box", row.meter, "lost")
    return Box(Numbers(row.upto, beyond), lost)


def note_events(session: Session, events: Iterable[MeterEvent]) -> None:
    """Note which entries these events are; call it before they are stored."""
    spans: dict[Life, list[Span]] = {}
    for each in events:
        if each.after is not UNSET:
            spans.setdefault((each.meter, each.epoch), []).append((each.after + 1, each.number))
    if not spans:
        return
    boxes = boxes_of(session, spans.keys())
    changed = {
        life: Box(there, box.lost)
        for life, box in boxes.items()
        if (there := joined(box.there, spans[life])) != box.there
    }
    _write(session, changed)


def missing_of(box: Box, last_event: int, oldest_entry: int) -> Missing:
    """What is missing of a black box whose meter has said these numbers (`messages.Reported`)."""
    there, lost = without_below(box.there, min(oldest_entry, last_event + 1))
    return Missing(there.gaps(last_event), (*box.lost, *lost))


def meters_with_gaps(session: Session, meters_max: int) -> list[Life]:
    """Meters on links that may be there, of which the store lacks events; each with its life."""
    upto = func.coalesce(col(BlackBoxRow.upto), 0)
    query = (
        select(MeterRow.id, MeterRow.epoch)
        .join(LinkRow, col(LinkRow.id) == col(MeterRow.link))
        .outerjoin(BlackBoxRow, _same_life())
        .where(col(MeterRow.last_event) > upto, LinkRow.state != LinkState.OFFLINE, in_fleet())
        .order_by(col(MeterRow.id))
    )
    return list(session.exec(query.limit(meters_max)))


def give_up_lost(session: Session, meters_max: int) -> int:
    """Note as lost what meters do not hold any more; returns of how many meters something was."""
    upto = func.coalesce(col(BlackBoxRow.upto), 0)
    query = (
        select(MeterRow.id, MeterRow.epoch, MeterRow.oldest_entry, MeterRow.last_event)
        .outerjoin(BlackBoxRow, _same_life())
        .where(col(MeterRow.oldest_entry) > upto + 1, col(MeterRow.last_event) > upto)
        .order_by(col(MeterRow.id))
    )
    # After its last event a meter has nothing that could be lost.
    first = {
        (meter, epoch): min(oldest, last + 1)
        for meter, epoch, oldest, last in session.exec(query.limit(meters_max))
    }
    changed: dict[Life, Box] = {}
    for life, box in boxes_of(session, first.keys()).items():
        there, lost = without_below(box.there, first[life])
        changed[life] = Box(there, _bounded((*box.lost, *lost)))
    _write(session, changed)
    return len(changed)


def count_gaps(session: Session) -> int:
    """How many meters have told of events that the store lacks."""
    upto = func.coalesce(col(BlackBoxRow.upto), 0)
    query = select(func.count()).select_from(MeterRow).outerjoin(BlackBoxRow, _same_life())
    return session.exec(query.where(col(MeterRow.last_event) > upto, in_fleet())).one()


def _same_life() -> ColumnElement[bool]:
    return and_(col(BlackBoxRow.meter) == col(MeterRow.id), col(BlackBoxRow.epoch) == col(MeterRow.epoch))


def _bounded(lost: Sequence[Span]) -> tuple[Span, ...]:
    if len(lost) <= SPANS_MAX:
        return tuple(lost)
    rest = len(lost) - SPANS_MAX + 1
    return ((lost[0][0], lost[rest - 1][1]), *lost[rest:])


def _write(session: Session, boxes: Mapping[Life, Box]) -> None:
    rows: list[tuple[Value, ...]] = [
        (
            *life,
            box.there.upto,
            _encoder.encode(box.there.beyond).decode(),
            _encoder.encode(box.lost).decode(),
        )
        for life, box in boxes.items()
    ]
    upsert(session, "black_box", _KEYS, _COLUMNS, rows)
