"""Meters that were taken out of the fleet: nothing is sent to them, and nothing waits for them.

Their rows stay: the ledger, the audit and the orders of before name them. A word of such a meter changes
nothing but what is noted here: it was on its way when the meter was taken down, or the meter is still there.
"""

from collections.abc import Collection, Iterable

import msgspec
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.tables import MeterRow, RetiredRow
from protocols.errors import RefusedError, quoted
from protocols.link.messages import Reported

_encoder = msgspec.json.Encoder()


def in_fleet() -> ColumnElement[bool]:
    """The condition on rows of `MeterRow` that nobody has taken the meter out of the fleet."""
    # A list that is read once, and not a look-up for each meter: few have left.
    return col(MeterRow.id).not_in(select(RetiredRow.meter))


def retired_among(session: Session, meters: Collection[str]) -> dict[str, RetiredRow]:
    """Those of these meters that were taken out of the fleet."""
    found: dict[str, RetiredRow] = {}
    for batch in in_batches(meters):
        rows = session.exec(select(RetiredRow).where(col(RetiredRow.meter).in_(batch)))
        found |= {row.meter: row for row in rows}
    return found


def check_in_fleet(session: Session, meters: Collection[str]) -> None:
    """Raises RefusedError for a meter that was taken out of the fleet, with where its orders go."""
    for meter, row in sorted(retired_among(session, meters).items()):
        if row.successor is not None:
            raise RefusedError(f"meter {quoted(meter)}: was replaced; allowed: {row.successor}, in its place")
        raise RefusedError(
            f"meter {quoted(meter)}: left the fleet; `relance meters admit {meter}` brings it back"
        )


def note_late(session: Session, reports: Iterable[Reported], now_ms: int) -> None:
    """Note what meters have reported that are out of the fleet; the highest number counts."""
    for report in reports:
        row, meter = session.get(RetiredRow, report.meter), session.get(MeterRow, report.meter)
        if row is None or meter is None or meter.epoch != report.epoch:
            continue
        if report.number <= max(row.late_number, meter.report_number):
            continue
        row.late_number, row.late_ms, row.late_balance_ueur = report.number, now_ms, report.balance_ueur
        row.late_account = None if report.account is None else _encoder.encode(report.account).decode()
        session.add(row)
