"""The service leaves a mark, and a store that is behind one numbers on above what it has lost (design §6)."""

from collections import Counter

from sqlmodel import Session, col, select

from controller.database.numbers import next_number, raise_number
from controller.database.tables import AuditRow, CounterRow
from controller.office.audit import SERVICE, AuditAct, head_of, record
from controller.office.losses import LOST, LOST_AT, found_losses
from controller.office.root_store import note_root_seen
from controller.orders.numbering import lift_revs, lifted_by
from controller.payments.requests import doubt_requests
from controller.restores.rules import Loss, loss_of
from protocols.chain import GENESIS
from protocols.limits import REV_STEP_MAX
from protocols.link.marks import EARLIER_BACK, EntryNamed, StoreMark


def mark_of(session: Session, root_version: int) -> StoreMark | None:
    """How far this store has counted; None where its audit is empty."""
    head = head_of(session)
    if head == GENESIS:
        return None
    back = [head.number - each for each in EARLIER_BACK if each < head.number]
    held = _hashes(session, back)
    earlier = tuple(EntryNamed(number, held[number]) for number in back if number in held)
    last = EntryNamed(head.number, head.hash.hex())
    return StoreMark(last=last, root=root_version, earlier=earlier, lifted=lifted_by(session))


def unknown_loss(session: Session, mark: StoreMark) -> Loss | None:
    """What this store has lost, as a mark shows, and has not accounted for yet."""
    held = _hashes(session, [mark.last.number, *(each.number for each in mark.earlier)])
    if loss_of(mark, held) is None:
        return None
    lifts = Counter[int]()
    for known in found_losses(session):
        lifts[known.found_at] += known.entries
    loss = loss_of(mark, held, lifts)
    if loss is None:
        return None
    row = session.get(CounterRow, f"{LOST}{loss.after}")
    return loss if row is None or row.value < loss.entries else None


def account_for(session: Session, mark: StoreMark, root_version: int, now_ms: int) -> Loss | None:
    """Number everything on above what the mark shows to be lost; returns it, None where nothing is new.

    Payments that wait here may have been credited since: what is found at their meters answers them.

    `root_version`: of the root in force here.

    In the caller's transaction. A second call with the same mark changes nothing.
    """
    loss = unknown_loss(session, mark)
    if loss is None:
        return None
    known = session.get(CounterRow, f"{LOST}{loss.after}")
    more = loss.entries - (0 if known is None else known.value)
    lift_revs(session, more)
    raise_number(session, "order", next_number(session, "order") + more)
    doubt_requests(session)
    note_root_seen(session, min(mark.root, root_version + REV_STEP_MAX))
    record(
        session,
        now_ms,
        SERVICE,
        AuditAct.FIND_LOSS,
        f"audit/{mark.last.number}",
        after=loss.after,
        entries=loss.entries,
        hash=mark.last.hash,
    )
    raise_number(session, f"{LOST}{loss.after}", loss.entries)
    raise_number(session, f"{LOST_AT}{loss.after}", head_of(session).number)
    return loss


def _hashes(session: Session, numbers: list[int]) -> dict[int, str]:
    query = select(AuditRow.number, AuditRow.hash).where(col(AuditRow.number).in_(numbers))
    return {number: digest.hex() for number, digest in session.exec(query)}
