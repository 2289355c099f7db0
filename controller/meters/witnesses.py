"""The last witnesses of each meter: from its report, and from the claims that came in since (design §6).

A report names the witnesses that the meter holds, agreeing ones too. Between reports a meter publishes only
dates that disagree, as events. Their numbers in the black box decide which is newer; no clock does.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session, and_, col, func, or_, select

from controller.database.damage import read_column
from controller.database.tables import ClaimRow, MeterRow
from protocols.link.messages import Witness
from protocols.reasons import ClaimVerdict, Refusal

# A claim that the meter refused, or an unsigned date that it only logged, is no witness (design §4.1).
_NO_WITNESS: Final = (*(refusal.value for refusal in Refusal), ClaimVerdict.LOGGED.value)

_held: msgspec.json.Decoder[tuple[Witness, ...]] = msgspec.json.Decoder(tuple[Witness, ...])


class WitnessView(Struct, frozen=True, kw_only=True):
    """A time that a source gave to a meter: `time_ms`, received at `heard_ms` by the meter's own estimate.

    `offset_ms` is `time_ms` less `heard_ms` (None: the meter had no estimate). `fresh`: True for an answer to
    the meter's own question; False for a one-way time, which says only that it is not earlier; None: not
    known.
    """

    source: str
    verdict: str
    fresh: bool | None
    offset_ms: int | None
    heard_ms: int
    time_ms: int
    received_ms: int


def last_witnesses(session: Session, rows: Sequence[MeterRow]) -> dict[str, tuple[WitnessView, ...]]:
    """For each of these meters the last time from each source, the latest first.

    At most `bulk.METERS_AT_ONCE` meters, so that one statement takes their names.
    """
    by_meter: dict[str, dict[str, WitnessView]] = {}
    for claim in _claims_since_the_report(session, [row.id for row in rows]):
        by_meter.setdefault(claim.meter, {})[claim.source] = _of_claim(claim)
    for row in rows:
        views = by_meter.setdefault(row.id, {})
        for witness in held_by(row):
            views.setdefault(witness.source.value, _of_report(witness, row.reported_ms or 0))
    return {row.id: tuple(by_meter[row.id].values()) for row in rows}


def held_by(row: MeterRow) -> tuple[Witness, ...]:
    """The witnesses in a meter's row; empty where it has never reported any.

    Raises InputError for a damaged column.
    """
    if row.witnesses is None:
        return ()
    return read_column(_held.decode, row.witnesses, "meter", row.id, "witnesses")


def _claims_since_the_report(session: Session, meters: Sequence[str]) -> Sequence[ClaimRow]:
    """The last claim of each source that a meter's last report does not cover yet, the latest first."""
    uncovered = or_(col(MeterRow.witnesses).is_(None), col(ClaimRow.number) > col(MeterRow.report_journal))
    query = (
        select(ClaimRow.meter, ClaimRow.epoch, ClaimRow.source, func.max(ClaimRow.number).label("number"))
        .join(MeterRow, col(MeterRow.id) == col(ClaimRow.meter))
        .where(
            col(ClaimRow.meter).in_(meters),
            col(ClaimRow.epoch) == col(MeterRow.epoch),
            uncovered,
            col(ClaimRow.verdict).not_in(_NO_WITNESS),
        )
        .group_by(col(ClaimRow.meter), col(ClaimRow.epoch), col(ClaimRow.source))
    )
    last = query.subquery()
    same_claim = and_(
        col(ClaimRow.meter) == last.c.meter,
        col(ClaimRow.epoch) == last.c.epoch,
        col(ClaimRow.number) == last.c.number,
    )
    return session.exec(select(ClaimRow).join(last, same_claim).order_by(col(ClaimRow.number).desc())).all()


def _of_claim(row: ClaimRow) -> WitnessView:
    """A claim as its event records it. Its time less its offset is the meter's own estimate then."""
    heard_ms = row.received_ms if row.offset_ms is None else row.time_ms - row.offset_ms
    return WitnessView(
        source=row.source,
        verdict=row.verdict,
        fresh=None,
        offset_ms=row.offset_ms,
        heard_ms=heard_ms,
        time_ms=row.time_ms,
        received_ms=row.received_ms,
    )


def _of_report(witness: Witness, reported_ms: int) -> WitnessView:
    return WitnessView(
        source=witness.source.value,
        verdict=(ClaimVerdict.AGREES if witness.agrees else ClaimVerdict.DISAGREES).value,
        fresh=witness.fresh,
        offset_ms=witness.offset_ms,
        heard_ms=witness.heard_ms,
        time_ms=witness.heard_ms + witness.offset_ms,
        received_ms=reported_ms,
    )
