"""Every kind of order, one row each: the properties of a kind, as opposed to those of one order (design §5).

Drafting, superseding, answering a sync, retrying, writing leases and admitting a document at the meter all
read the row; none of them keeps a list of kinds. What a meter does with a kind is in its firmware
(`emulator.firmware.guarded.obey`). How to add a kind: `docs/adding-a-kind.md`.
"""

from typing import Final

from protocols.documents.bodies import (
    CancelCutBody,
    CutCalendarBody,
    CutOrderBody,
    DebtBody,
    DeferralBody,
    EmergencyCreditBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    KeysBody,
    LeaseBody,
    LiftBody,
    LimiterBody,
    ParametersBody,
    PaymentBody,
    RebaseBody,
    RefundBody,
    ReleaseBody,
    TariffBody,
    VoidBody,
)
from protocols.documents.kind_rule import Dates, Joins, Kind, KindRule, Role, ShownBy, Silence
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.limits import HOLDS_PER_KEY_MAX, LEASE_LIFE_MS, LEASE_MS_MAX

# A meter accepts harm only if the whole interval of its clock is inside. Intervals are seconds to minutes
# wide, so an hour is enough, and too short to be misused.
_HARM_BACKDATED_MS: Final = HOUR_MS
# A meter accepts protection if some instant of its interval is inside. A meter whose date is two days wrong
# must still be protected.
_PROTECTION_BACKDATED_MS: Final = 2 * DAY_MS
# A flag protects from `not_before_ms` on. It must not make a cut wrong that was right before it was set.
_FLAG_BACKDATED_MS: Final = MINUTE_MS
# An hour, so that a meter whose clock is minutes slow accepts a new lease.
_LEASE_BACKDATED_MS: Final = HOUR_MS
# A hold stays valid for a week after its end: a meter that learns of it late restores what it cut inside it.
_HOLD_OUTLIVES_MS: Final = 7 * DAY_MS
_RELEASE_LIFE_MS: Final = 30 * DAY_MS
_EMERGENCY_LIFE_MS: Final = 7 * DAY_MS
_CANCEL_LIFE_MS: Final = 400 * DAY_MS
# Money and flags reach a meter even after years without a connection.
_LONG_LIFE_MS: Final = 3_650 * DAY_MS
# A harmful order is carried out at once or not at all; this is only how long people may take to sign it.
_HARM_LIFE_MS: Final = 7 * DAY_MS
_TARIFF_LIFE_MS: Final = 28 * DAY_MS
# A void is sent again to meters that were away. Later two people decide anew: by then the key is dropped.
_VOID_LIFE_MS: Final = 28 * DAY_MS

# Ranks are tens, so that a kind can be put between two. Protection comes first. The lease comes last: it
# may permit a cut, and names all that must arrive before it.
KINDS: Final[dict[Kind, KindRule]] = {
    Kind.HOLD: KindRule(
        role=Role.PROTECT,
        prefix="hold",
        body=HoldBody,
        joins=Joins.INTERVAL,
        shown_by=ShownBy.REVISION,
        resent_rank=20,
        silence=Silence.UNTIL_EFFECTIVE,
        dates=Dates.SOME_INSTANT,
        life_ms=_HOLD_OUTLIVES_MS,
        backdated_ms=_PROTECTION_BACKDATED_MS,
        retained=True,
        undone_by=Kind.LIFT_HOLD,
        quota=HOLDS_PER_KEY_MAX,
        revivable=True,
    ),
    Kind.RELEASE: KindRule(
        role=Role.PROTECT,
        prefix="release",
        body=ReleaseBody,
        joins=Joins.REMEMBERED,
        shown_by=ShownBy.REVISION,
        resent_rank=10,
        silence=Silence.UNTIL_EFFECTIVE,
        dates=Dates.NUMBER,
        life_ms=_RELEASE_LIFE_MS,
        backdated_ms=_PROTECTION_BACKDATED_MS,
        retained=True,
        needs_supply=True,
        revivable=True,
    ),
    Kind.PAYMENT: KindRule(
        role=Role.PROTECT,
        prefix="payment",
        body=PaymentBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.STATEMENT,
        resent_rank=50,
        silence=Silence.UNTIL_EFFECTIVE,
        dates=Dates.SOME_INSTANT,
        life_ms=_LONG_LIFE_MS,
        backdated_ms=_PROTECTION_BACKDATED_MS,
        retained=True,
        one_meter=True,
        revivable=True,
    ),
    Kind.EMERGENCY_CREDIT: KindRule(
        role=Role.PROTECT,
        prefix="emergency",
        body=EmergencyCreditBody,
        joins=Joins.EACH,
        shown_by=ShownBy.RECEIPT,
        resent_rank=60,
        silence=Silence.UNTIL_EFFECTIVE,
        dates=Dates.SOME_INSTANT,
        life_ms=_EMERGENCY_LIFE_MS,
        backdated_ms=_PROTECTION_BACKDATED_MS,
        retained=True,
        revivable=True,
    ),
    Kind.SET_FLAG: KindRule(
        role=Role.PROTECT,
        prefix="flag",
        body=FlagBody,
        joins=Joins.FROM_ITS_ORDER,
        shown_by=ShownBy.REVISION,
        resent_rank=30,
        silence=Silence.UNTIL_EFFECTIVE,
        dates=Dates.SOME_INSTANT,
        life_ms=_LONG_LIFE_MS,
        backdated_ms=_FLAG_BACKDATED_MS,
        retained=True,
        undone_by=Kind.CLEAR_FLAG,
        revivable=True,
    ),
    Kind.CANCEL_CUT: KindRule(
        role=Role.PROTECT,
        prefix="cut",
        body=CancelCutBody,
        joins=Joins.TOMBSTONE,
        shown_by=ShownBy.TOMBSTONE,
        resent_rank=40,
        silence=Silence.UNTIL_EFFECTIVE,
        dates=Dates.SOME_INSTANT,
        life_ms=_CANCEL_LIFE_MS,
        backdated_ms=_PROTECTION_BACKDATED_MS,
        retained=True,
        revivable=True,
    ),
    # Of the harmful kinds calendar, void, parameters, keys and those about money are sent again. They permit
    # nothing by themselves.
    Kind.CUT_CALENDAR: KindRule(
        role=Role.HARM,
        prefix="calendar",
        body=CutCalendarBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.CALENDAR,
        resent_rank=70,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=None,  # as long as its windows
        backdated_ms=_HARM_BACKDATED_MS,
    ),
    Kind.CUT_ORDER: KindRule(
        role=Role.HARM,
        prefix="cut",
        body=CutOrderBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.CUT_ORDER,
        resent_rank=None,
        silence=Silence.LAPSES,
        # Its interval is when the cut may happen. It arrives earlier, and the gate enforces the interval.
        dates=Dates.END_ONLY,
        life_ms=None,
        backdated_ms=None,
        undone_by=Kind.CANCEL_CUT,
    ),
    Kind.SHORTEN_HOLD: KindRule(
        role=Role.HARM,
        prefix="hold",
        body=HoldFloorBody,
        joins=Joins.FLOOR,
        shown_by=ShownBy.FLOOR,
        resent_rank=None,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_HARM_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
        undone_by=Kind.LIFT_HOLD,
    ),
    Kind.LIFT_HOLD: KindRule(
        role=Role.HARM,
        prefix="hold",
        body=LiftBody,
        joins=Joins.FLOOR,
        shown_by=ShownBy.FLOOR,
        resent_rank=None,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_HARM_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
    ),
    Kind.CLEAR_FLAG: KindRule(
        role=Role.HARM,
        prefix="flag",
        body=FlagBody,
        joins=Joins.FLOOR,
        shown_by=ShownBy.FLOOR,
        resent_rank=None,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_HARM_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
    ),
    Kind.VOID: KindRule(
        role=Role.HARM,
        prefix="void",
        body=VoidBody,
        joins=Joins.TAKEN_AWAY,
        shown_by=ShownBy.RECEIPT,
        # After all protection, so that what its signers protect anew is there first.
        resent_rank=75,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_VOID_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
    ),
    Kind.LIMITER: KindRule(
        role=Role.HARM,
        prefix="limiter",
        body=LimiterBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.RECEIPT,
        resent_rank=None,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_HARM_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
    ),
    Kind.TARIFF: KindRule(
        role=Role.HARM,
        prefix="tariff",
        body=TariffBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.RECEIPT,
        resent_rank=80,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_TARIFF_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
    ),
    Kind.DEFERRAL: KindRule(
        role=Role.HARM,
        prefix="deferral",
        body=DeferralBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.RECEIPT,
        resent_rank=81,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_TARIFF_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
    ),
    Kind.DEBT: KindRule(
        role=Role.HARM,
        prefix="debt",
        body=DebtBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.RECEIPT,
        resent_rank=82,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_TARIFF_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
        one_meter=True,
    ),
    Kind.REFUND: KindRule(
        role=Role.HARM,
        prefix="refund",
        body=RefundBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.RECEIPT,
        resent_rank=84,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_TARIFF_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
        one_meter=True,
    ),
    Kind.PARAMETERS: KindRule(
        role=Role.HARM,
        prefix="parameters",
        body=ParametersBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.RECEIPT,
        resent_rank=86,
        silence=Silence.LAPSES,
        dates=Dates.EVERY_INSTANT,
        life_ms=_TARIFF_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
        one_meter=True,
    ),
    Kind.KEYS: KindRule(
        role=Role.HARM,
        prefix="keys",
        body=KeysBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.RECEIPT,
        # Before the lease, and after what two people have decided about money: nothing waits for it.
        resent_rank=88,
        silence=Silence.UNTIL_STORED,
        dates=Dates.EVERY_INSTANT,
        # A meter that has slept for years must still come to a key that nobody else has.
        life_ms=_LONG_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
    ),
    Kind.REBASE: KindRule(
        role=Role.HARM,
        prefix="clock",
        body=RebaseBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.RECEIPT,
        resent_rank=None,
        silence=Silence.LAPSES,
        dates=Dates.NONE,  # the meter's clock is disputed by definition: the dispute's nonce limits the order
        life_ms=_HARM_LIFE_MS,
        backdated_ms=_HARM_BACKDATED_MS,
    ),
    Kind.LEASE: KindRule(
        role=Role.LEASE,
        prefix="lease",
        body=LeaseBody,
        joins=Joins.LATEST,
        shown_by=ShownBy.LEASE,
        resent_rank=90,
        # Its receipt is enough: a lease that does not change the next possible cut causes no report.
        silence=Silence.UNTIL_STORED,
        dates=Dates.SOME_INSTANT,  # the gate judges its end again, at every instant
        life_ms=LEASE_LIFE_MS,
        backdated_ms=_LEASE_BACKDATED_MS,
        life_ms_max=LEASE_MS_MAX,
    ),
}
assert KINDS.keys() == set(Kind), "every kind has one row"
