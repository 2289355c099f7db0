"""What people decide about money and supply: debts, refunds, deferrals, the payment mode, the limiter."""

from typing import Final

from emulator.firmware.events import DocumentChannel
from emulator.scenario.model import (
    DebtSpec,
    DeferralSpec,
    EmergencyCreditSpec,
    ParametersSpec,
    RefundSpec,
    TariffSpec,
    TopUpSpec,
)
from hil.capabilities import Authorities, ClockFault, Console, Documents, Load, Orders, SupplySensor
from hil.stories.drafts import EMPTY_PURSE, an_order, bring_sound, look_again, permit_until
from hil.stories.plans import at, cents, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import story
from protocols.documents.bodies import LimiterBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import Energy, PaymentMode
from protocols.spans import Window
from protocols.units import UEUR_PER_EUR

_NEEDS: Final = (Console, Load, Orders, SupplySensor)
_PRICE_UEUR_PER_KWH: Final = 300_000
_LOAD_W: Final = 1_000
# 1 kW at this price takes 30 cents an hour.
_HOUR_CENTS: Final = 30
_PERIOD_DAYS: Final = 7
_NEAR_MS: Final = 20 * SECOND_MS


def _pay(bench: StoryBench, name: str, eur: int) -> None:
    bench.orders.bring(TopUpSpec(name, eur * UEUR_PER_EUR, DocumentChannel.MQTT))


def _permit(bench: StoryBench) -> None:
    """A window whose spread is long over."""
    tell_time(bench)
    permit_until(bench, at(bench, 7 * DAY_MS), Window(bench.now_ms - DAY_MS, at(bench, 6 * DAY_MS)))


@story(
    requirements=("I6",),
    needs=_NEEDS,
    tags=("credit", "debt"),
    real_duration="8 d",
    firmware="guarded",
)
def a_debt_takes_its_share_below_its_caps(bench: StoryBench) -> None:
    """Of a payment a debt takes 30 %, but never more than 9 euro of one payment or 14 in a week."""
    bench.load.draw(0)
    caps = {"payment_cap_ueur": 9 * UEUR_PER_EUR, "period_cap_ueur": 14 * UEUR_PER_EUR}
    bench.orders.bring(DebtSpec(100 * UEUR_PER_EUR, 300, period_days=_PERIOD_DAYS, **caps))
    before = cents(bench)
    # The share; the cap of a payment; what is left of the week's; nothing in this week; the share again.
    left_eur = 0
    for day, eur, taken_eur in ((0, 10, 3), (0, 40, 9), (0, 10, 2), (0, 10, 0), (_PERIOD_DAYS, 10, 3)):
        bench.time.let_pass(day * DAY_MS)
        _pay(bench, f"debt-{left_eur}", eur)
        left_eur += eur - taken_eur
        credited = cents(bench) - before
        bench.measure(
            f"left of payments, {taken_eur} EUR taken", credited, "cent", left_eur * 100, left_eur * 100
        )


@story(
    requirements=("I6",),
    needs=_NEEDS,
    tags=("credit", "debt"),
    real_duration="1 min",
    firmware="guarded",
)
def a_debt_takes_no_more_than_is_owed(bench: StoryBench) -> None:
    """Of a debt of 2 euro a payment brings back 2 euro, and the next one nothing."""
    bench.load.draw(0)
    cap = 100 * UEUR_PER_EUR
    bench.orders.bring(DebtSpec(2 * UEUR_PER_EUR, 500, cap, cap, _PERIOD_DAYS))
    before = cents(bench)
    _pay(bench, "first", 10)
    bench.measure("left of the first payment", cents(bench) - before, "cent", 800, 800)
    _pay(bench, "second", 10)
    bench.measure("left of both", cents(bench) - before, "cent", 1_800, 1_800)


@story(
    requirements=("I6", "QA-09"),
    needs=_NEEDS,
    tags=("credit", "refund"),
    real_duration="1 min",
    firmware="guarded",
)
def a_refund_is_a_total_and_takes_no_purse_below_nothing(bench: StoryBench) -> None:
    """A refund takes what its total adds, once; one that the purse does not hold is refused whole."""
    bench.load.draw(0)
    before = cents(bench)
    for total_eur, taken_eur in ((5, 5), (5, 5), (8, 8), (6, 8), (500, 8), (9, 9)):
        bench.orders.bring(RefundSpec(total_eur * UEUR_PER_EUR))
        taken = before - cents(bench)
        bench.measure(f"refunded by a total of {total_eur}", taken, "cent", taken_eur * 100, taken_eur * 100)


@story(
    requirements=("I6", "QA-04"),
    needs=(Authorities, *_NEEDS, ClockFault),
    tags=("credit", "edge"),
    real_duration="8 h",
    firmware="guarded",
)
def a_deferral_charges_nothing_between_its_bounds(bench: StoryBench) -> None:
    """Energy costs its price until a deferral begins, nothing in it, and its price from its end on."""
    tell_time(bench)
    bench.load.draw(0)
    bench.orders.bring(TariffSpec(_PRICE_UEUR_PER_KWH, 0))
    from_ms = at(bench, 2 * HOUR_MS)
    bench.orders.bring(DeferralSpec("bench", from_ms, from_ms + 2 * HOUR_MS))
    before = cents(bench)
    bench.load.draw(_LOAD_W)
    cost = 0
    for hour in range(6):
        look_again(bench)
        bench.wait_until(from_ms + (hour - 1) * HOUR_MS)
        cost += 0 if hour in (2, 3) else _HOUR_CENTS
        bench.measure(f"cost of {hour + 1} h", before - cents(bench), "cent", cost, cost)


@story(
    requirements=("L7", "QA-04"),
    needs=(Authorities, ClockFault, Console, Orders, SupplySensor),
    tags=("credit", "edge", "recovery"),
    real_duration="28 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def nobody_on_credit_is_cut_from_its_date_on(bench: StoryBench) -> None:
    """Whoever was cut is back when credit mode begins, not before; prepaid again, and cut again."""
    _permit(bench)
    from_ms = at(bench, 26 * HOUR_MS)
    bench.orders.bring(ParametersSpec(from_ms, PaymentMode.CREDIT, None))
    bench.wait_until(from_ms - HOUR_MS)
    tell_time(bench)
    for before_ms in (HOUR_MS, MINUTE_MS, SECOND_MS):
        bench.wait_until(max(from_ms - before_ms - _NEAR_MS, bench.now_ms))
        look_again(bench)
        bench.wait_until(max(from_ms - before_ms, bench.now_ms))
        bench.check_supply("off", f"{before_ms // SECOND_MS} s before credit mode")
    bench.wait_until(from_ms + _NEAR_MS)
    bench.check_supply("on", "on credit")
    for _ in range(4):
        bench.time.let_pass(HOUR_MS)
        look_again(bench)
        bench.check_supply("on", "on credit, in the window")
    bench.orders.bring(ParametersSpec(bench.now_ms, None, 0))
    took_ms = bench.wait_for_supply(is_on=False, within_ms=2 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("cut when prepaid again", expected=True, found=took_ms is not None)


@story(
    requirements=("L6", "L9"),
    needs=(Authorities, *_NEEDS, Documents),
    tags=("limiter", "papers"),
    real_duration="5 h",
    firmware="guarded",
    energy=Energy.ELECTRICITY,
)
def the_limiter_is_engaged_and_ended_by_order(bench: StoryBench) -> None:
    """Ordered by two people the limiter is engaged in a window after its warning, and ended at once."""
    _permit(bench)
    bring_sound(bench, an_order(bench, Kind.LIMITER, "limiter/meter", LimiterBody(True)))
    bench.time.let_pass(HOUR_MS - _NEAR_MS)
    bench.check_supply("on", "while the limiter is announced")
    bench.time.let_pass(2 * _NEAR_MS)
    bench.check_supply("limited", "with credit left, by order")
    bring_sound(bench, an_order(bench, Kind.LIMITER, "limiter/meter", LimiterBody(False), rev=2))
    bench.time.let_pass(MINUTE_MS)
    bench.check_supply("on", "once the limiter is ended")
    bench.time.let_pass(3 * HOUR_MS)
    bench.check_supply("on", "hours after the limiter was ended")


@story(
    requirements=("L9",),
    needs=(Authorities, Console, Orders, SupplySensor),
    tags=("credit", "ladder", "recovery"),
    real_duration="3 h",
    firmware="guarded",
    meter=EMPTY_PURSE,
)
def emergency_credit_is_started_from_afar(bench: StoryBench) -> None:
    """One person starts the emergency credit of whoever is cut for credit, and gives the supply back."""
    _permit(bench)
    took_ms = bench.wait_for_supply(is_on=False, within_ms=2 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("cut with nothing left", expected=True, found=took_ms is not None)
    bench.orders.bring(EmergencyCreditSpec())
    bench.time.let_pass(MINUTE_MS)
    bench.check("emergency credit", "in_use", bench.word("balance", "emergency"))
    bench.check_supply("on", "on emergency credit")
