"""What is believed of a kiosk, and nothing beyond its signature and its limits (docs/kiosk.md). Pure."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum, unique
from typing import Final, NamedTuple, Self

from msgspec import Struct

from cardreader.files.layout import PARAMETERS
from controller.orders.life import HELD_DELIVERIES, DeliveryState, OrderState
from protocols.documents.kiosk_limits import KioskLimits
from protocols.documents.statements import Statement
from protocols.documents.till_receipts import RefundStanding
from protocols.errors import RefusedError
from protocols.limits import KIOSK_GENERATIONS_MAX, REV_STEP_MAX
from protocols.link.kiosk_words import KioskStatus
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta


@unique
class StatementStanding(StrEnum):
    """What a statement of a kiosk is here.

    `booked`: it stands in the ledger. `over_limits`: more than the kiosk may take, so it is not in the ledger
    until the meter itself proves that it has credited it. `unknown_meter`: it waits until that meter has
    spoken. `stale_epoch`: of an epoch that was closed; as with the limits, the meter's own word books it.
    """

    BOOKED = "booked"
    OVER_LIMITS = "over_limits"
    UNKNOWN_METER = "unknown_meter"
    STALE_EPOCH = "stale_epoch"


class CardGenerations(NamedTuple):
    """The generations of the kiosks' card keys.

    `newest`: that cards get by their letters. `shut`: their letters shut out all below it. `ended`: kiosks
    forget the keys of all below it.
    """

    newest: int
    shut: int
    ended: int

    @property
    def held(self) -> range:
        """The generations that a kiosk holds: as many as a card, and none that has ended."""
        return range(
            max(self.ended, self.newest - KIOSK_GENERATIONS_MAX + 1, FIRST_CARD_GENERATION), self.newest + 1
        )

    @property
    def letter(self) -> int:
        """The number of the letters of these. It rises with each step, above all that an issuer counts."""
        return self.newest << _SHUT_BITS | self.shut

    def above(self, said: Iterable[int]) -> Self:
        """As after a restore of the store: the newest is at least that which kiosks say they hold.

        One that is far above is not believed: there are only so many.
        """
        believed = [each for each in said if each <= self.newest + GENERATIONS_STEP_MAX]
        return self._replace(newest=max([self.newest, *believed]))

    def rotated(self) -> Self:
        """One more. Those before still open the cards that have not got it yet.

        Raises RefusedError where kiosks would have to forget one that has not ended.
        """
        if len(self.held) >= KIOSK_GENERATIONS_MAX:
            raise RefusedError(
                f"card keys: generations {self.held[0]} to {self.newest} count; allowed: end those before "
                f"the newest first"
            )
        return self._more()

    def revoked(self) -> Self:
        """One more, and each card shuts out all before with its letter: one of them is a thief's."""
        after = self._more()
        return after._replace(shut=after.newest)

    def _more(self) -> Self:
        if self.newest >= CARD_GENERATIONS_MAX:
            raise RefusedError(
                f"card keys: {self.newest} generations; allowed: at most {CARD_GENERATIONS_MAX}"
            )
        return self._replace(newest=self.newest + 1)

    def only_newest(self) -> Self:
        """All before the newest have ended, on cards and at kiosks."""
        return self._replace(shut=self.newest, ended=self.newest)


FIRST_CARD_GENERATION: Final = 1
CARD_GENERATIONS_MAX: Final = 65_535
# As far as a kiosk may be before a store that was restored from a backup.
GENERATIONS_STEP_MAX: Final = 16
_SHUT_BITS: Final = 16
HOURS_PER_DAY: Final = 24
# Areas of a kiosk, and the meters of these areas whose documents it keeps: each some 20 KiB.
AREAS_MAX: Final = 32
AREA_METERS_MAX: Final = 200
# The largest file of a card for a document.
CARD_DOCUMENT_BYTES_MAX: Final = max(each.bytes_max for each in PARAMETERS)
# What is not in the ledger, and why a person should look.
DOUBTED: Final = (StatementStanding.OVER_LIMITS, StatementStanding.STALE_EPOCH)


def standing_of(
    stated: Statement,
    known: Iterable[Statement],
    limits: KioskLimits,
    epoch: int | None,
    *,
    before_ueur: int,
    heard: bool,
) -> StatementStanding:
    """What a statement is. `known`: those of the same meter, issuer and epoch that are here already.

    `epoch`: the issuer's in force; None: it has none. `before_ueur`: the total that was here a day ago.
    `heard`: whether the meter has ever spoken. Statements may come in any order: so the step from the next
    lower one is judged, by the number of payments that may lie between.
    """
    if stated.epoch != epoch:
        return StatementStanding.STALE_EPOCH
    below = max(
        (each for each in known if each.total_ueur < stated.total_ueur),
        key=lambda each: each.total_ueur,
        default=Statement(stated.issuer, 0, 0, stated.epoch),
    )
    payments = min(max(stated.number - below.number, 1), max(limits.offline_count, 1))
    allowed_ueur = limits.payment_max_ueur * payments
    if payments > 1:
        allowed_ueur = max(min(allowed_ueur, limits.offline_ueur), limits.payment_max_ueur)
    # What a kiosk brings that was away for as long as it may be, and what it takes on the day itself.
    days = 1 + -(-limits.offline_hours // HOURS_PER_DAY)
    in_a_day_ueur = stated.total_ueur - before_ueur
    if stated.total_ueur - below.total_ueur > allowed_ueur or in_a_day_ueur > limits.meter_day_ueur * days:
        return StatementStanding.OVER_LIMITS
    return StatementStanding.BOOKED if heard else StatementStanding.UNKNOWN_METER


def given_back_ueur(statements: Sequence[Statement], voided_ueur: int) -> int:
    """What a kiosk has given back of the highest total that it has stated to a meter, in one epoch.

    `voided_ueur`: what its receipts say was voided. A later payment states up to that total again: then the
    money is there again, and nothing of the ledger is given back.
    """
    last = max(statements, key=lambda each: (each.number, each.total_ueur))
    highest_ueur = max(each.total_ueur for each in statements)
    return min(highest_ueur - last.total_ueur, voided_ueur)


def lacks_card_keys(said: KioskStatus, generations: CardGenerations) -> bool:
    """Whether a kiosk lacks the newest card keys, or holds such as have ended."""
    return 0 < said.generation < generations.newest or 0 < said.oldest < generations.ended


def is_newer(said: KioskStatus, sequence: int, count: int, *, online: bool) -> bool:
    """Whether a status is news. A last will ends its connection, whatever that has said before."""
    if said.sequence != sequence:
        return said.sequence > sequence
    return online and (not said.online or said.count > count)


def stored_up_to(before: int | None, numbers: Collection[int]) -> int:
    """Up to which number all items of a kiosk are stored, now that these are too; None: not counted yet.

    No higher one counts while one below it is missing: a store that was put back may get new items before
    those that it has lost, and the kiosk says again only what lies above.
    """
    if before is None:
        return max(numbers)
    while before + 1 in numbers:
        before += 1
    return before


@unique
class DifferenceKind(StrEnum):
    """What does not agree between card, meter and ledger.

    `meter_ahead`: the meter has credited more of the kiosk's issuer than the ledger knows: its statement is
    still at the kiosk, was lost with it, or a thief has signed. `not_credited`: it is in the ledger, and the
    meter had not credited it when it was last heard. `over_limits`, `stale_epoch`, `unknown_meter`: see
    `StatementStanding`. `kiosk_behind`: the kiosk's store knows of less than the ledger: it was restored from
    a backup. `kiosk_ahead`: it has stated what has not come.
    """

    METER_AHEAD = "meter_ahead"
    NOT_CREDITED = "not_credited"
    OVER_LIMITS = "over_limits"
    STALE_EPOCH = "stale_epoch"
    UNKNOWN_METER = "unknown_meter"
    KIOSK_BEHIND = "kiosk_behind"
    KIOSK_AHEAD = "kiosk_ahead"


# These are on their way; the others need a person.
ON_THE_WAY: Final = (DifferenceKind.NOT_CREDITED, DifferenceKind.KIOSK_AHEAD, DifferenceKind.UNKNOWN_METER)


class KioskDifference(Struct, frozen=True, kw_only=True):
    """One difference. `meter` empty: of the kiosk as a whole. Both amounts in micro-euro."""

    kind: DifferenceKind
    kiosk: str
    meter: str
    ledger_ueur: int
    found_ueur: int


def meter_difference(kiosk: str, meter: str, ledger_ueur: int, meter_ueur: int) -> KioskDifference | None:
    """Ledger and meter, of one issuer's epoch; None where they agree."""
    if ledger_ueur == meter_ueur:
        return None
    ahead = meter_ueur > ledger_ueur
    return KioskDifference(
        kind=DifferenceKind.METER_AHEAD if ahead else DifferenceKind.NOT_CREDITED,
        kiosk=kiosk,
        meter=meter,
        ledger_ueur=ledger_ueur,
        found_ueur=meter_ueur,
    )


def kiosk_difference(kiosk: str, ledger_ueur: int, status: KioskStatus | None) -> KioskDifference | None:
    """Ledger and the kiosk's own count of all that it has stated; None where they agree."""
    if status is None or status.issued_ueur == ledger_ueur:
        return None
    behind = status.issued_ueur < ledger_ueur
    return KioskDifference(
        kind=DifferenceKind.KIOSK_BEHIND if behind else DifferenceKind.KIOSK_AHEAD,
        kiosk=kiosk,
        meter="",
        ledger_ueur=ledger_ueur,
        found_ueur=status.issued_ueur,
    )


def limits_lost(now: KioskLimits, said: KioskStatus | None) -> int:
    """The later version that a kiosk says it obeys: this store was restored, and has lost it; 0: none.

    One that is far above is not believed: whoever has the key of the kiosk's words can say any.
    """
    return said.limits if said and now.version < said.limits <= now.version + REV_STEP_MAX else 0


def next_limits(
    now: KioskLimits, changed: dict[str, int], said: KioskStatus | None = None, *, revoked: bool = False
) -> KioskLimits:
    """The next version of the limits, above what the kiosk says that it obeys.

    The caller checks them by writing them.
    """
    values = {name: getattr(now, name) for name in KioskLimits.__struct_fields__}
    version = max(now.version, limits_lost(now, said)) + 1
    return KioskLimits(**(values | changed | {"version": version, "revoked": revoked or now.revoked}))


def fitting_documents(sizes: Sequence[int], bytes_max: int, count_max: int) -> int:
    """How many of these documents fit into one message, the first ones first; at least one where there is."""
    used = taken = 0
    for size in sizes[:count_max]:
        if taken and used + size > bytes_max:
            break
        used, taken = used + size, taken + 1
    return taken


# Refunds of one kiosk that are kept: an office has some in a month, and a thief of its key signs any number.
KIOSK_REFUND_ROWS_MAX: Final = 5_000


@unique
class RefundState(StrEnum):
    """How far a refund is.

    `owed`: nobody has decided. `ordered`: a second person must sign. `sent`: the meter must answer. `taken`:
    it is out of the purse, and may be paid. `refused`: the meter has refused the order: it is owed as before.
    `rejecting`: one person has rejected it, and a second one has not: it is owed as before. `paid`,
    `rejected`: ended. `voided`: the kiosk says that it gave the money back itself.
    """

    OWED = "owed"
    ORDERED = "ordered"
    SENT = "sent"
    TAKEN = "taken"
    REFUSED = "refused"
    REJECTING = "rejecting"
    PAID = "paid"
    REJECTED = "rejected"
    VOIDED = "voided"


# Out of the purse, or on its way to be.
COMMITTED: Final = (RefundState.ORDERED, RefundState.SENT, RefundState.TAKEN, RefundState.PAID)
# Nobody has decided, or not enough people.
UNDECIDED: Final = (RefundState.OWED, RefundState.REFUSED, RefundState.REJECTING)
_WAITS: Final = (OrderState.DRAFT, OrderState.REHEARSED, OrderState.APPROVED)
_TRAVELS: Final = (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.TIMED_OUT)


def refund_state(
    ending: str,
    *,
    voided: bool,
    orders: Iterable[tuple[OrderState, DeliveryState] | None],
    rejecting: bool = False,
) -> RefundState:
    """How far a refund is. `orders`: those that were made for it, with their deliveries; None: withdrawn.

    `rejecting`: one of the two people who reject it has said so.

    What the meter has taken once is taken, whatever became of other orders: each names the same total.
    """
    if ending:
        return RefundState.PAID if ending == RefundStanding.PAID else RefundState.REJECTED
    known = [each for each in orders if each is not None]
    if any(delivery in HELD_DELIVERIES for _, delivery in known):
        return RefundState.TAKEN
    if any(order in _WAITS for order, _ in known):
        return RefundState.ORDERED
    if any(order is OrderState.ACTIVE and delivery in _TRAVELS for order, delivery in known):
        return RefundState.SENT
    if voided:
        return RefundState.VOIDED
    if rejecting:
        return RefundState.REJECTING
    refused = bool(known) and known[-1][1] is DeliveryState.REFUSED
    return RefundState.REFUSED if refused else RefundState.OWED


def check_pay_back(
    payment: str,
    state: RefundState,
    amount_ueur: int,
    *,
    booked_ueur: int,
    committed_ueur: int,
    may_be_paid: bool,
    is_new: bool,
) -> None:
    """Raises RefusedError where a refund may not be ordered.

    `booked_ueur`: of this kiosk's payments to the meter in the ledger; `committed_ueur`: what of that was
    paid back, or is on its way. `may_be_paid`: this store may have forgotten that it was paid.
    """
    if state is RefundState.VOIDED:
        raise RefusedError(f"payment {payment}: the kiosk says that it gave the money back itself; reject it")
    if state not in UNDECIDED:
        raise RefusedError(f"payment {payment}: it is {state.value}; allowed: owed, refused")
    if committed_ueur + amount_ueur > booked_ueur:
        raise RefusedError(
            f"payment {payment}: the ledger holds {_eur(booked_ueur)} of this kiosk for the meter, and "
            f"{_eur(committed_ueur)} of it were paid back or are on their way: {_eur(amount_ueur)} are more"
        )
    if may_be_paid and not is_new:
        raise RefusedError(
            f"payment {payment}: kiosk or meter knows of a refund that this store does not: say --again if "
            "this one was paid before the store was restored, --new if it was not"
        )


def check_paid_before(payment: str, state: RefundState, *, may_be_paid: bool) -> None:
    """Raises RefusedError where a refund cannot have been paid before this store was restored."""
    if state not in UNDECIDED:
        raise RefusedError(f"payment {payment}: it is {state.value}; --again is for one that is owed")
    if not may_be_paid:
        raise RefusedError(
            f"payment {payment}: neither kiosk nor meter knows of a refund that this store does not: "
            "it was not paid before; allowed: pay-back without --again, or reject"
        )


def _eur(ueur: int) -> str:
    return f"{eur_from_quanta(ueur * QUANTA_PER_UEUR)} EUR"
