"""What protects a household goes to the new meter; what may harm it is drafted for two people."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlmodel import Session

from controller.connections.purses import account_of
from controller.connections.terms import ParameterTerms
from controller.database.tables import MeterRow
from controller.households.acts import set_household_flag
from controller.orders.acting import Act
from controller.orders.ending import orders_for_alone
from controller.orders.life import ActiveOrder, DeliveryState, OrderState
from controller.orders.standing import Standing, standing_of
from controller.orders.status import OrderStatus
from controller.orders.store import targets
from controller.refunds.acts import refund_out_of
from protocols.documents import drafting
from protocols.documents.bodies import DebtBody, HoldBody, ParametersBody
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import CATCH_ALL
from protocols.documents.orders import Scope, body_of
from protocols.instants import HOUR_MS
from protocols.limits import RELEASE_HOURS
from protocols.link.question import HoldSpan
from protocols.reasons import FlagName, HoldKind
from protocols.units import QUANTA_PER_UEUR, UEUR_PER_EUR

_FLAG: Final = "flag/"
_HOLD: Final = "hold/"
# In place of `CATCH_ALL`: nobody may declare by that name.
_CARRIED: Final = "hold/carried."
_ENDS: Final = (Kind.CLEAR_FLAG, Kind.LIFT_HOLD)
_UEUR_PER_CENT: Final = UEUR_PER_EUR // 100


class CarriedOver(Struct, frozen=True):
    """What was ordered for the new meter: `protection` is sent, `drafts` wait for a second person.

    `left`: orders for the old meter alone that are not carried over, as `o000012 cut/c1`. `again`: drafts for
    it that wait for the new one now, as `o000012 as o000020`. `refund_ueur`: what such a refund pays back.
    """

    protection: tuple[OrderStatus, ...] = ()
    drafts: tuple[OrderStatus, ...] = ()
    left: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    refund_ueur: int = 0


class WaitsAtOld(Struct, frozen=True, kw_only=True):
    """What waits at the old meter for a signature: ends of flags and holds by object, and a refund.

    `ends`, `refund`: the ids of the drafts; `refund_ueur`: what that one takes out.
    """

    ends: Mapping[str, str]
    refund: str | None
    refund_ueur: int


def waits_at(session: Session, old: str, claimed_ueur: int) -> WaitsAtOld:
    """What must wait at the new meter too. To be asked before the old one is retired: that ends it."""
    drafts = [row for row in orders_for_alone(session, old) if row.state != OrderState.ACTIVE]
    refunds = [row.id for row in drafts if row.kind == Kind.REFUND]
    return WaitsAtOld(
        ends={row.object: row.id for row in drafts if row.kind in _ENDS},
        refund=refunds[-1] if refunds else None,
        refund_ueur=claimed_ueur,
    )


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


def draft_again(act: Act, carried: CarriedOver, waits: WaitsAtOld, new: str, paid_ueur: int) -> CarriedOver:
    """Draft for the new meter what waited at the old one: the end of what protects, and a refund.

    Protection and money have gone over whole, as nobody but two people takes them from a household; so what
    two people were asked for must not be lost. `paid_ueur`: what the new meter is paid: no more is paid back.
    """
    if not act.may_harm:
        return carried
    again: dict[str, OrderStatus] = {}
    for status in carried.protection:
        name = status.order.object
        before = waits.ends.get(name) or waits.ends.get(name.replace(_CARRIED, CATCH_ALL, 1))
        if before is not None and before not in again:
            again[before] = draft_end(act, name, new)
    refund_ueur = min(waits.refund_ueur, paid_ueur) // _UEUR_PER_CENT * _UEUR_PER_CENT
    if waits.refund is not None and refund_ueur:
        again[waits.refund] = refund_out_of(act, new, refund_ueur)
    return replace(
        carried,
        drafts=(*carried.drafts, *again.values()),
        left=tuple(name for name in carried.left if name.partition(" ")[0] not in again),
        again=tuple(f"{before} as {status.order.id}" for before, status in again.items()),
        refund_ueur=refund_ueur,
    )


def draft_end(act: Act, name: str, meter: str) -> OrderStatus:
    """Draft the end of a flag, or of a hold for this meter alone."""
    kind, _, rest = name.partition("/")
    if kind == Kind.HOLD:
        order = drafting.lift_moratorium(act.sheet(Kind.LIFT_HOLD, rest), rest, Scope(meters=(meter,)))
        return act.submit(order)
    flag = FlagName(rest)
    return act.submit(drafting.clear_flag(act.sheet(Kind.CLEAR_FLAG, flag), meter, flag))


def _is_given(act: Act, scope: Scope, new: str) -> bool:
    """Whether the new meter is given such an order as a member of the fleet, or of a group."""
    return scope.fleet or (bool(scope.group) and new in targets(act.session, scope))


def _hold(act: Act, mine: Sequence[ActiveOrder], span: HoldSpan, new: str) -> OrderStatus:
    name = span.name.removeprefix(_HOLD)
    if span.name.startswith(CATCH_ALL):
        # Nobody may declare by that name: it gathers what one person declared beyond their quota.
        name = span.name.replace(CATCH_ALL, _CARRIED, 1).removeprefix(_HOLD)
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
