"""What the store shows of an incident: offsets that cluster, and how far a release has come (design §6)."""

from sqlmodel import Session, col, select

from controller.policy.offsets import Claim, Cluster, offset_clusters
from controller.policy.orders_life import DeliveryState
from controller.policy.releasing import MeterSupply, ReleaseProgress, Scope, release_progress, release_targets
from controller.store.tables import ClaimRow, DeliveryRow, MeterRow
from protocols.reasons import Supply


def find_clusters(session: Session, since_ms: int) -> list[Cluster]:
    """Clusters among the offsets that came in since an instant of ours, the largest first."""
    rows = session.exec(
        select(ClaimRow.meter, ClaimRow.source, ClaimRow.offset_ms)
        .where(ClaimRow.received_ms >= since_ms)
        .order_by(ClaimRow.meter, col(ClaimRow.number))
    )
    return offset_clusters(Claim(meter=meter, source=source, offset_ms=ms) for meter, source, ms in rows)


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
