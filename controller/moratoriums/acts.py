"""Moratoriums: one person declares and extends one, two people lift it (design §5, §6)."""

from dataclasses import replace

from controller.meters.grouped import check_group
from controller.moratoriums.views import list_holds
from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.arguments import did_you_mean
from protocols.documents.drafting import (
    FLEET,
    declare_moratorium,
    extend_moratorium,
    lift_moratorium,
    object_of,
)
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import CATCH_ALL
from protocols.documents.orders import Scope
from protocols.errors import RefusedError
from protocols.instants import iso_from_ms


class StillInForceError(RefusedError):
    """A moratorium of this name is still in force: extend it, do not declare it again."""

    def __init__(self, name: str, until_ms: int) -> None:
        super().__init__(f"{name} stands until {iso_from_ms(until_ms)}; extending it adds to it")
        self.until_ms = until_ms


def declare(act: Act, name: str, from_ms: int, until_ms: int, scope: Scope = FLEET) -> OrderStatus:
    """Forbid cuts in `[from_ms, until_ms)`, by one person; for a group, also for meters that nobody knows.

    Raises StillInForceError where one is in force; but one that a meter has refused is declared again, above
    the number that the meter named. Raises RefusedError for a group that no household is in.
    """
    if scope.group:
        check_group(act.session, scope.group)
    held = next((each for each in list_holds(act.session) if each.name == name), None)
    if held is not None and (held.until_ms or 0) > act.now_ms and not held.progress.refused:
        raise StillInForceError(name, held.until_ms or 0)
    sheet = act.sheet(Kind.HOLD, name)
    return act.submit(declare_moratorium(sheet, name, from_ms, until_ms, scope))


def extend(act: Act, name: str, until_ms: int) -> OrderStatus:
    """Give a moratorium a later end, by one person, for all that hold it and all that it is for.

    Where no ground is given, it stands on the one that it has. Raises RefusedError where
    none is in force, InputError for an end that is no later.
    """
    hold = next((each for each in list_holds(act.session) if each.name == name), None)
    if hold is None or hold.from_ms is None or hold.until_ms is None:
        raise _none_in_force(act, name)
    scope = FLEET if hold.group is None else Scope(group=hold.group)
    sheet = replace(act.sheet(Kind.HOLD, name), basis=act.basis or hold.basis)
    return act.submit(extend_moratorium(sheet, name, (hold.from_ms, hold.until_ms), until_ms, scope))


def lift(act: Act, name: str, *, unknown: bool = False) -> OrderStatus:
    """End a moratorium early: a draft, until a second person has signed.

    A lift is never sent twice by itself: one that did not reach every meter may be decided anew. Raises
    RefusedError where none is in force here and every meter knows it, unless it may be `unknown`: what a
    stolen key signed went to meters without this store. A catch-all is made by meters alone.
    """
    hold = next((each for each in list_holds(act.session) if each.name == name), None)
    is_over = hold is None or (hold.from_ms is None and hold.progress.stored == hold.progress.total)
    if is_over and not unknown and not object_of(Kind.LIFT_HOLD, name).startswith(CATCH_ALL):
        raise _none_in_force(act, name)
    return act.submit(lift_moratorium(act.sheet(Kind.LIFT_HOLD, name), name))


def _none_in_force(act: Act, name: str) -> RefusedError:
    known = [hold.name for hold in list_holds(act.session) if hold.until_ms is not None]
    hint = did_you_mean(name, known)
    return RefusedError(f"no moratorium {name} in force{hint} `relance moratorium status` shows all")
