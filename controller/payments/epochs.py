"""What a meter has credited of an issuer's closed epochs, and which payments it never credited (design §4.3).

A meter names its totals of the present epoch, and of the one that it closed last; of those before that it
keeps one sum. Where nobody heard it between two closings, that sum says what came of the first.
"""

from collections.abc import Mapping

from sqlmodel import Session, and_, col, select

from controller.database.tables import DeliveryRow, PaymentRow
from controller.exchange.purses import Counted, PurseHeard
from controller.office.issuing import CONTROLLER
from controller.orders.life import DeliveryState


def epochs_held(session: Session, meter: str, purse: PurseHeard) -> dict[int, int]:
    """What a meter has credited of the controller's epochs, by epoch, as far as that is certain.

    Of an epoch that it names no more that is what it has confirmed, where these sums are all that it has
    credited so; or the whole of its sum, where the ledger has payments of one such epoch only. Else such an
    epoch is left out: nothing of it may be credited twice.
    """
    held = purse.epochs_ueur(CONTROLLER)
    untold_ueur = purse.untold_ueur
    confirmed = _confirmed_untold(session, meter, purse)
    if untold_ueur is None or not confirmed:
        return held
    if sum(confirmed.values()) == untold_ueur:
        return held | {epoch: ueur for (issuer, epoch), ueur in confirmed.items() if issuer == CONTROLLER}
    if len(confirmed) == 1:
        ((issuer, epoch),) = confirmed
        return held | ({epoch: untold_ueur} if issuer == CONTROLLER else {})
    return held


def uncredited(session: Session, meter: str, epoch: int, held_ueur: Mapping[int, int]) -> list[str]:
    """The ids of the controller's payments in epochs before this one that the meter never credited.

    `held_ueur`: as `epochs_held`. A meter that has closed no epoch before this one has credited nothing of
    them.
    """
    closed = {of for of in held_ueur if of < epoch}
    query = (
        select(PaymentRow)
        .join(DeliveryRow, _OF_PAYMENT)
        .where(
            PaymentRow.meter == meter,
            PaymentRow.issuer == CONTROLLER,
            PaymentRow.epoch < epoch,
            col(DeliveryRow.state) != DeliveryState.EFFECTIVE,
        )
        .order_by(col(PaymentRow.number))
    )
    return [
        row.id
        for row in session.exec(query)
        if (row.epoch in closed or not closed) and row.total_ueur > held_ueur.get(row.epoch, 0)
    ]


def _confirmed_untold(session: Session, meter: str, purse: PurseHeard) -> dict[Counted, int]:
    """What a meter has confirmed of each issuer and epoch that the ledger has and the meter names no more."""
    query = (
        select(PaymentRow, DeliveryRow.state)
        .outerjoin(DeliveryRow, _OF_PAYMENT)
        .where(PaymentRow.meter == meter)
    )
    found: dict[Counted, int] = {}
    for row, state in session.exec(query):
        of = row.issuer, row.epoch
        if of not in purse.totals_ueur:
            is_confirmed = row.found or state == DeliveryState.EFFECTIVE
            found[of] = max(found.get(of, 0), row.total_ueur if is_confirmed else 0)
    return found


_OF_PAYMENT = and_(
    col(DeliveryRow.order_id) == col(PaymentRow.order_id), col(DeliveryRow.meter) == col(PaymentRow.meter)
)
