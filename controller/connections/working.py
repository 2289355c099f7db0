"""Carries out a list of work, row by row: each whole or not at all, in the sequence of the list.

A row that is refused changes nothing and is told with the reason; the others are done. So a list may be
interrupted, and run again: what is done already is counted as that (decision 0056).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from msgspec import Struct

from controller.connections.moving import move_out
from controller.connections.removing import remove_meter
from controller.connections.replacing import Replaced, Wanted, replace_meter
from controller.connections.retiring import RetiredView
from controller.connections.work_rows import Doing, Work
from controller.households.commissioning import (
    MeterPlace,
    SecretFile,
    commission_in,
    commission_plainly,
    secrets_of,
)
from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.errors import DocumentError, InputError, RefusedError

# So many rows go in one transaction: others wait for the store meanwhile.
ROWS_AT_ONCE: Final = 100


@unique
class WorkState(StrEnum):
    """What became of a row. `before`: it was done already, and nothing has changed."""

    DONE = "done"
    BEFORE = "before"
    REFUSED = "refused"


class Worked(Struct, frozen=True, kw_only=True):
    """One row, carried out or refused (`why`).

    `sent`, `drafts`: orders that it made; drafts wait for a second person. `owed_ueur`: money of a purse that
    is owed to who left, or to the household of a meter that is removed; `carried_ueur`: that goes to the new
    meter. Either is below 0 where it was a debt. Both of what this run has done, and no money in two of them.
    `ended`: orders for a meter alone that the row has ended, as `o000012 cut/c1`.
    """

    work: Work
    state: WorkState
    why: str = ""
    sent: tuple[OrderStatus, ...] = ()
    drafts: tuple[OrderStatus, ...] = ()
    owed_ueur: int = 0
    carried_ueur: int = 0
    ended: tuple[str, ...] = ()


def still_wait(done: Iterable[Worked]) -> list[OrderStatus]:
    """The drafts of a run that wait for a second person at its end: a later row may have ended some."""
    rows = list(done)
    ended = {name.partition(" ")[0] for each in rows for name in each.ended}
    return [status for each in rows for status in each.drafts if status.order.id not in ended]


class SecretFolder(Struct, frozen=True, kw_only=True):
    """Where the files that go into meters are written, and what they are made of."""

    folder: Path
    fleet_key: bytes
    root: bytes

    def file_for(self, meter: str, ean: str) -> SecretFile | None:
        """The file of a meter; None where it is there already, whole: somebody was interrupted after it."""
        path = self.folder / f"{meter}.json"
        try:
            there = path.read_bytes() == secrets_of(self.fleet_key, meter, ean, self.root)
        except OSError:
            there = False
        return None if there else SecretFile(path=path, fleet_key=self.fleet_key, root=self.root)


def work_off(
    begin: Callable[[], AbstractContextManager[Act]], works: Sequence[Work], secrets: SecretFolder | None
) -> Iterator[list[Worked]]:
    """Carry the rows out, some of them in each transaction; yields what became of them.

    `begin`: an act for the next rows. Raises UnreachableError where the store is away: what was yielded is
    done, and nothing else is.
    """
    for start in range(0, len(works), ROWS_AT_ONCE):
        with begin() as act:
            done = _some(act, works[start : start + ROWS_AT_ONCE], secrets)
        yield done


def _some(act: Act, works: Sequence[Work], secrets: SecretFolder | None) -> list[Worked]:
    """All at once where these are commissionings and none has anything about it; else one after another."""
    if secrets is None and all(each.do is Doing.COMMISSION for each in works):
        places = [MeterPlace(each.meter, each.ean or "", each.link) for each in works]
        made = commission_plainly(act.session, places, act.actor, act.now_ms)
        if made is not None:
            return [
                Worked(work=work, state=_state(new=each.new)) for work, each in zip(works, made, strict=True)
            ]
    return [_one(act, work, secrets) for work in works]


def _one(act: Act, work: Work, secrets: SecretFolder | None) -> Worked:
    mine = act if work.basis is None else replace(act, basis=work.basis)
    try:
        # A savepoint: a row that is refused in its middle leaves nothing.
        with act.session.begin_nested():
            return _carry_out(mine, work, secrets)
    except (DocumentError, InputError, RefusedError) as error:
        return Worked(work=work, state=WorkState.REFUSED, why=str(error))


def _carry_out(act: Act, work: Work, secrets: SecretFolder | None) -> Worked:
    match work.do:
        case Doing.COMMISSION:
            return _commissioned(act, work, secrets)
        case Doing.MOVE_OUT:
            return _moved(act, work)
        case Doing.REPLACE:
            return _replaced(act, work, secrets)
        case Doing.REMOVE:
            return _removed(act, work)


def _commissioned(act: Act, work: Work, secrets: SecretFolder | None) -> Worked:
    assert work.ean is not None, "read so"
    out = None if secrets is None else secrets.file_for(work.meter, work.ean)
    made = commission_in(act.session, work.meter, work.ean, work.link, act.actor, act.now_ms, out=out)
    return Worked(work=work, state=_state(new=made.new or out is not None))


def _moved(act: Act, work: Work) -> Worked:
    assert work.on_ms is not None, "read so"
    moved = move_out(act, work.meter, work.on_ms)
    if not moved.new or moved.owed is None:
        return Worked(work=work, state=WorkState.BEFORE)
    return Worked(
        work=work,
        state=WorkState.DONE,
        drafts=moved.drafts,
        owed_ueur=moved.owed.all_ueur,
        ended=moved.withdrawn,
    )


def _replaced(act: Act, work: Work, secrets: SecretFolder | None) -> Worked:
    assert work.ean is not None, "read so"
    assert work.new is not None, "read so"
    wanted = Wanted(old=work.meter, new=work.new, ean=work.ean, link=work.link, display=work.display)
    out = None if secrets is None else secrets.file_for(work.new, work.ean)
    done: Replaced = replace_meter(act, wanted, out)
    if not done.new:
        return Worked(work=work, state=_state(new=out is not None))
    carried = done.carried
    return Worked(
        work=work,
        state=WorkState.DONE,
        sent=carried.protection,
        drafts=carried.drafts,
        # What is to be paid back is told as owed by the row or the command that has drafted it.
        carried_ueur=_worth(done.retired) - carried.refund_ueur,
        ended=(*carried.left, *carried.again),
    )


def _removed(act: Act, work: Work) -> Worked:
    removed = remove_meter(act, work.meter)
    if not removed.new:
        return Worked(work=work, state=WorkState.BEFORE)
    owed_ueur = _worth(removed.retired)
    # As with a replacement.
    owed_ueur -= min(removed.claimed_ueur, max(owed_ueur, 0))
    return Worked(work=work, state=WorkState.DONE, owed_ueur=owed_ueur, ended=removed.left)


def _worth(retired: RetiredView) -> int:
    return retired.worth_ueur or 0


def _state(*, new: bool) -> WorkState:
    return WorkState.DONE if new else WorkState.BEFORE
