"""Gathers the result of a replay from its parts and from the controller's store."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from sqlalchemy import Engine
from sqlmodel import col, select

from controller.database.engine import reading
from controller.database.tables import ClaimRow
from controller.demo import night
from controller.demo.card_households import play_by_card
from controller.demo.options import ReplayOptions
from controller.demo.population import TwinHousehold
from controller.demo.result import Confirmations, Heard, Result
from controller.demo.stage import Stage
from controller.orders.views import order_progress
from protocols.link.topics import Channel

# Honest witnesses differ by less than this: their spread is a second.
_OFFSET_MS_MIN: Final = 60_000
_REACHED: Final = (
    ("declared", "Moratorium until 30 June", night.DECLARED_MS),
    ("extended", "extended to Friday 3 July, 23:01", night.EXTENDED_MS),
    ("extended_again", "extended to Monday 6 July, 08:00", night.EXTENDED_AGAIN_MS),
)


def gather(options: ReplayOptions, stage: Stage, homes: Sequence[TwinHousehold], wall_s: float) -> Result:
    """The result of a replay that took `wall_s` seconds."""
    record = stage.acts.record
    meters = [stage.guarded_fleet.meter(home.guarded) for home in homes]
    return Result(
        seed=options.seed,
        meters=options.meters,
        broker=options.broker,
        homes=homes,
        changes=stage.camera.changes,
        heard=_heard(stage.store),
        reached=_reached(stage.store, record.order_ids, len(homes)),
        ways_back=stage.card_fleet.ways_back,
        planned=frozenset(record.planned),
        wrong_scope=frozenset(record.wrong_scope),
        meant=frozenset(record.meant),
        off_before_release=frozenset(record.release.off_before),
        release_s=record.release.seconds,
        refused_plan=record.refused_plan,
        paid_ueur=record.paid_ueur,
        credited_ueur=sum(meter.holdings().totals.credited_ueur for meter in meters),
        # How many marks are left depends on how acts fall together in time, which no seed decides.
        messages={
            channel.value: count
            for channel, count in sorted(stage.post.published.items())
            if channel is not Channel.MARK
        },
        steps=stage.conductor.steps,
        wall_seconds=wall_s,
        decisions_sha256=stage.camera.decisions_sha256(),
        version=version("relance"),
        by_card=play_by_card(stage.card_fleet.ways_back, homes, options.seed),
    )


def _heard(store: Engine) -> list[Heard]:
    """Wrong dates that meters have heard, from the claims in the controller's store."""
    query = (
        select(ClaimRow.meter, ClaimRow.received_ms, ClaimRow.source, ClaimRow.offset_ms)
        .where(col(ClaimRow.offset_ms).is_not(None))
        .order_by(col(ClaimRow.received_ms), col(ClaimRow.meter))
    )
    with reading(store) as session:
        return [
            Heard(meter, received_ms, source, offset_ms)
            for meter, received_ms, source, offset_ms in session.exec(query)
            if offset_ms is not None and abs(offset_ms) >= _OFFSET_MS_MIN
        ]


def _reached(store: Engine, order_ids: dict[str, str], meters: int) -> list[Confirmations]:
    with reading(store) as session:
        return [
            Confirmations(what, at_ms, order_progress(session, order_ids[key]).stored, meters)
            for key, what, at_ms in _REACHED
        ]
