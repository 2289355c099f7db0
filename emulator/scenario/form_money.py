"""What changes money in a file: tariffs with registers, debts, and the payment mode (design §9)."""

from collections.abc import Sequence

from emulator.forms.fields import Fields
from emulator.forms.problems import shown
from emulator.scenario.model import DebtSpec, DeferralSpec, ParametersSpec, TariffSpec
from protocols.cutting.switches import RegisterPlan, compile_switches
from protocols.documents.bodies import RegisterPrice, Switch
from protocols.errors import InputError
from protocols.identifiers import is_obis
from protocols.instants import iso_from_ms
from protocols.limits import (
    BALANCE_EUR_MAX,
    DEBT_DAYS_MAX,
    DEBT_UEUR_MAX,
    INSTANT_MS_MIN,
    PRICE_UEUR_MAX,
    REGISTERS_MAX,
    REV_MAX,
)
from protocols.reasons import PaymentMode
from protocols.units import UEUR_PER_EUR

_REST = "rest"
_EUR_MAX = PRICE_UEUR_MAX // UEUR_PER_EUR


def read_tariff(given: Fields, at_ms: int | None) -> TariffSpec:
    """The arguments of the event; `at_ms` None if the file's own is wrong."""
    price_ueur, fixed_ueur = _read_prices(given)
    plans = [_read_register(each) for each in given.tables("registers", REGISTERS_MAX)]
    if not plans:
        return TariffSpec(price_ueur, fixed_ueur)
    registers = tuple(plan.price for plan in plans)
    return TariffSpec(price_ueur, fixed_ueur, registers, _compile(given, plans, at_ms))


def read_deferral(given: Fields, at_ms: int | None) -> DeferralSpec:
    """The arguments of `do = "deferral"`, which begins at once where `from` is not given."""
    name, until_ms = given.identifier("id"), given.instant_ms("until")
    from_ms = given.instant_ms("from") if given.has("from") else at_ms
    if from_ms is not None and given.right("until") and until_ms <= from_ms:
        given.refuse("until", iso_from_ms(until_ms), f"after its begin, {iso_from_ms(from_ms)}")
    return DeferralSpec(name, INSTANT_MS_MIN if from_ms is None else from_ms, until_ms)


def read_debt(given: Fields) -> DebtSpec:
    """The arguments of `do = "debt"`."""
    return DebtSpec(
        total_ueur=given.ueur("eur", 0, BALANCE_EUR_MAX),
        share_permille=given.integer("share_permille", 0, 1_000) if given.has("share_permille") else None,
        payment_cap_ueur=_read_cap(given, "payment_cap_eur"),
        period_cap_ueur=_read_cap(given, "period_cap_eur"),
        period_days=given.integer("period_days", 1, DEBT_DAYS_MAX, 7),
    )


def read_parameters(given: Fields, at_ms: int | None) -> ParametersSpec:
    """The arguments of `do = "parameters"`: `mode`, or `back_to` an earlier version; in force from `from`."""
    mode, back_to = None, None
    if given.either("mode", "back_to"):
        if given.has("mode"):
            mode = given.one_of("mode", tuple(PaymentMode))
        else:
            back_to = given.integer("back_to", 0, REV_MAX)
    from_ms = given.instant_ms("from") if given.has("from") else at_ms
    return ParametersSpec(INSTANT_MS_MIN if from_ms is None else from_ms, mode, back_to)


def _read_cap(given: Fields, key: str) -> int:
    return given.ueur(key, 0, BALANCE_EUR_MAX) if given.has(key) else DEBT_UEUR_MAX


def _compile(given: Fields, plans: Sequence[RegisterPlan], at_ms: int | None) -> tuple[Switch, ...]:
    zone, holidays, until_ms = given.zone("zone"), given.holidays("holidays"), given.instant_ms("until")
    names = [plan.price.obis for plan in plans]
    if len({*names}) < len(names):
        given.refuse("registers", "one of them twice", "each register once")
    if at_ms is None or not given.right("registers", "zone", "holidays", "until"):
        return ()
    if until_ms <= at_ms:
        given.refuse("until", iso_from_ms(until_ms), f"after at, {iso_from_ms(at_ms)}")
        return ()
    try:
        return compile_switches(plans, zone, holidays, at_ms, until_ms)
    except InputError as error:
        found, _, allowed = str(error).partition("; allowed: ")
        given.refuse("registers", found, allowed)
        return ()


def _read_register(given: Fields) -> RegisterPlan:
    obis = given.text("obis")
    if given.right("obis") and not is_obis(obis):
        given.refuse("obis", shown(obis), "the name of a register, such as 1-0:1.8.1")
    price = RegisterPrice(obis, *_read_prices(given))
    rule = None if given.value("rule") == _REST else given.rule("rule")
    given.finish()
    return RegisterPlan(price, rule)


def _read_prices(given: Fields) -> tuple[int, int]:
    return given.ueur("eur_per_kwh", 0, _EUR_MAX), given.ueur("fixed_eur_per_day", 0, _EUR_MAX)
