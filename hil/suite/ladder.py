"""The steps down and up again: credit, emergency credit, the limiter, darkness, and the ways back."""

from decimal import Decimal
from typing import Final

from emulator.firmware.events import ButtonName, DocumentChannel
from emulator.scenario.model import FlagSpec, TariffSpec, TopUpSpec
from hil.capabilities import Console, Load, Orders, PaymentWays, Person, SupplySensor
from hil.stories.plans import at, cents, permit
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.stories.wishes import MeterWish
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import Energy, FlagName
from protocols.spans import Window
from protocols.units import UEUR_PER_EUR

_PRICE_UEUR_PER_KWH: Final = 300_000
_CENTS: Final = 100
_PAID_EUR: Final = 20
# 10 A of one phase (domain.md §1.1.3).
_LIMITED_W: Final = 2_300


@story(
    requirements=("I3", "I6", "L9"),
    needs=(Console, Load, Orders, Person, SupplySensor),
    tags=("credit", "ladder"),
    real_duration="3 d",
    firmware="guarded",
    meter=MeterWish(
        balance_eur=Decimal("0.30"), load_w=1_000, energy=Energy.ELECTRICITY, profile="wallonia-card-2020"
    ),
)
def the_whole_ladder_down_and_up(bench: StoryBench) -> None:
    """Credit, emergency credit by the button, darkness in a window; then a payment brings all back."""
    bench.orders.bring(TariffSpec(_PRICE_UEUR_PER_KWH, 0))
    bench.time.let_pass(2 * HOUR_MS)
    bench.measure("balance", cents(bench), "cent", None, 0)
    bench.check_supply("on", "with nothing left and no window")
    bench.check("emergency credit before the button", "ready", bench.word("balance", "emergency"))
    limit = cents(bench, "emergency_eur")
    bench.person.press(ButtonName.RED)
    bench.check("emergency credit after the button", "in_use", bench.word("balance", "emergency"))
    permit(bench, Window(bench.now_ms, at(bench, 4 * DAY_MS)))
    hours_of_emergency = limit * UEUR_PER_EUR // _CENTS // _PRICE_UEUR_PER_KWH
    bench.time.let_pass((hours_of_emergency - 2) * HOUR_MS)
    bench.check_supply("on", "while the emergency credit lasts, in a window")
    bench.expect_supply("dark once all is used up", is_on=False, within_ms=8 * HOUR_MS, every_ms=MINUTE_MS)
    bench.check("emergency credit in the dark", "used_up", bench.word("balance", "emergency"))
    owed = limit - cents(bench)
    bench.orders.bring(TopUpSpec("ladder", _PAID_EUR * UEUR_PER_EUR, DocumentChannel.MQTT))
    bench.expect_supply("supply after a payment", is_on=True, within_ms=2 * MINUTE_MS)
    left = _PAID_EUR * _CENTS - owed
    bench.measure("balance after a payment", cents(bench), "cent", left - 2, left + 1)


@story(
    requirements=("L9",),
    needs=(Console, Load, Orders, Person, SupplySensor),
    tags=("credit", "ladder", "limiter"),
    real_duration="8 h",
    firmware="guarded",
    meter=MeterWish(
        balance_eur=Decimal(-1), load_w=500, energy=Energy.ELECTRICITY, profile="wallonia-card-2020"
    ),
)
def who_is_protected_gets_the_limiter(bench: StoryBench) -> None:
    """A protected household with nothing left keeps 10 A; above it trips, and a button brings it back."""
    bench.orders.bring(FlagSpec(FlagName.PROTECTED, value=True))
    permit(bench, Window(bench.now_ms, at(bench, DAY_MS)))
    for _ in range(12):
        bench.time.let_pass(30 * MINUTE_MS)
        bench.check("household, by the sensor", expected=True, found=bench.sensor.is_supplied())
        if bench.word("supply", "supply") == "limited":
            break
    bench.check_supply("limited", "in the window, with nothing left")
    bench.load.draw(_LIMITED_W)
    bench.time.let_pass(5 * MINUTE_MS)
    bench.check_supply("limited", "with as much as the limiter lets through")
    bench.load.draw(6_000)
    bench.expect_supply("tripped by 6 kW", is_on=False, within_ms=5 * MINUTE_MS)
    bench.load.draw(500)
    bench.person.press(ButtonName.BREAKER)
    bench.expect_supply("back by the button", is_on=True, within_ms=MINUTE_MS)


def _payment_by(channel: DocumentChannel) -> BenchStory:
    @story(
        name=f"a-payment-by-{channel}",
        title=f"A payment that comes by {channel} is credited to the cent, and once",
        requirements=("I6", "QA-09"),
        needs=(Console, Load, PaymentWays, SupplySensor),
        tags=("credit", "payment"),
        real_duration="1 min",
        firmware="guarded",
    )
    def run(bench: StoryBench) -> None:
        bench.load.draw(0)
        before = cents(bench)
        for _ in range(2):
            bench.payment_ways.pay(TopUpSpec(f"by-{channel}", _PAID_EUR * UEUR_PER_EUR, channel))
            bench.time.let_pass(2 * SECOND_MS)
            paid = _PAID_EUR * _CENTS
            bench.measure("credited", cents(bench) - before, "cent", paid - 1, paid)

    return run


PAYMENTS: Final = tuple(_payment_by(channel) for channel in DocumentChannel)
