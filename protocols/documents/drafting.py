"""Makes the order that says what somebody wants: one function for each act (design §5).

A draft is not signed and changes nothing. `Sheet` carries what only the store can give: a unique id,
and the object's next revision. The kind determines the lifetime (`kinds`). Each draft is read as a meter
would read it, which checks the limits of the wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from protocols.documents.bodies import (
    Body,
    CancelCutBody,
    CutCalendarBody,
    CutOrderBody,
    DebtBody,
    DeferralBody,
    EmergencyCreditBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    Kept,
    KeysBody,
    LeaseBody,
    LiftBody,
    LimiterBody,
    Named,
    ParametersBody,
    PaymentBody,
    RebaseBody,
    RefundBody,
    RegisterPrice,
    ReleaseBody,
    Switch,
    TariffBody,
    VoidBody,
)
from protocols.documents.kind_rule import Kind, KindRule, Role
from protocols.documents.kinds import KINDS
from protocols.documents.merging import CATCH_ALL
from protocols.documents.orders import Order, Scope, digest_of, make_body, read_order, write_document
from protocols.errors import DocumentError, InputError
from protocols.instants import iso_from_ms
from protocols.limits import FOR_EVER_MS, INSTANT_MS_MAX, LEASE_LIFE_MS, RELEASE_HOURS
from protocols.reasons import FlagName, HoldKind
from protocols.spans import Window, protected_until_ms

FLEET: Final = Scope(fleet=True)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What every draft needs: id and revision from the store, the instant of issue, and the legal ground."""

    id: str
    rev: int
    now_ms: int
    basis: str


@dataclass(frozen=True, slots=True)
class CalendarRule:
    """What a calendar's windows were compiled from, as a person wrote it; meters ignore it."""

    rule: str
    zone: str
    holidays: str


def object_of(kind: Kind, name: str) -> str:
    """The name of the object that an order of this kind revises: `hold/NAME` and so on."""
    return f"{KINDS[kind].prefix}/{name}"


def declare_moratorium(
    sheet: Sheet,
    name: str,
    from_ms: int,
    until_ms: int,
    scope: Scope = FLEET,
    hold_kind: HoldKind = HoldKind.MORATORIUM,
) -> Order:
    """No cut in `[from_ms, until_ms)`, for the fleet or for the households in `scope`. Raises InputError."""
    if object_of(Kind.HOLD, name).startswith(CATCH_ALL):
        raise InputError(
            f"hold/{name}: gathers what a person declares beyond their quota; allowed: another name"
        )
    return _draft(sheet, Kind.HOLD, name, scope, HoldBody(from_ms, until_ms, hold_kind), ends_ms=until_ms)


def extend_moratorium(
    sheet: Sheet, name: str, in_force_ms: tuple[int, int], until_ms: int, scope: Scope = FLEET
) -> Order:
    """A later end for a hold that is in force. Raises InputError if the end is not later."""
    from_ms, ends_ms = in_force_ms
    if protected_until_ms(until_ms) <= ends_ms:
        raise InputError(
            f"hold/{name}: until {iso_from_ms(until_ms)}; allowed: later than {iso_from_ms(ends_ms)}, when "
            "it ends now; to end it sooner is to shorten it, which takes two people"
        )
    return declare_moratorium(sheet, name, from_ms, until_ms, scope)


def shorten_moratorium(sheet: Sheet, name: str, from_ms: int, until_ms: int, scope: Scope = FLEET) -> Order:
    """A floor under the hold, with its new interval; two people. Raises InputError."""
    return _draft(sheet, Kind.SHORTEN_HOLD, name, scope, HoldFloorBody(from_ms, until_ms))


def lift_moratorium(sheet: Sheet, name: str, scope: Scope = FLEET) -> Order:
    """The end of a hold; two people. Raises InputError."""
    return _draft(sheet, Kind.LIFT_HOLD, name, scope, LiftBody())


def void(sheet: Sheet, keyid: str, holder: str, keeps: tuple[Kept, ...], keeper: str) -> Order:
    """Take away what this key has signed for the fleet, but for `keeps`; two people. Raises InputError.

    `keeper`: the keyid of whoever drafts it, under whose signature `keeps` stand from now on.
    """
    body = VoidBody(keyid, holder, keeps, keeper if keeps else "")
    return _draft(sheet, Kind.VOID, keyid, FLEET, body)


def unlinted_calendar(
    sheet: Sheet,
    name: str,
    windows: Sequence[Window],
    said: CalendarRule,
    until_ms: int,
    scope: Scope = FLEET,
) -> Order:
    """Windows in which meters may cut, `[start, end)` each, until `until_ms`; two people.

    The linter is not asked here: see `cutting.planning.plan_calendar`. Raises InputError for windows that are
    not sorted and disjoint, or more than a document holds.
    """
    body = CutCalendarBody(tuple(windows), said.rule, said.zone, said.holidays)
    return _draft(sheet, Kind.CUT_CALENDAR, name, scope, body, ends_ms=until_ms)


def release(sheet: Sheet, keyid: str, hours: int = 72, scope: Scope = FLEET) -> Order:
    """Restore now, and hold for `hours`; the revision is the key's next number. Raises InputError.

    `keyid`: the key that will sign, which numbers its releases (`orders.numbering_key`).
    """
    if hours not in RELEASE_HOURS:
        raise InputError(f"release: {hours} hours; allowed: {', '.join(map(str, RELEASE_HOURS))}")
    return _draft(sheet, Kind.RELEASE, keyid, scope, ReleaseBody(hours))


def payment_statement(
    sheet: Sheet, meter: str, issuer: str, number: int, total_ueur: int, *, epoch: int = 0
) -> Order:
    """The running total of an issuer's payments to one meter in an epoch. Raises InputError."""
    body = PaymentBody(issuer, number, total_ueur, epoch)
    return _draft(sheet, Kind.PAYMENT, issuer, _one(meter), body)


def emergency_credit(sheet: Sheet, meter: str) -> Order:
    """Start the emergency credit from afar, as its button would. Raises InputError."""
    return _draft(sheet, Kind.EMERGENCY_CREDIT, "credit", _one(meter), EmergencyCreditBody())


def set_flag(sheet: Sheet, meter: str, name: FlagName) -> Order:
    """A household's flag, set by one person. Raises InputError."""
    return _draft(sheet, Kind.SET_FLAG, name, _one(meter), FlagBody(name))


def clear_flag(sheet: Sheet, meter: str, name: FlagName) -> Order:
    """A household's flag, cleared by two. Raises InputError."""
    return _draft(sheet, Kind.CLEAR_FLAG, name, _one(meter), FlagBody(name))


def unlinted_cut(sheet: Sheet, name: str, meters: tuple[str, ...], span_ms: tuple[int, int]) -> Order:
    """Cut these meters inside `span_ms`, if a window and everything else permit; two people.

    The linter is not asked here: see `cutting.planning.plan_cut`. Raises InputError for a span that is empty
    or has ended.
    """
    from_ms, until_ms = span_ms
    if not max(from_ms, sheet.now_ms) < until_ms:
        raise InputError(
            f"cut/{name}: ends {iso_from_ms(until_ms)}; allowed: after its begin, and still to come"
        )
    return _draft(sheet, Kind.CUT_ORDER, name, Scope(meters=meters), CutOrderBody(), from_ms, until_ms)


def cancel_cut(sheet: Sheet, name: str, meters: tuple[str, ...]) -> Order:
    """Cancel a cut order, whether its meters have it or not. Raises InputError."""
    body = CancelCutBody(object_of(Kind.CUT_ORDER, name))
    return _draft(sheet, Kind.CANCEL_CUT, name, Scope(meters=meters), body)


def limiter(sheet: Sheet, meter: str, *, engaged: bool) -> Order:
    """Engage or disengage the limiter; two people. Raises InputError."""
    return _draft(sheet, Kind.LIMITER, meter, _one(meter), LimiterBody(engaged))


def tariff(
    sheet: Sheet,
    name: str,
    price_ueur_per_kwh: int,
    fixed_ueur_per_day: int,
    scope: Scope = FLEET,
    registers: tuple[RegisterPrice, ...] = (),
    switches: tuple[Switch, ...] = (),
) -> Order:
    """Prices from now on; two people. Raises InputError.

    What `cutting.switches` compiles from rules in local time says when which register is in use.
    """
    body = TariffBody(price_ueur_per_kwh, fixed_ueur_per_day, registers, switches)
    return _draft(sheet, Kind.TARIFF, name, scope, body)


def deferral(sheet: Sheet, name: str, from_ms: int, until_ms: int, scope: Scope = FLEET) -> Order:
    """Charge nothing from `from_ms` until `until_ms`, and settle it later; two people. Raises InputError."""
    return _draft(sheet, Kind.DEFERRAL, name, scope, DeferralBody(from_ms, until_ms))


def debt(sheet: Sheet, meter: str, body: DebtBody) -> Order:
    """Debt on a meter, and how payments bring it back; two people. Raises InputError."""
    return _draft(sheet, Kind.DEBT, meter, _one(meter), body)


def refund(sheet: Sheet, meter: str, total_ueur: int) -> Order:
    """The running total of what was paid back out of a purse; two people. Raises InputError."""
    return _draft(sheet, Kind.REFUND, meter, _one(meter), RefundBody(total_ueur))


def parameters(sheet: Sheet, meter: str, body: ParametersBody) -> Order:
    """A version of a meter's parameters; two people. Raises InputError."""
    return _draft(sheet, Kind.PARAMETERS, meter, _one(meter), body)


def keys(sheet: Sheet, name: str, body: KeysBody, scope: Scope = FLEET) -> Order:
    """New keys for these meters; two people. Raises InputError."""
    return _draft(sheet, Kind.KEYS, name, scope, body)


def rebase(sheet: Sheet, meter: str, nonce: str) -> Order:
    """A new tick epoch for the dispute of this nonce; two people. Raises InputError."""
    return _draft(sheet, Kind.REBASE, meter, _one(meter), RebaseBody(nonce))


def lease(
    sheet: Sheet,
    meters: tuple[str, ...],
    calendar_order: Order,
    names: tuple[Named, ...],
    life_ms: int = LEASE_LIFE_MS,
) -> Order:
    """Permits a calendar for `life_ms` and names all protection in force. The service signs it.

    It is backdated a little (`kinds`), so that a meter whose clock is minutes slow accepts it. Raises
    InputError.
    """
    body = LeaseBody(calendar_order.object, calendar_order.rev, digest_of(calendar_order), names)
    order = _draft(sheet, Kind.LEASE, "fleet", Scope(meters=meters), body)
    return replace(order, not_after_ms=min(sheet.now_ms + life_ms, INSTANT_MS_MAX))


def _draft(
    sheet: Sheet,
    kind: Kind,
    name: str,
    scope: Scope,
    body: Body,
    begins_ms: int | None = None,
    ends_ms: int | None = None,
) -> Order:
    """An order with the lifetime of its kind; `begins_ms` and `ends_ms` fill in what the kind leaves open."""
    not_before_ms, not_after_ms = _interval(KINDS[kind], sheet.now_ms, begins_ms, ends_ms)
    order = Order(
        id=sheet.id,
        kind=kind,
        object=object_of(kind, name),
        scope=scope,
        rev=sheet.rev,
        issued_at_ms=sheet.now_ms,
        not_before_ms=not_before_ms,
        not_after_ms=not_after_ms,
        basis=sheet.basis,
        body=make_body(body),
    )
    try:
        read_order(write_document(order))
    except DocumentError as error:
        raise InputError(f"{order.object}: {error}") from None
    return order


def _interval(rule: KindRule, now_ms: int, begins_ms: int | None, ends_ms: int | None) -> tuple[int, int]:
    """From when and until when an order of this kind is valid.

    Protection that nothing else takes beyond 2100-01-01 is valid for ever rather than some days longer than
    that: firmware that knows no later instant takes it too.
    """
    if rule.backdated_ms is not None:
        begins_ms = now_ms - rule.backdated_ms
    if rule.life_ms is not None:
        said_ms = max(now_ms, now_ms if ends_ms is None else ends_ms)
        ends_ms = min(said_ms + rule.life_ms, INSTANT_MS_MAX)
        if rule.role is Role.PROTECT and said_ms <= FOR_EVER_MS < ends_ms:
            ends_ms = FOR_EVER_MS
    assert begins_ms is not None, rule
    assert ends_ms is not None, rule
    return begins_ms, min(ends_ms, INSTANT_MS_MAX)


def _one(meter: str) -> Scope:
    return Scope(meters=(meter,))
