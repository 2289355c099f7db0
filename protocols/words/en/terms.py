"""What orders about money say: tariffs, debts, refunds, and the payment mode."""

from typing import Final
from zoneinfo import ZoneInfo

from protocols.documents.bodies import (
    DebtBody,
    DeferralBody,
    ParametersBody,
    RefundBody,
    RegisterPrice,
    TariffBody,
)
from protocols.limits import DEBT_UEUR_MAX
from protocols.reasons import PaymentMode
from protocols.words.en.amounts import eur, price
from protocols.words.en.times import local

_MODES: Final = {PaymentMode.PREPAID: "prepaid", PaymentMode.CREDIT: "on credit"}


def terms_in_words(
    body: TariffBody | DeferralBody | DebtBody | RefundBody | ParametersBody, zone: ZoneInfo
) -> str:
    """What such an order changes at its meters."""
    match body:
        case TariffBody():
            return _tariff_in_words(body, zone)
        case DeferralBody():
            until = local(body.until_ms, zone)
            return f"nothing is charged from {local(body.from_ms, zone)} until {until}, it is settled later"
        case DebtBody():
            return _debt_in_words(body)
        case RefundBody():
            return f"refunds out of the credit, {eur(body.total_ueur)} EUR in all"
        case ParametersBody():
            return f"from {local(body.from_ms, zone)} {_parameters_in_words(body)}"


def mode_in_words(mode: PaymentMode | None) -> str:
    """A payment mode; None: that of the commissioning."""
    return "as commissioned" if mode is None else _MODES[mode]


def _tariff_in_words(body: TariffBody, zone: ZoneInfo) -> str:
    prices = [_prices_in_words(body)]
    prices += [f"while {each.obis} is in use {_prices_in_words(each)}" for each in body.registers]
    if not body.switches:
        return "; ".join(prices)
    last = body.switches[-1]
    return f"{'; '.join(prices)}; {len(body.switches)} switches, the last {local(last.at_ms, zone)}"


def _prices_in_words(prices: TariffBody | RegisterPrice) -> str:
    fixed = f"{price(prices.fixed_ueur_per_day)} EUR a day"
    return f"energy at {price(prices.price_ueur_per_kwh)} EUR/kWh, {fixed}"


def _debt_in_words(body: DebtBody) -> str:
    percent = f"{body.share_permille // 10}.{body.share_permille % 10}".removesuffix(".0")
    said = [f"a debt of {eur(body.total_ueur)} EUR in all, to which {percent} % of each payment goes"]
    if body.payment_cap_ueur < DEBT_UEUR_MAX:
        said.append(f"at most {eur(body.payment_cap_ueur)} EUR of one")
    if body.period_cap_ueur < DEBT_UEUR_MAX:
        said.append(f"at most {eur(body.period_cap_ueur)} EUR in {body.period_days} days")
    return ", ".join(said)


def _parameters_in_words(body: ParametersBody) -> str:
    if body.back_to is not None:
        return f"the values of version {body.back_to}" if body.back_to else "all values as commissioned"
    groups = "as commissioned" if body.groups is None else ", ".join(body.groups) or "none"
    return f"the payment mode is {mode_in_words(body.mode)}, the groups are {groups}"
