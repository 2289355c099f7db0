"""Meters are admitted; one that was removed comes back with what was paid for it, and nothing twice."""

from collections.abc import Collection

from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from controller.connections.requests import wait_again
from controller.database.engine import writing
from controller.database.tables import DeliveryRow
from controller.meters.admission import admit
from controller.meters.retired import retired_among
from controller.office.people import Actor
from controller.orders.ending import orders_for_alone
from controller.orders.life import DeliveryState
from controller.orders.sending import resume
from controller.orders.store import order_of
from protocols.documents.kind_rule import Kind


class ReadmittedMeter(Struct, frozen=True, kw_only=True):
    """A meter that was out of the fleet. `worth_ueur`: what was told as owed when it left; None: not known.

    `waits_ueur`: payments that wait to be booked again. `sent`: statements that are on their way again.
    """

    meter: str
    worth_ueur: int | None
    waits_ueur: int
    sent: tuple[str, ...]


class AdmittedMeters(Struct, frozen=True, kw_only=True):
    """`new`: the meters that were not in the fleet before; `back`: those of them that had been removed."""

    new: tuple[str, ...]
    back: tuple[ReadmittedMeter, ...]


def admit_meters(
    store: Engine, meters: Collection[str], link: str | None, actor: Actor, now_ms: int
) -> AdmittedMeters:
    """Admit meters, in one transaction. Raises RefusedError as `admission.admit`."""
    with writing(store) as session:
        worth = {name: row.worth_ueur for name, row in retired_among(session, meters).items()}
        new = admit(session, meters, link, actor.name, now_ms)
        back = [
            ReadmittedMeter(
                meter=name,
                worth_ueur=worth[name],
                waits_ueur=wait_again(session, name),
                sent=_send_again(session, name, now_ms),
            )
            for name in sorted(worth)
        ]
    return AdmittedMeters(new=tuple(new), back=tuple(back))


def _send_again(session: Session, meter: str, now_ms: int) -> tuple[str, ...]:
    """Send the statements that the meter did not have when it left; a total credits nothing twice."""
    rows = {row.id: row for row in orders_for_alone(session, meter) if row.kind == Kind.PAYMENT}
    ended = session.exec(
        select(DeliveryRow.order_id).where(
            DeliveryRow.meter == meter,
            col(DeliveryRow.order_id).in_(rows),
            DeliveryRow.state == DeliveryState.EXPIRED,
        )
    ).all()
    for order_id in sorted(ended):
        resume(session, order_of(rows[order_id]), [meter], now_ms)
    return tuple(sorted(ended))
