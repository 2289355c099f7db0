"""How a household that has left is told: until when it lived there, and whose the money on the purse is."""

from typing import Any, Final

from msgspec import to_builtins

from controller.connections.moving import TenancyView
from controller.connections.rules import LeaversRefund, RefundStage
from controller.faces.cli.showing import instants
from protocols.words.en.amounts import eur
from protocols.words.en.times import duration


def tenancy_fields(left: TenancyView) -> dict[str, Any]:
    """The JSON fields of a household that has left."""
    return {
        "ean": left.ean,
        "number": left.number,
        "meter": left.meter,
        "balance_ueur": left.balance_ueur,
        "recorded_by": left.recorded_by,
        **instants(until=left.until_ms, reported=left.reported_ms, recorded=left.recorded_ms),
    }


# What became of the refund that the move has drafted, after its id.
_STAGES: Final = {
    RefundStage.WAITS: "waits for a signature; the purse still holds it",
    RefundStage.SENT: "is on its way; until the meter answers, the purse still holds it",
    RefundStage.OUT: "has taken it out of the purse",
    RefundStage.REFUSED: "was refused by the meter; `relance refund` drafts another",
    RefundStage.ENDED: "has ended unsigned or unanswered; the purse still holds it",
}


def refund_fields(refund: LeaversRefund | None) -> dict[str, Any]:
    """The JSON field of the refund of a household that has left; null where its move has drafted none."""
    return {"refund": None if refund is None else to_builtins(refund)}


def shown_in_words(left: TenancyView, refund: LeaversRefund | None) -> str:
    """What was on the purse when they left, and what has become of it since."""
    if left.balance_ueur is None or left.reported_ms is None or left.balance_ueur < 0:
        return money_in_words(left, left.balance_ueur)
    told = f"{eur(left.balance_ueur)} EUR were on the purse by the report {_when(left)}."
    if refund is not None:
        return f"{told} What is owed of it to who left: refund {refund.order} {_STAGES[refund.stage]}."
    return f"{told} No refund was drafted with the move." if left.balance_ueur else told


def money_in_words(left: TenancyView, owed_ueur: int | None) -> str:
    """Whose the money on the purse is. The purse still holds it: only a refund takes it out.

    `owed_ueur`: what of the balance is owed to who left; below 0: it owed that.
    """
    if left.balance_ueur is None or left.reported_ms is None:
        return "What its purse holds is not known: the meter has reported nothing."
    when = _when(left)
    amount, balance = eur(abs(owed_ueur or 0)), eur(left.balance_ueur)
    if owed_ueur is not None and owed_ueur < 0:
        return (
            f"It owed {amount} EUR by the report {when}: the debt is the leaver's, not the next household's."
        )
    if owed_ueur == left.balance_ueur:
        return (
            f"{amount} EUR on the purse by the report {when} are owed to who left; "
            "the purse still holds them."
        )
    return (
        f"{amount} of the {balance} EUR on the purse by the report {when} are owed to who left; "
        "the rest is lent, or a refund pays it back already."
    )


def _when(left: TenancyView) -> str:
    apart_ms = (left.reported_ms or 0) - left.until_ms
    return f"{duration(abs(apart_ms))} {'after' if apart_ms >= 0 else 'before'} the move"
