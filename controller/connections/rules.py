"""What of an old meter's purse is the household's: its last report, and what is on its way. Pure.

Conservation: whatever the household has paid is in the balance of the last report, or it is on its way there,
or a clerk has asked for it. What was paid back out of the purse is not the household's any more, whether the
meter has taken it or not. So what is carried over does not depend on which of those had come to the meter.
"""

from enum import StrEnum, unique

from msgspec import Struct

from protocols.documents.accounts import Account
from protocols.units import QUANTA_PER_UEUR


@unique
class RefundStage(StrEnum):
    """`waits`: for a signature. `sent`: the meter has not answered. `out`: it is out of the purse.

    `refused`: by the meter. `ended`: withdrawn, or too late.
    """

    WAITS = "waits"
    SENT = "sent"
    OUT = "out"
    REFUSED = "refused"
    ENDED = "ended"


class LeaversRefund(Struct, frozen=True, kw_only=True):
    """The refund of a household that left; `meter`: where, which may be in the place of the one it left."""

    order: str
    meter: str
    stage: RefundStage


class PurseKnown(Struct, frozen=True, kw_only=True):
    """A purse, and the ledger beside it. All of it in micro-euro (`_ueur`).

    `balance_ueur`: None: never reported. `lent_ueur`: emergency credit that is drawn and not repaid.
    `paid_ueur`: all that the ledger holds; `credited_ueur`: what of it is in the balance. `asked_ueur`:
    payments that wait to be booked. `ordered_ueur`: all refunds that two people have ordered and the meter
    has not refused; `refunded_ueur`: what of them is out of the balance. `claimed_ueur`: a refund that waits
    for a signature: somebody is told already that this is theirs.
    """

    balance_ueur: int | None
    lent_ueur: int = 0
    paid_ueur: int = 0
    credited_ueur: int = 0
    asked_ueur: int = 0
    ordered_ueur: int = 0
    refunded_ueur: int = 0
    claimed_ueur: int = 0

    @property
    def coming_ueur(self) -> int:
        """What was booked, and is not in the balance."""
        return max(self.paid_ueur - self.credited_ueur, 0)

    @property
    def leaving_ueur(self) -> int:
        """What was paid back, and is still in the balance."""
        return max(self.ordered_ueur - self.refunded_ueur, 0)


class Owed(Struct, frozen=True):
    """What is owed to a household that leaves: on the purse, and on its way there.

    `purse_ueur`: below 0: its debt; None: nobody knows the balance.
    """

    purse_ueur: int | None
    coming_ueur: int

    @property
    def all_ueur(self) -> int:
        """Both together, as far as they are known."""
        return (self.purse_ueur or 0) + self.coming_ueur


def worth_ueur(purse: PurseKnown) -> int | None:
    """What is the household's; below 0: what it owes. None: nobody knows the balance."""
    there_ueur = _there_ueur(purse)
    return None if there_ueur is None else there_ueur + purse.coming_ueur + purse.asked_ueur


def owed_to_leaver(purse: PurseKnown) -> Owed:
    """What is owed to whoever leaves now.

    Less what a refund that waits pays back: it was told as owed before, to whoever left or asked for it. That
    comes off what is on the purse first, and what it does not cover off what is on its way there.
    """
    there_ueur, coming_ueur = _there_ueur(purse), purse.coming_ueur + purse.asked_ueur
    covered_ueur = min(purse.claimed_ueur, max(there_ueur or 0, 0))
    return Owed(
        purse_ueur=None if there_ueur is None else there_ueur - covered_ueur,
        coming_ueur=max(coming_ueur - (purse.claimed_ueur - covered_ueur), 0),
    )


def _there_ueur(purse: PurseKnown) -> int | None:
    """What of the balance is the household's; None: nobody knows the balance."""
    if purse.balance_ueur is None:
        return None
    return purse.balance_ueur - purse.lent_ueur - purse.leaving_ueur


def net_of_account(account: Account) -> tuple[int, int]:
    """The balance of an account and the emergency credit that it owes, in micro-euro: together exact to one.

    Rounded so that no meter gives more than it holds.
    """
    lent_ueur = -(-int(account.owed_q) // QUANTA_PER_UEUR)
    return int(account.balance_q) // QUANTA_PER_UEUR, lent_ueur
