"""What the store shows of an incident: offsets that cluster, and how far a release has come (design §6)."""

from sqlmodel import Session, col, select

from controller.policy.offsets import Claim, Cluster, offset_clusters
from controller.policy.orders_life import DeliveryState
from controller.policy.releasing import MeterSupply, ReleaseProgress, Scope, release_progress, release_targets
from controller.store.tables import ClaimRow, DeliveryRow, MeterRow
from controller.store.witnesses import held_by
from protocols.reasons import Supply


def find_clusters(session: Session, since_ms: int) -> list[Cluster]:
    """Clusters among the offsets that came in since an instant of ours, the largest first.

    A witness that a report names counts as its claim does, whose event may be lost; one that agrees is no
    offset, and takes back no claim of before.
    """
    claims = session.exec(
        select(ClaimRow.meter, ClaimRow.number, ClaimRow.source, ClaimRow.offset_ms).where(
            ClaimRow.received_ms >= since_ms
        )
    )
    reports = session.exec(
        select(MeterRow.id, MeterRow.report_journal, MeterRow.witnesses).where(
            col(MeterRow.reported_ms) >= since_ms, col(MeterRow.witnesses).is_not(None)
        )
    )
    told = [(number, Claim(meter=meter, source=source, offset_ms=ms)) for meter, number, source, ms in claims]
    told += [
        (journal, Claim(meter=meter, source=each.source.value, offset_ms=each.offset_ms))
        for meter, journal, column in reports
        for each in held_by(column)
        if not each.agrees
    ]
    # What a report says covers the entries up to its number: it comes after them.
    told.sort(key=lambda word: word[0])
    return offset_clusters(claim for _, claim in told)


def find_release_targets(session: Session, scope: Scope) -> tuple[str, ...]:
    """The meters that a release of this scope is for, by their last word."""
    rows = session.exec(select(MeterRow.id, MeterRow.supply))
    return release_targets((MeterSupply(meter, _supply(supply)) for meter, supply in rows), scope)


def show_release(session: Session, order_id: str) -> ReleaseProgress:
    """How far a release has come: meters with supply again, and those that are still off."""
    rows = session.exec(
        select(DeliveryRow.meter, MeterRow.supply, DeliveryRow.state)
        .join(MeterRow, col(MeterRow.id) == col(DeliveryRow.meter))
        .where(DeliveryRow.order_id == order_id)
    )
    return release_progress(
        (MeterSupply(meter, _supply(supply)), DeliveryState(state)) for meter, supply, state in rows
    )


def _supply(text: str | None) -> Supply | None:
    return None if text is None else Supply(text)
