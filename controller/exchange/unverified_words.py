"""What words without a MAC may do: be shown, and have sent again what has no receipt (design §5).

An older firmware proves its reports, and neither what it holds nor its readings. Anybody could have made
these. So they never register, move or change a meter, no delivery is *stored* by them, and nothing that the
meter has by its own receipts is sent again. They count at all only while the meter has never proved its
holdings, and over its own link.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import update
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.tables import LinkRow, MeterRow
from controller.exchange.sync_answer import RootSent, add_shared_deliveries, send_answers
from controller.exchange.syncing import answer
from controller.meters.admission import Waiting, Waits, quarantine
from controller.meters.claimed import Claimed, write_claimed
from controller.meters.registry import known_meters
from controller.meters.retired import in_fleet
from controller.orders.active import active_orders
from protocols.link.messages import MeterHolds, Reading, Status

# An arrival: its link, and what it says.
Heard = tuple[str, tuple[Status | MeterHolds | Reading, ...]]


def take(session: Session, heard: Sequence[Heard], root: RootSent, now_ms: int) -> int:
    """Note what the words of these arrivals say, each with its link.

    A meter or link that is not known is put into quarantine. Returns of how many arrivals something was
    refused: it named a meter whose word it cannot be, or was a link's birth.
    """
    if not heard:
        return 0
    words = [(link, word) for link, said in heard for word in said if not isinstance(word, Status)]
    births = Counter(link for link, said in heard if any(isinstance(word, Status) for word in said))
    _quarantine(session, words, births, now_ms)
    old = _unproven_meters(session, {word.meter for _, word in words})
    own = [(link, word) for link, word in words if (word.meter, link) in old]
    claims: dict[str, Claimed] = {}
    for _, word in own:
        claims[word.meter] = _joined(claims.get(word.meter, Claimed(heard_ms=now_ms)), word)
    rows = [{"id": meter, "claimed": write_claimed(claim)} for meter, claim in claims.items()]
    if rows:
        session.execute(update(MeterRow), rows)
    syncing: dict[str, list[str]] = {}
    for link, word in own:
        if isinstance(word, MeterHolds):
            syncing.setdefault(link, []).append(word.meter)
    for link, meters in syncing.items():
        add_shared_deliveries(session, meters, now_ms)
        active = active_orders(session, meters)
        answers = {name: answer(None, active.get(name, ()), root.version, now_ms) for name in meters}
        # Its receipts prove which root it has taken.
        roots = {name: old[name, link] for name in meters if old[name, link] < root.version}
        send_answers(session, link, answers, roots, root, now_ms)
    return sum(
        any(isinstance(word, Status) or (word.meter, link) not in old for word in said)
        for link, said in heard
    )


def _quarantine(
    session: Session,
    words: Sequence[tuple[str, MeterHolds | Reading]],
    births: Mapping[str, int],
    now_ms: int,
) -> None:
    links = {word.meter: link for link, word in words}
    counts = Counter(word.meter for _, word in words)
    strangers = links.keys() - known_meters(session, links).keys()
    waiting = {f"meter/{name}": Waiting(links[name], Waits.UNVERIFIED, counts[name]) for name in strangers}
    known: set[str] = set()
    for batch in in_batches(births):
        known |= set(session.exec(select(LinkRow.id).where(col(LinkRow.id).in_(batch))))
    for link in births.keys() - known:
        waiting[f"link/{link}"] = Waiting(link, Waits.UNVERIFIED, births[link])
    quarantine(session, waiting, now_ms)


def _unproven_meters(session: Session, meters: Collection[str]) -> dict[tuple[str, str], int]:
    """Those meters that have never proved their holdings, each with its link: the version of its root."""
    found: dict[tuple[str, str], int] = {}
    for batch in in_batches(meters):
        query = select(MeterRow.id, MeterRow.link, MeterRow.root_version).where(
            col(MeterRow.id).in_(batch), MeterRow.holds_number == 0, in_fleet()
        )
        found |= {(meter, link): version for meter, link, version in session.exec(query)}
    return found


def _joined(before: Claimed, word: MeterHolds | Reading) -> Claimed:
    if isinstance(word, Reading):
        return msgspec.structs.replace(before, energy_wh=word.energy_wh, balance_ueur=word.balance_ueur)
    return msgspec.structs.replace(before, energy=word.energy, firmware=word.firmware, profile=word.profile)
