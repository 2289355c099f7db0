"""How a meter that left the fleet is told: what came in its place, and whose the money of its purse is."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from controller.connections.retiring import RetiredView
from controller.faces.cli.showing import instants, moment
from protocols.words.en.amounts import eur


def retired_fields(view: RetiredView) -> dict[str, Any]:
    """The JSON fields of a meter that left the fleet."""
    return {
        "meter": view.meter,
        "ean": view.ean,
        "successor": view.successor,
        "by": view.by,
        "basis": view.basis,
        "worth_ueur": view.worth_ueur,
        "said": view.said,
        "payment": view.payment,
        "spoke": view.spoke,
        "late_ueur": view.late_ueur,
        **instants(at=view.at_ms, late=view.late_ms),
    }


def worth_in_words(view: RetiredView) -> str:
    """What of the purse was the household's, and where it went."""
    worth_ueur, source = view.worth_ueur, "by its display" if view.said else "by its last report"
    if worth_ueur is None:
        return "What its purse holds is unknown: it has reported nothing. What its display shows is owed."
    if worth_ueur < 0:
        return f"{eur(-worth_ueur)} EUR were owed {source}; no order says so yet: see `relance debt set`."
    if worth_ueur == 0:
        return f"Nothing was on its purse {source}."
    amount = f"{eur(worth_ueur)} EUR"
    if view.spoke and view.payment is None:
        return (
            f"{amount} were on its purse {source}, or on their way to it. It still spoke: the household goes "
            "on using them there. What is owed in the end `relance meters retired` tells, by its last report."
        )
    if view.successor is None:
        return f"{amount} were on its purse {source}, or on their way to it: they are owed to the household."
    if view.payment is None:
        return f"{amount} {source}: nothing is paid again, since {view.successor} held money before."
    return f"{amount} {source} go to {view.successor}, as payment {view.payment}."


def late_in_words(view: RetiredView, zone: ZoneInfo) -> str | None:
    """What a report has said that came after the meter had left; None: none came."""
    if view.late_ms is None:
        return None
    came = f"A report came afterwards, {moment(view.late_ms, zone)}"
    if view.late_ueur is None or view.worth_ueur is None:
        return f"{came}."
    apart_ueur = view.late_ueur - view.worth_ueur
    if apart_ueur == 0:
        return f"{came}: it says the same."
    side = "more" if apart_ueur > 0 else "less"
    return (
        f"{came}: by it {eur(abs(apart_ueur))} EUR {side} are the household's. Nothing was changed by that."
    )


def left_in_words(view: RetiredView, zone: ZoneInfo) -> str:
    """When a meter left the fleet, by whom, and what of its money."""
    how = "removed" if view.successor is None else f"replaced by {view.successor}"
    how += "" if view.ean is None else f" at EAN {view.ean}"
    late = late_in_words(view, zone)
    told = f"{how} {moment(view.at_ms, zone)} by {view.by}. {worth_in_words(view)}"
    return told if late is None else f"{told} {late}"


def place_rows(
    retired: Iterable[RetiredView], before: Iterable[RetiredView], zone: ZoneInfo
) -> list[tuple[str, str]]:
    """The lines of `meters show` about a meter that left the fleet, or that is in the place of another."""
    left = [("left the fleet", left_in_words(each, zone)) for each in retired]
    return left + [("in the place of", f"{each.meter}, {left_in_words(each, zone)}") for each in before]
