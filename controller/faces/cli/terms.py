"""How `meters show` tells what stands at a meter of money: tariff, debt, payment mode, and deferrals.

All of it is what orders say. Of debt and mode the last order counts, whether the meter has confirmed it or
not.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import to_builtins

from controller.connections.terms import ParameterTerms
from controller.faces.cli.showing import instants
from controller.tariffs.views import Charges, ChargeView
from protocols.documents.bodies import DebtBody, DeferralBody
from protocols.words.en.terms import mode_in_words, terms_in_words
from protocols.words.en.times import local

_COMMISSIONED = "as commissioned"


class MoneyTerms(NamedTuple):
    """What stands at one meter. `parameters`: the version in force, and those that are to come."""

    charges: Charges
    debt: DebtBody | None
    parameters: Sequence[ParameterTerms]


def terms_rows(terms: MoneyTerms, zone: ZoneInfo, now_ms: int) -> list[tuple[str, str]]:
    """Rows of a table: each of them is there, since that nothing is ordered is known too."""
    charges = terms.charges
    tariff = _COMMISSIONED if charges.tariff is None else _charge(charges.tariff, zone)
    debt = "none" if terms.debt is None else terms_in_words(terms.debt, zone)
    present = next((each for each in terms.parameters if each.from_ms <= now_ms), None)
    return [
        ("tariff", tariff),
        *(("tariff on its way", _charge(each, zone)) for each in charges.coming),
        *(("deferral", _charge(each, zone)) for each in charges.deferrals),
        ("debt", debt),
        ("payment mode", _COMMISSIONED if present is None else mode_in_words(present.mode)),
        *(
            ("payment mode", f"{mode_in_words(each.mode)} from {local(each.from_ms, zone)}")
            for each in terms.parameters
            if each.from_ms > now_ms
        ),
    ]


def terms_fields(terms: MoneyTerms, now_ms: int) -> dict[str, Any]:
    """In `--json`, as `terms`. `mode` None: as commissioned."""
    charges = terms.charges
    present = next((each for each in terms.parameters if each.from_ms <= now_ms), None)
    return {
        "terms": {
            "tariff": None if charges.tariff is None else _charge_fields(charges.tariff),
            "tariffs_coming": [_charge_fields(each) for each in charges.coming],
            "deferrals": [_charge_fields(each) for each in charges.deferrals],
            "debt": None if terms.debt is None else to_builtins(terms.debt),
            "mode": None if present is None else present.mode,
            "modes_coming": [
                {"mode": each.mode, **instants(**{"from": each.from_ms})}
                for each in terms.parameters
                if each.from_ms > now_ms
            ],
        }
    }


def _charge(view: ChargeView, zone: ZoneInfo) -> str:
    unconfirmed = "" if view.unconfirmed is None else f"; not confirmed: {view.unconfirmed}"
    return f"{view.name}: {terms_in_words(view.body, zone)}{unconfirmed}"


def _charge_fields(view: ChargeView) -> dict[str, Any]:
    """A tariff's switches are left out: `orders show` has them all."""
    found: dict[str, Any] = {
        "order": view.order_id,
        "name": view.name,
        "rev": view.rev,
        "unconfirmed": view.unconfirmed,
    }
    if isinstance(view.body, DeferralBody):
        return found | instants(**{"from": view.body.from_ms}, until=view.body.until_ms)
    return found | {
        "price_ueur_per_kwh": view.body.price_ueur_per_kwh,
        "fixed_ueur_per_day": view.body.fixed_ueur_per_day,
        "registers": to_builtins(view.body.registers),
    }
