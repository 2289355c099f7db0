"""What protects a household goes to the new meter; what may harm it is drafted for two people."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from controller.connections.purses import account_of
from controller.connections.terms import ParameterTerms
from controller.database.tables import MeterRow
from controller.households.acts import set_household_flag
from controller.orders.acting import Act
from controller.orders.life import ActiveOrder, DeliveryState
from controller.orders.standing import Standing, standing_of
from controller.orders.status import OrderStatus
from controller.orders.store import targets
from protocols.documents import drafting
from protocols.documents.bodies import DebtBody, HoldBody, ParametersBody
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import CATCH_ALL
from protocols.documents.orders import Scope, body_of
from protocols.instants import HOUR_MS
from protocols.limits import RELEASE_HOURS
from protocols.link.question import HoldSpan
from protocols.reasons import FlagName, HoldKind
from protocols.units import QUANTA_PER_UEUR

_FLAG: Final = "flag/"
_HOLD: Final = "hold/"


class CarriedOver(Struct, frozen=True):
    """What was ordered for the new meter: `protection` is sent, `drafts` wait for a second person.

    `left`: orders for the old meter alone that are not carried over, as `o000012 cut/c1`.
    """

    protection: tuple[OrderStatus, ...] = ()
    drafts: tuple[OrderStatus, ...] = ()
    left: tuple[str, ...] = ()


def carry_protection(act: Act, active: Sequence[ActiveOrder], new: str) -> CarriedOver:
    """Flags, holds that are not the fleet's, and the hours of a release that is not; one person."""
    standing = standing_of(active, act.now_ms)
    mine = [each for each in active if each.state is not DeliveryState.SUPERSEDED]
    of_few = {each.order.object for each in mine if not _is_given(act, each.order.scope, new)}
    flags = sorted(name for name in standing.protecting if name.startswith(_FLAG))
    sent = [set_household_flag(act, new, FlagName(name.removeprefix(_FLAG))) for name in flags]
    for span in standing.forbidding:
        catches = span.name.startswith(CATCH_ALL)
        if span.name.startswith(_HOLD) and span.until_ms > act.now_ms and (span.name in of_few or catches):
            sent.append(_hold(act, mine, span, new))
    hours = _hours_left(standing, mine)
    if hours is not None:
        keyid = act.actor.signer.keyid
        sheet = act.release_sheet((new,))
        sent.append(act.submit(drafting.release(sheet, keyid, hours, Scope(meters=(new,)))))
    return CarriedOver(protection=tuple(sent))


def draft_terms(
    act: Act,
    carried: CarriedOver,
    old: MeterRow,
    new: str,
    debt: DebtBody | None,
    parameters: Sequence[ParameterTerms],
    alone: Sequence[tuple[Kind, bool, str]],
) -> CarriedOver:
    """Draft the rest of the debt and the parameters for the new meter; a second person signs.

    `alone`: the orders for the old meter alone (`terms.left_of`). While the clocks forbid harm nothing is
    drafted, and all of it is left.
    """
    drafts: list[OrderStatus] = []
    kept = {Kind.SET_FLAG, Kind.HOLD, Kind.RELEASE}
    if act.may_harm:
        rest = None if debt is None else _rest_of(debt, old)
        if rest is not None:
            kept.add(Kind.DEBT)
        if rest is not None and rest.total_ueur:
            drafts.append(act.submit(drafting.debt(act.sheet(Kind.DEBT, new), new, rest)))
        for each in parameters:
            body = ParametersBody(max(each.from_ms, 0) or act.now_ms, each.mode, each.groups)
            drafts.append(act.submit(drafting.parameters(act.sheet(Kind.PARAMETERS, new), new, body)))
        kept.add(Kind.PARAMETERS)
    left = tuple(name for kind, active, name in alone if not (active and kind in kept))
    return replace(carried, drafts=tuple(drafts), left=left)


def _is_given(act: Act, scope: Scope, new: str) -> bool:
    """Whether the new meter is given such an order as a member of the fleet, or of a group."""
    return scope.fleet or (bool(scope.group) and new in targets(act.session, scope))


def _hold(act: Act, mine: Sequence[ActiveOrder], span: HoldSpan, new: str) -> OrderStatus:
    name = span.name.removeprefix(_HOLD)
    if span.name.startswith(CATCH_ALL):
        # Nobody may declare by that name: it gathers what one person declared beyond their quota.
        name = span.name.replace(CATCH_ALL, "carried.", 1)
    kinds = [
        body_of(each.order, HoldBody).hold_kind
        for each in mine
        if each.order.object == span.name and each.order.kind is Kind.HOLD
    ]
    sheet, scope = act.sheet(Kind.HOLD, name), Scope(meters=(new,))
    kind = kinds[-1] if kinds else HoldKind.MORATORIUM
    return act.submit(drafting.declare_moratorium(sheet, name, span.from_ms, span.until_ms, scope, kind))


def _hours_left(standing: Standing, mine: Sequence[ActiveOrder]) -> int | None:
    """For how long the new meter is released; None: no release of the old one runs, but the fleet's."""
    runs = standing.release
    if runs is None:
        return None
    of_fleet = [
        each.order.scope.fleet
        for each in mine
        if (each.order.object, each.order.rev) == (runs.object, runs.rev)
    ]
    if all(of_fleet):
        return None
    return next((hours for hours in RELEASE_HOURS if hours * HOUR_MS >= runs.left_ms), RELEASE_HOURS[-1])


def _rest_of(debt: DebtBody, old: MeterRow) -> DebtBody | None:
    """The same terms for what payments have not brought; None: the meter has never said what they brought."""
    account = account_of(old.account, old.id)
    if account is None:
        return None
    brought_ueur = int(account.recovered_q) // QUANTA_PER_UEUR
    return replace(debt, total_ueur=max(debt.total_ueur - brought_ueur, 0))
