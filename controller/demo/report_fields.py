"""The content of `report.json`. Pure."""

from typing import Any, Final

from controller.demo.camera import Fleet
from controller.demo.card_households import ByCard
from controller.demo.result import Result, inside_window, is_early, percentile, windows
from protocols.instants import HOUR_MS
from protocols.units import UEUR_PER_EUR

SCHEMA: Final = 1
_UEUR_PER_CENT: Final = UEUR_PER_EUR // 100


def report_fields(result: Result) -> dict[str, Any]:
    """The content of `report.json`: money in integer cents, instants in UTC milliseconds."""
    allowed = windows()
    guarded = result.cuts(Fleet.GUARDED)
    inside = sum(inside_window(each.true_ms, allowed) for each in guarded)
    seconds = list(result.release_s.values())
    hours = [(way.back_ms - way.cut_ms) / HOUR_MS for way in result.ways_back]
    return {
        "schema": SCHEMA,
        "seed": result.seed,
        "meters": result.meters,
        "legacy": {
            "meters": result.meters // 2,
            "early_cuts": len(result.early(Fleet.LEGACY)),
            "cuts": len(result.cuts(Fleet.LEGACY)),
            "night_cuts": len(result.night_cuts(Fleet.LEGACY)),
            "back_by_card": len(result.ways_back),
            "back_hours_p50": _rounded(percentile(hours, 50)),
            "back_hours_p99": _rounded(percentile(hours, 99)),
        },
        "guarded": {
            "meters": result.meters // 2,
            "early_cuts": len(result.early(Fleet.GUARDED)),
            "cuts_outside_windows": len(guarded) - inside,
            "cuts_inside_windows": inside,
            "heard_wrong_date": len({each.meter for each in result.heard}),
        },
        "release": {
            "meters": len(result.off_before_release),
            "restored": len(seconds),
            "seconds_p50": _rounded(percentile(seconds, 50)),
            "seconds_p99": _rounded(percentile(seconds, 99)),
        },
        "topups": {
            "paid": result.paid_ueur // _UEUR_PER_CENT,
            "credited": result.credited_ueur // _UEUR_PER_CENT,
        },
        "by_card": None if result.by_card is None else _by_card_fields(result.by_card),
        "messages": {"published": sum(result.messages.values()), "by_channel": result.messages},
        "wall_seconds": round(result.wall_seconds, 3),
        "decisions_sha256": result.decisions_sha256,
        "broker": result.broker,
        "version": result.version,
        "steps": result.steps,
        "openings": [
            {
                "fleet": each.fleet.value,
                "meter": each.meter,
                "true_ms": each.true_ms,
                "reason": each.reason.value,
                "early": is_early(each, result.planned),
            }
            for each in result.openings
        ],
    }


def _by_card_fields(by_card: ByCard) -> dict[str, Any]:
    return {
        "meters": by_card.households,
        "heard_wrong_date": by_card.heard_wrong_date,
        "early_cuts": by_card.early_cuts,
        "cancelled": by_card.cancelled,
        "cuts": by_card.cuts,
        "back_by_card": len(by_card.minutes),
        "back_minutes_p50": _rounded(percentile(by_card.minutes, 50)),
        "passes": by_card.passes,
        "pulled": by_card.pulled,
        "accepted": by_card.accepted,
        "paid": by_card.paid_ueur // _UEUR_PER_CENT,
        "credited": by_card.credited_ueur // _UEUR_PER_CENT,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
