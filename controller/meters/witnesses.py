"""Who told each meter the time last: from its report, and from the claims that came in since (design §6).

A report names the witnesses that the meter holds, agreeing ones too; between reports only dates that
disagree are told, as events. Which is newer is said by their numbers in the black box, and by no clock.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session, and_, col, func, or_, select

from controller.database.tables import ClaimRow, MeterRow
from protocols.link.messages import Witness
from protocols.reasons import ClaimVerdict, Refusal

# A claim that the meter refused, or an unsigned date that it logged, vouches for nothing (design §4.1).
_NO_WITNESS: Final = (*(refusal.value for refusal in Refusal), ClaimVerdict.LOGGED.value)

_held: msgspec.json.Decoder[tuple[Witness, ...]] = msgspec.json.Decoder(tuple[Witness, ...])


class WitnessView(Struct, frozen=True, kw_only=True):
    """What a source told a meter; `time_ms` is what it said, `heard_ms` when, by the meter's own estimate.

    `offset_ms` is how far the two were apart (None: the meter had nothing to compare with). `fresh`: an
    answer to the meter's own question; False: a one-way time, which says only what it is not before; None:
    not known.
    """

    source: str
    verdict: str
    fresh: bool | None
    offset_ms: int | None
    heard_ms: int
    time_ms: int
    received_ms: int


def last_witnesses(
    session: Session, rows: Sequence[MeterRow], meter: str | None = None
) -> dict[str, tuple[WitnessView, ...]]:
    """Of each source its last word to each of these meters, the latest first.

    `meter` says that the rows are this one, so that no other's claims are read.
    """
    told: dict[str, dict[str, WitnessView]] = {}
    for claim in _claims_since_the_report(session, meter):
        told.setdefault(claim.meter, {})[claim.source] = _of_claim(claim)
    for row in rows:
        views = told.setdefault(row.id, {})
        for witness in held_by(row.witnesses):
            views.setdefault(witness.source.value, _of_report(witness, row.reported_ms or 0))
    return {row.id: tuple(told[row.id].values()) for row in rows}


def held_by(column: str | None) -> tuple[Witness, ...]:
    """The witnesses in a meter's row; none where it has never named any."""
    return () if column is None else _held.decode(column)


def _claims_since_the_report(session: Session, meter: str | None) -> Sequence[ClaimRow]:
    """Of each meter and source the last claim that its last report does not cover, the latest first."""
    uncovered = or_(col(MeterRow.witnesses).is_(None), col(ClaimRow.number) > col(MeterRow.report_journal))
    query = (
        select(ClaimRow.meter, ClaimRow.source, func.max(ClaimRow.number).label("number"))
        .join(MeterRow, col(MeterRow.id) == col(ClaimRow.meter))
        .where(uncovered, col(ClaimRow.verdict).not_in(_NO_WITNESS))
        .group_by(col(ClaimRow.meter), col(ClaimRow.source))
    )
    last = (query if meter is None else query.where(ClaimRow.meter == meter)).subquery()
    met = and_(col(ClaimRow.meter) == last.c.meter, col(ClaimRow.number) == last.c.number)
    return session.exec(select(ClaimRow).join(last, met).order_by(col(ClaimRow.number).desc())).all()


def _of_claim(row: ClaimRow) -> WitnessView:
    """A claim as its event told it. What was told, less its offset, is what the meter thought then."""
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
