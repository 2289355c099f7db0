"""How a household that has left is told: until when it lived there, and whose the money on the purse is."""

from typing import Any

from controller.connections.moving import TenancyView
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


def money_in_words(left: TenancyView, owed_ueur: int | None) -> str:
    """Whose the money on the purse is. The purse still holds it: only a refund takes it out.

    `owed_ueur`: what of the balance is owed to who left; below 0: it owed that.
    """
    if left.balance_ueur is None or left.reported_ms is None:
        return "What its purse holds is not known: the meter has reported nothing."
    apart_ms = left.reported_ms - left.until_ms
    when = f"{duration(abs(apart_ms))} {'after' if apart_ms >= 0 else 'before'} the move"
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
