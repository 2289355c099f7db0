"""What words without a MAC may do: be shown, and have sent again what has no receipt (design §5).

An older firmware proves its reports, and neither what it holds nor its readings. Anybody could have made
these. So they never register, move or change a meter, no delivery is *stored* by them, and nothing that the
meter has by its own receipts is sent again. They count at all only while the meter has never proved its
holdings, and over its own link.
"""

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import update
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.tables import MeterRow
from controller.exchange.sync_answer import RootSent, add_fleet_deliveries, send_answers
from controller.exchange.syncing import answer
from controller.meters.claimed import Claimed, write_claimed
from controller.orders.active import active_orders
from protocols.link.messages import MeterHolds, Reading


def take(
    session: Session, link: str, words: Sequence[MeterHolds | Reading], root: RootSent, now_ms: int
) -> bool:
    """Note what the words of one arrival say. False where one of them names a meter whose they cannot be."""
    old = _unproven_meters(session, link, {word.meter for word in words})
    claims: dict[str, Claimed] = {}
    for word in words:
        if word.meter in old:
            before = claims.get(word.meter, Claimed(heard_ms=now_ms))
            claims[word.meter] = _joined(before, word)
    rows = [{"id": meter, "claimed": write_claimed(claim)} for meter, claim in claims.items()]
    if rows:
        session.execute(update(MeterRow), rows)
    syncing = {word.meter for word in words if isinstance(word, MeterHolds)} & old.keys()
    if syncing:
        add_fleet_deliveries(session, syncing, now_ms)
        active = active_orders(session, syncing)
        answers = {name: answer(None, active.get(name, ()), root.version, now_ms) for name in sorted(syncing)}
        # Its receipts prove which root it has taken.
        roots = [name for name in sorted(syncing) if old[name] < root.version]
        send_answers(session, link, answers, roots, root, now_ms)
    return all(word.meter in old for word in words)


def _unproven_meters(session: Session, link: str, meters: Collection[str]) -> dict[str, int]:
    """Those meters of this link that have never proved their holdings, each with the version of its root."""
    found: dict[str, int] = {}
    for batch in in_batches(meters):
        query = select(MeterRow.id, MeterRow.root_version).where(
            col(MeterRow.id).in_(batch), MeterRow.link == link, MeterRow.holds_number == 0
        )
        found |= dict(iter(session.exec(query)))
    return found


def _joined(before: Claimed, word: MeterHolds | Reading) -> Claimed:
    if isinstance(word, Reading):
        return msgspec.structs.replace(before, energy_wh=word.energy_wh, balance_ueur=word.balance_ueur)
    return msgspec.structs.replace(before, energy=word.energy, firmware=word.firmware, profile=word.profile)
