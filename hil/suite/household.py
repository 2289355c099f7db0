"""What a household lives with: money counted to the cent, supply that comes back, and no cut unasked."""

from typing import Final

from emulator.firmware.events import ButtonName, DocumentChannel
from emulator.scenario.model import ReleaseSpec, TariffSpec, TopUpSpec
from hil.capabilities import Console, Load, Orders, PaymentWays, Person, SupplySensor
from hil.stories.plans import LONG_PLAN_MS, at, cents, permit
from hil.stories.stage import StoryBench
from hil.stories.story import story
from hil.stories.strategy import BenchState, reach
from hil.stories.wishes import MeterWish
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import Energy
from protocols.spans import Window
from protocols.units import UEUR_PER_EUR

_PRICE_UEUR_PER_KWH: Final = 300_000
_PAID_EUR: Final = 15
_CENTS: Final = 100
# A release comes over a network, and is carried out at the next second of the crystal.
_RELEASED_S_MAX: Final = 60
# The leak test of a gas meter: twelve minutes with the valve open and nothing burning.
_LEAK_TEST_S: Final = 720


@story(
    requirements=("I6",),
    needs=(Console, Load, Orders, SupplySensor),
    tags=("credit",),
    real_duration="2 h",
    firmware="guarded",
)
def energy_costs_its_price(bench: StoryBench) -> None:
    """Two hours of 1 kW at 0.30 euro cost 60 cents, and not one more."""
    bench.load.draw(0)
    bench.orders.bring(TariffSpec(_PRICE_UEUR_PER_KWH, 0))
    before = cents(bench)
    bench.load.draw(1_000)
    bench.time.let_pass(2 * HOUR_MS)
    bench.measure("cost", before - cents(bench), "cent", 60, 60)


@story(
    requirements=("I6", "QA-09"),
    needs=(Console, Load, PaymentWays, SupplySensor),
    tags=("credit",),
    real_duration="1 min",
    firmware="guarded",
)
def a_payment_counts_once(bench: StoryBench) -> None:
    """A payment that comes by three ways, each twice, is credited once."""
    bench.load.draw(0)
    before = cents(bench)
    for channel in (*DocumentChannel, *DocumentChannel):
        bench.payment_ways.pay(TopUpSpec("bench-1", _PAID_EUR * UEUR_PER_EUR, channel))
    bench.measure("credited", cents(bench) - before, "cent", _PAID_EUR * _CENTS, _PAID_EUR * _CENTS)


@story(
    requirements=("QA-06",),
    needs=(Console, Load, Orders, SupplySensor),
    tags=("credit",),
    real_duration="3 d",
    firmware="guarded",
)
def nobody_permits_nobody_is_cut(bench: StoryBench) -> None:
    """Without a calendar that people have signed an empty purse cuts nobody off; with one it does."""
    bench.orders.bring(TariffSpec(_PRICE_UEUR_PER_KWH, 0))
    bench.load.draw(6_000)
    bench.time.let_pass(3 * DAY_MS)
    bench.measure("balance", cents(bench), "cent", None, -1)
    bench.check_supply("on", "three days after the purse was empty")
    permit(bench, Window(bench.now_ms, at(bench, LONG_PLAN_MS)))
    bench.expect_supply("cut once it is permitted", is_on=False, within_ms=2 * HOUR_MS, every_ms=MINUTE_MS)


@story(
    requirements=("I3", "L9"),
    needs=(Console, Orders, Person, SupplySensor),
    tags=("recovery",),
    real_duration="28 h",
    firmware="guarded",
    energy=Energy.ELECTRICITY,
)
def a_release_brings_back(bench: StoryBench) -> None:
    """Whoever was cut is back within a minute of a release."""
    reach(bench, BenchState.CUT)
    bench.orders.bring(ReleaseSpec(24))
    if bench.word("supply", "supply") == "armed":
        bench.person.press(ButtonName.BREAKER)
    took_ms = bench.expect_supply("supply after a release", is_on=True, within_ms=2 * MINUTE_MS)
    bench.measure("release to supply", took_ms // SECOND_MS, "s", None, _RELEASED_S_MAX, 5)
    bench.time.let_pass(23 * HOUR_MS)
    bench.check_supply("on", "while the release lasts")


@story(
    requirements=("I3",),
    needs=(Console, Load, Orders, Person, SupplySensor),
    tags=("recovery", "gas"),
    real_duration="5 h",
    firmware="guarded",
    energy=Energy.GAS,
    meter=MeterWish(energy=Energy.GAS, load_w=0),
)
def gas_is_tested_for_leaks(bench: StoryBench) -> None:
    """A valve stays shut after a release until a person presses; then leaks are looked for."""
    reach(bench, BenchState.CUT)
    bench.orders.bring(ReleaseSpec(24))
    bench.time.let_pass(HOUR_MS)
    bench.check_supply("armed", "a release alone opens no valve")
    bench.person.press(ButtonName.BLUE)
    bench.time.let_pass((_LEAK_TEST_S + 1) * SECOND_MS)
    bench.check_supply("on", "after a leak test that found nothing")
