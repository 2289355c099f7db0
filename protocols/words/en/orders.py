"""What an order does, and which meters it addresses."""

from typing import Final
from zoneinfo import ZoneInfo

from protocols.documents.bodies import (
    Body,
    CutCalendarBody,
    DebtBody,
    DeferralBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    KeysBody,
    LeaseBody,
    LimiterBody,
    ParametersBody,
    PaymentBody,
    RefundBody,
    ReleaseBody,
    TariffBody,
    VoidBody,
)
from protocols.documents.kind_rule import Joins, Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Order, Scope, body_of, keyid_named_by, short_keyid
from protocols.errors import quoted
from protocols.limits import REV_STEP_MAX
from protocols.words.en.amounts import eur
from protocols.words.en.terms import terms_in_words
from protocols.words.en.times import local

_METERS_NAMED_MAX: Final = 5
_RELEASE: Final = f"{KINDS[Kind.RELEASE].prefix}/"


def order_in_words(order: Order, zone: ZoneInfo, by: str) -> str:
    """What an order does, for which meters, and its object and revision. `by`: who made it."""
    revision = revision_in_words(order.object, order.rev, by, order.kind)
    return f"{_deed(order, zone)}, {scope_in_words(order.scope)} ({revision})"


def revision_in_words(name: str, rev: int, by: str, kind: Kind | None = None) -> str:
    """`hold/frost rev 2`, or `release/anna no. 3`: what a key numbers has no revisions. `by`: who made it.

    An order that ends protection (`kind`; None: not known) leaps to a number that nobody guesses: its ten
    digits say nothing to a person, so it is `flag/m1.medical, above all revisions before`.
    """
    named = object_in_words(name, by)
    if keyid_named_by(name) is not None and name.startswith(_RELEASE):
        return f"{named} no. {rev}"
    leaps = kind is not None and KINDS[kind].joins is Joins.FLOOR and rev > REV_STEP_MAX
    return f"{named}, above all revisions before" if leaps else f"{named} rev {rev}"


def object_in_words(name: str, by: str) -> str:
    """An object as people read it: its name, but never the 64 digits of a key.

    A release by a key is named by the person who made it (`by`; empty: not known), anything else of a key,
    such as a void, by the key's first digits.
    """
    keyid = keyid_named_by(name)
    if keyid is None:
        return name
    kind = name.removesuffix(keyid)
    return f"{kind}{by if by and kind == _RELEASE else short_keyid(keyid)}"


def scope_in_words(scope: Scope) -> str:
    """The meters that an order addresses."""
    if scope.fleet:
        return "for the whole fleet"
    if scope.group:
        return f"for the group {scope.group}"
    named = ", ".join(scope.meters[:_METERS_NAMED_MAX])
    more = len(scope.meters) - _METERS_NAMED_MAX
    return f"for {named} and {more} more" if more > 0 else f"for {named}"


def _deed(order: Order, zone: ZoneInfo) -> str:
    name = order.object.partition("/")[2]
    fixed = {
        Kind.LIFT_HOLD: f"the hold {name} is lifted",
        Kind.EMERGENCY_CREDIT: "emergency credit is started",
        Kind.CANCEL_CUT: f"the cut {name} is cancelled",
        Kind.REBASE: "the clock begins anew and asks its witnesses again",
    }
    if order.kind in fixed:
        return fixed[order.kind]
    if order.kind is Kind.CUT_ORDER:
        return f"cut between {local(order.not_before_ms, zone)} and {local(order.not_after_ms, zone)}"
    return _deed_of_body(order, name, zone)


def _deed_of_body(order: Order, name: str, zone: ZoneInfo) -> str:
    body: Body = body_of(order, KINDS[order.kind].body)
    match body:
        case HoldBody() | HoldFloorBody():
            return f"no cut ({name}) from {local(body.from_ms, zone)} until {local(body.until_ms, zone)}"
        case ReleaseBody():
            return f"supply back, and no cut for {body.hours} h from then"
        case PaymentBody():
            issuer = f"{body.issuer} in its epoch {body.epoch}" if body.epoch else body.issuer
            return f"credit for what was paid through {issuer} so far, {eur(body.total_ueur)} EUR in all"
        case FlagBody():
            return f"the flag {body.name} is {'set' if order.kind is Kind.SET_FLAG else 'cleared'}"
        case CutCalendarBody():
            last = local(body.windows[-1][1], zone) if body.windows else "never"
            rule = f"{quoted(body.rule)} in {body.zone}, holidays {body.holidays}"
            return f"cuts only in {len(body.windows)} windows ({rule}), the last until {last}"
        case LimiterBody():
            return f"the limiter is {'engaged' if body.engaged else 'disengaged'}"
        case TariffBody() | DeferralBody() | DebtBody() | RefundBody() | ParametersBody():
            return terms_in_words(body, zone)
        case VoidBody():
            kept = ", ".join(dict.fromkeys(each.object for each in body.keeps))
            key = f"the key {short_keyid(body.key)} of {body.holder}"
            lifted = f"all protection that {key} alone has signed is lifted"
            return f"{lifted}, but for {kept}" if kept else lifted
        case KeysBody():
            return f"a new key, agreed with generation {body.generation} of the fleet's key"
        case LeaseBody():
            return f"cuts by {name} stay possible until {local(order.not_after_ms, zone)}"
        case _:
            return f"{order.kind.replace('_', ' ')} ({name})"
