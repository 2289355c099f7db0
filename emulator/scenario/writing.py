"""Which document a verb of a scenario is: the desk writes it, whoever brings it to the meter (design §9).

A document for each verb but three: a calendar goes with its lease, and a payment and a change of issuers
depend on what the meter has credited. Pure.
"""

from typing import Final

from emulator.scenario.desk import Desk
from emulator.scenario.model import (
    CancelCutSpec,
    CutCalendarSpec,
    DebtSpec,
    DeferralSpec,
    EmergencyCreditSpec,
    FlagSpec,
    HoldSpec,
    IssuersSpec,
    LiftHoldSpec,
    ParametersSpec,
    ProgrammedCutSpec,
    RebaseSpec,
    RefundSpec,
    ReleaseSpec,
    ShortenHoldSpec,
    TariffSpec,
    TopUpSpec,
)

_PERMILLE_PER_PERCENT: Final = 10

MoneySpec = TariffSpec | DeferralSpec | DebtSpec | RefundSpec | ParametersSpec
# What one document carries, whatever the meter has heard before.
PlainSpec = (
    HoldSpec
    | LiftHoldSpec
    | ShortenHoldSpec
    | ProgrammedCutSpec
    | CancelCutSpec
    | ReleaseSpec
    | EmergencyCreditSpec
    | RebaseSpec
    | FlagSpec
    | MoneySpec
)
# Everything that people sign, and that a document or two bring.
SignedSpec = PlainSpec | CutCalendarSpec | TopUpSpec | IssuersSpec


def write_plain(
    desk: Desk, do: PlainSpec, at_ms: int, *, debt_share_percent: int, dispute_nonce: str
) -> bytes:
    """The document in its envelope. `dispute_nonce`: of the meter's dispute, empty where it has none.

    `debt_share_percent`: what of a payment a debt takes where `do` does not say it. Raises DocumentError for
    what no document can carry.
    """
    match do:
        case HoldSpec():
            return desk.write_hold(do, at_ms)
        case LiftHoldSpec():
            return desk.write_lift(do.id, do.signatures, at_ms)
        case ShortenHoldSpec():
            return desk.write_shortening(do, at_ms)
        case ProgrammedCutSpec():
            return desk.write_cut(do, at_ms)
        case CancelCutSpec():
            return desk.write_cancel(do.id, at_ms)
        case ReleaseSpec():
            return desk.write_release(do, at_ms)
        case EmergencyCreditSpec():
            return desk.write_emergency_credit(at_ms)
        case RebaseSpec():
            return desk.write_rebase(dispute_nonce, at_ms)
        case FlagSpec():
            return desk.write_flag(do, at_ms)
        case _:
            return _write_about_money(desk, do, at_ms, debt_share_percent)


def _write_about_money(desk: Desk, do: MoneySpec, at_ms: int, debt_share_percent: int) -> bytes:
    match do:
        case TariffSpec():
            return desk.write_tariff(do, at_ms)
        case DeferralSpec():
            return desk.write_deferral(do, at_ms)
        case DebtSpec():
            of_profile = debt_share_percent * _PERMILLE_PER_PERCENT
            share_permille = of_profile if do.share_permille is None else do.share_permille
            return desk.write_debt(do, share_permille, at_ms)
        case RefundSpec():
            return desk.write_refund(do, at_ms)
        case ParametersSpec():
            return desk.write_parameters(do, at_ms)
