"""What a kiosk may do with money: which payments count, what a void needs, how far limits reach. Pure.

The kiosk is an issuer. Its statement for a meter is the sum of all payments that *count*, with what was found
(`found`), in the issuer's epoch. A payment counts from the moment in which the money is there until it is
certain that no statement with it will be credited. So whatever is lost in between, the sum at the meter is
at last the sum that was paid.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum, unique
from typing import Final, NamedTuple, Protocol

from protocols.errors import InputError, RefusedError
from protocols.instants import HOUR_MS
from protocols.limits import STATEMENT_UEUR_MAX, TOP_UP_EUR_MAX, TOP_UP_EUR_MIN
from protocols.units import QUANTA_PER_UEUR, UEUR_PER_EUR, eur_from_quanta


@unique
class PaymentState(StrEnum):
    """How far a payment has come.

    `asked`: a terminal was asked, and its answer is not known. `cancelling`: it was asked to cancel that, and
    whoever began it ends it. `declined`: it said no, or was cancelled. `taken`: the money is there, and no
    statement with it can be on a card. `written`: such a statement may be on a card; it is
    noted before the card's commit. `committed`: a card has confirmed it. `voiding`: a statement without it
    may be on its way; the money is still here. `voided`: the money was given back. `refund`: the household
    wants it back, and the meter may have it already: the office decides.
    """

    ASKED = "asked"
    CANCELLING = "cancelling"
    DECLINED = "declined"
    TAKEN = "taken"
    WRITTEN = "written"
    COMMITTED = "committed"
    VOIDING = "voiding"
    VOIDED = "voided"
    REFUND = "refund"


# In these states the money is here, and the meter shall have it.
COUNTING: Final = frozenset(
    {
        PaymentState.TAKEN,
        PaymentState.WRITTEN,
        PaymentState.COMMITTED,
        PaymentState.VOIDING,
        PaymentState.REFUND,
    }
)
# What a terminal was asked for may be here already.
USING_LIMITS: Final = COUNTING | {PaymentState.ASKED, PaymentState.CANCELLING}
# Somebody at the kiosk has to do something yet. A refund is with the office.
OPEN: Final = frozenset(
    {
        PaymentState.ASKED,
        PaymentState.CANCELLING,
        PaymentState.TAKEN,
        PaymentState.WRITTEN,
        PaymentState.VOIDING,
    }
)
# A statement with it may be on some card.
OFFERED: Final = frozenset({PaymentState.WRITTEN, PaymentState.COMMITTED, PaymentState.VOIDING})


def is_with_office(state: str, epoch: int, epoch_now: int | None) -> bool:
    """Whether an open payment lies in a statement of an epoch that is closed: no later one carries it.

    The meter may have credited it before it closed the epoch, and only the office can check the meter's word.
    So it comes back as a refund; but with the very card, where no meter has read that since, the payment
    counts anew (`stating.take_off_closed`). `epoch_now`: of the kiosk's issuer; None: it has none any more.
    """
    return state in (PaymentState.WRITTEN, PaymentState.VOIDING) and epoch != epoch_now


class TillLimits(Protocol):
    """What the controller lets a kiosk do by itself; lengths of time, and no dates.

    `meter_day_ueur`: of all payments to one meter in 24 hours. `offline_ueur`, `offline_count`: of all that
    the controller has not acknowledged. `offline_hours`: how long the kiosk goes on without hearing it.
    """

    @property
    def payment_min_ueur(self) -> int: ...
    @property
    def payment_max_ueur(self) -> int: ...
    @property
    def meter_day_ueur(self) -> int: ...
    @property
    def offline_ueur(self) -> int: ...
    @property
    def offline_count(self) -> int: ...
    @property
    def offline_hours(self) -> int: ...
    @property
    def revoked(self) -> bool: ...


class TillAccount(NamedTuple):
    """What the store knows of one meter and one epoch of the issuer.

    `counting_ueur`: all payments that count, and what was found. `signed_ueur`: the highest total that was
    ever signed, also of what was voided later. `number`: of the last statement.
    """

    counting_ueur: int = 0
    signed_ueur: int = 0
    number: int = 0

    @property
    def known_ueur(self) -> int:
        """The highest total that this store can explain."""
        return max(self.counting_ueur, self.signed_ueur)


class Shown(NamedTuple):
    """The highest totals of this issuer that card and meter show, by what they prove.

    `proved_ueur`: in a statement of the kiosk's own key, or in the meter's word where its MAC was checked.
    `said_ueur`: in a word whose MAC the kiosk cannot check.
    """

    proved_ueur: int = 0
    said_ueur: int = 0


class Usage(NamedTuple):
    """How much of its limits a kiosk has used.

    `meter_day_ueur`: taken for this meter in the last day. `offline_ueur`, `offline_count`: the payments that
    the controller has not acknowledged. Both with those of which no terminal has said what became of them.
    `silent_ms`: for how long the controller has not been heard; None: never.
    """

    meter_day_ueur: int = 0
    offline_ueur: int = 0
    offline_count: int = 0
    silent_ms: int | None = None


def found_money(account: TillAccount, shown: Shown) -> int:
    """What the meter or card has above all that this store can explain: payments that it has forgotten.

    Only what is proved counts. A total that was voided later is explained: it is no money that was forgotten.
    Raises RefusedError where what is only said is above it: whoever can write on a card could else have the
    kiosk sign any sum.
    """
    found_ueur = max(0, shown.proved_ueur - account.counting_ueur)
    if shown.proved_ueur <= account.known_ueur:
        found_ueur = 0
    explained = max(account.known_ueur, shown.proved_ueur)
    if shown.said_ueur > explained:
        raise RefusedError(
            f"the card says that its meter has had {eur(shown.said_ueur)} by this kiosk, which knows of "
            f"{eur(explained)}: it takes no payment until the office has told it more (code K1)"
        )
    return found_ueur


def is_money_waiting(counting_ueur: int, states: Collection[str], shown: Shown) -> bool:
    """Whether a card lacks money that was paid here, or has not confirmed it. `states`: of what counts.

    Not while a payment is being taken back: who began that ends it. Nor where the card shows more than is
    known: that is found money, or a total that was voided.
    """
    shown_ueur = max(shown)
    if PaymentState.VOIDING in states or counting_ueur < shown_ueur:
        return False
    return counting_ueur > shown_ueur or not {PaymentState.TAKEN, PaymentState.WRITTEN}.isdisjoint(states)


@unique
class PaymentClaim(StrEnum):
    """What the clerk says of a payment whose id the store does not know.

    `new`: its money has just been handed over. `again`: it was paid before, and the store has forgotten it.
    `unsaid`: neither.
    """

    NEW = "new"
    AGAIN = "again"
    UNSAID = "unsaid"


def drawn_from_found(amount_ueur: int, found_ueur: int, claim: PaymentClaim) -> int:
    """How much of a payment is money that was found already: credited, or on its way, before this entry.

    `found_ueur`: all that was found and that no payment has explained yet. Raises RefusedError where found
    money may be this payment, and nobody says whether it is: nobody guesses about money that may have just
    been handed over.
    """
    if claim is PaymentClaim.AGAIN:
        return min(amount_ueur, max(found_ueur, 0))
    if claim is PaymentClaim.UNSAID and found_ueur >= amount_ueur:
        raise RefusedError(
            f"this kiosk has found {eur(found_ueur)} of payments that it had forgotten: say --again if this "
            "payment was made before, --new if its money has just been handed over"
        )
    return 0


def check_payment(amount_ueur: int, limits: TillLimits | None, usage: Usage, account: TillAccount) -> None:
    """Raises InputError for an amount that no kiosk takes, RefusedError for what is beyond its limits.

    `limits` None: no controller has set any; then the meters' own bounds are all there is.
    """
    low, high = TOP_UP_EUR_MIN * UEUR_PER_EUR, TOP_UP_EUR_MAX * UEUR_PER_EUR
    if not low <= amount_ueur <= high:
        raise InputError(f"--eur: {eur(amount_ueur)}; allowed: {TOP_UP_EUR_MIN} to {TOP_UP_EUR_MAX}")
    if account.counting_ueur + amount_ueur > STATEMENT_UEUR_MAX:
        raise RefusedError(f"payment: in all more than {eur(STATEMENT_UEUR_MAX)}: no meter credits that")
    if limits is None:
        return
    if limits.revoked:
        raise RefusedError("this kiosk is revoked: it takes no payment any more (code K2)")
    if not limits.payment_min_ueur <= amount_ueur <= limits.payment_max_ueur:
        allowed = f"{eur(limits.payment_min_ueur)} to {eur(limits.payment_max_ueur)}"
        raise RefusedError(f"payment of {eur(amount_ueur)}; allowed at this kiosk: {allowed} (code K3)")
    if usage.meter_day_ueur + amount_ueur > limits.meter_day_ueur:
        left = max(0, limits.meter_day_ueur - usage.meter_day_ueur)
        raise RefusedError(f"this meter has had its payments of the day; left: {eur(left)} (code K4)")
    _check_offline(amount_ueur, limits, usage)


def _check_offline(amount_ueur: int, limits: TillLimits, usage: Usage) -> None:
    if usage.silent_ms is None or usage.silent_ms > limits.offline_hours * HOUR_MS:
        raise RefusedError(
            f"the controller was not heard for more than {limits.offline_hours} h (or nobody knows for how "
            "long): no payment until it is (code K5)"
        )
    if usage.offline_count >= limits.offline_count or usage.offline_ueur + amount_ueur > limits.offline_ueur:
        waiting = f"{usage.offline_count} payments, {eur(usage.offline_ueur)}"
        raise RefusedError(f"{waiting} wait for the controller: no further one until it answers (code K6)")


class Moment(NamedTuple):
    """An instant by the wall clock, and by the machine's count since its boot (`boot` names it)."""

    wall_ms: int
    tick_ms: int
    boot: int


def silence_ms(heard: Moment | None, now: Moment) -> int | None:
    """For how long the controller was not heard; None: nobody knows, so it may be for ever.

    The longer of what both clocks say: one that was set back makes it no shorter. After a new boot only the
    wall clock can say it, and if that stands before the moment, it says nothing.
    """
    if heard is None:
        return None
    wall_ms = now.wall_ms - heard.wall_ms
    if heard.boot != now.boot:
        return wall_ms if wall_ms >= 0 else None
    return max(wall_ms, now.tick_ms - heard.tick_ms)


def passed_ms(
    last: tuple[int, int, int] | None, anchor: tuple[int, int] | None, now: Moment, judged_ms: int | None
) -> int:
    """How much time a kiosk has counted until now; it never falls.

    `last`: what was counted at which tick of which boot. `anchor`: what was counted when the judged clock
    said which instant. `judged_ms`: what it says now; None: it is doubted. The wall clock says nothing here.
    Of another boot the ticks say nothing either: it may have begun long before, where the store came from
    another machine. So whoever begins to work counts at once.
    """
    if last is None:
        return 0
    counted, tick, boot = last
    if boot == now.boot:
        counted += max(0, now.tick_ms - tick)
    if anchor is not None and judged_ms is not None:
        counted = max(counted, anchor[0] + judged_ms - anchor[1])
    return counted


@unique
class VoidWay(StrEnum):
    """How a payment is taken back.

    `free`: no card can have it. `card`: by a later statement without it, on the card that has it. `refund`:
    the meter may have it; the office decides.
    """

    FREE = "free"
    CARD = "card"
    REFUND = "refund"


class CardEvidence(NamedTuple):
    """What the card that is present says. `chain` stays the same as long as nobody else opens the card."""

    serial: str
    chain: int
    applied_ueur: int


def void_way(
    state: PaymentState,
    offered: tuple[str, int],
    amount_ueur: int,
    account: TillAccount,
    found: CardEvidence | None,
) -> VoidWay:
    """How a payment is taken back. Raises RefusedError where there is nothing to take back, or no card yet.

    `offered`: the card to which a statement with it was first offered, and that card's chain then. After that
    the meter may have credited it, and a card that was pulled out in its slot does not say so. So the total
    that the card shows is not enough: nobody else may have opened the card since. It counts every attempt.
    """
    card, chain = offered
    if state is PaymentState.TAKEN:
        return VoidWay.FREE
    if state not in OFFERED:
        raise RefusedError(f"it is {state}: there is nothing to void")
    if found is None:
        raise RefusedError("its statement may be on the card: put that card in, or say --refund")
    if found.serial != card:
        raise RefusedError(f"its statement is on card {card}, and this is card {found.serial}")
    lower = found.applied_ueur <= account.counting_ueur - amount_ueur
    return VoidWay.CARD if found.chain == chain and lower else VoidWay.REFUND


class CashUp(NamedTuple):
    """The drawer at the end of a shift. `difference_ueur`: above 0: there is too much."""

    booked_ueur: int
    counted_ueur: int

    @property
    def difference_ueur(self) -> int:
        """What was counted less what must be there."""
        return self.counted_ueur - self.booked_ueur


def booked_cash(float_ueur: int, taken_ueur: Iterable[int], given_back_ueur: Iterable[int]) -> int:
    """What must lie in the drawer: what lay there, and what cash came in, less what went out."""
    return float_ueur + sum(taken_ueur) - sum(given_back_ueur)


def eur(ueur: int) -> str:
    """An amount for an English message."""
    return f"{eur_from_quanta(ueur * QUANTA_PER_UEUR)} €"
