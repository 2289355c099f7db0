"""The purse at its edges: what is charged and what is not, to the cent and the quantum, and what is told."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from emulator.firmware.events import ButtonName
from emulator.scenario.model import TariffSpec
from hil.capabilities import (
    AccountReader,
    Authorities,
    ClockFault,
    Console,
    Load,
    Orders,
    Person,
    Power,
    SupplySensor,
)
from hil.stories.drafts import EMPTY_PURSE, LOOK_MS, look_again, permit_until
from hil.stories.plans import at, cents, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.stories.wishes import MeterWish
from protocols.documents.accounts import differences
from protocols.documents.bodies import RegisterPrice, Switch
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import Energy
from protocols.spans import Window

_START: Final = "2020-06-24T08:00:00+02:00"
# 1 kW at this price takes 120 s for a cent: 20 s are a sixth of one.
_PRICE_UEUR_PER_KWH: Final = 300_000
_LOAD_W: Final = 1_000
_CENT_MS: Final = 2 * MINUTE_MS
_NEAR_MS: Final = 20 * SECOND_MS
_WARNING_MS: Final = HOUR_MS
# No two of them share a factor with a second: each charge leaves something below a quantum.
_ODD_MS: Final = (1_237, 7, 13_001, 331)


def _with_credit(balance_eur: Decimal, profile: str = "wallonia-card-2020") -> MeterWish:
    """A meter of electricity that draws nothing yet."""
    return MeterWish(_START, balance_eur, load_w=0, energy=Energy.ELECTRICITY, profile=profile)


def _charge(bench: StoryBench, fixed_ueur_per_day: int = 0) -> None:
    bench.orders.bring(TariffSpec(_PRICE_UEUR_PER_KWH, fixed_ueur_per_day))


def _permit_always(bench: StoryBench) -> None:
    """A window whose spread is long over."""
    tell_time(bench)
    permit_until(bench, at(bench, 7 * DAY_MS), Window(bench.now_ms - DAY_MS, at(bench, 6 * DAY_MS)))


def _check_empty_at(bench: StoryBench, empty_ms: int, what: str) -> None:
    """Not warned a sixth of a cent before an instant, warned as much after it, and cut once that is over."""
    for before_ms in (HOUR_MS, _NEAR_MS):
        bench.wait_until(empty_ms - before_ms - LOOK_MS)
        look_again(bench)
        bench.check(f"warned {before_ms // SECOND_MS} s before {what}", "no", bench.word("supply", "warned"))
    bench.wait_until(empty_ms + _NEAR_MS)
    bench.check(f"warned once {what}", "yes", bench.word("supply", "warned"))
    bench.wait_until(empty_ms + _WARNING_MS - _NEAR_MS)
    bench.check_supply("on", f"until an hour after {what}")
    bench.wait_until(empty_ms + _WARNING_MS + _NEAR_MS)
    bench.check_supply("off", f"an hour after {what}")


@story(
    requirements=("I6", "QA-06"),
    needs=(Authorities, ClockFault, Console, Load, Orders, SupplySensor),
    tags=("credit", "edge"),
    real_duration="12 h",
    firmware="guarded",
    meter=_with_credit(Decimal(3)),
)
def the_last_cent_of_the_balance_is_spent_before_a_warning(bench: StoryBench) -> None:
    """A household is warned when its last cent is spent, not one before, and is cut an hour later."""
    _permit_always(bench)
    _charge(bench)
    bench.load.draw(_LOAD_W)
    _check_empty_at(bench, bench.now_ms + cents(bench) * _CENT_MS, "the balance was spent")


@story(
    requirements=("I6", "L9"),
    needs=(Authorities, ClockFault, Console, Load, Orders, Person, SupplySensor),
    tags=("credit", "ladder", "edge"),
    real_duration="42 h",
    firmware="guarded",
    meter=_with_credit(Decimal(0)),
)
def the_last_cent_of_the_emergency_credit_is_spent_before_a_warning(bench: StoryBench) -> None:
    """Emergency credit lasts to its last cent; then the household is warned, and cut an hour later."""
    bench.person.press(ButtonName.RED)
    bench.check("emergency credit after the button", "in_use", bench.word("balance", "emergency"))
    _permit_always(bench)
    _charge(bench)
    bench.load.draw(_LOAD_W)
    empty_ms = bench.now_ms + cents(bench, "emergency_eur") * _CENT_MS
    bench.wait_until(empty_ms - 2 * HOUR_MS)
    look_again(bench)
    bench.check("two hours before it is spent", "in_use", bench.word("balance", "emergency"))
    _check_empty_at(bench, empty_ms, "the emergency credit was spent")
    bench.check("with nothing left", "used_up", bench.word("balance", "emergency"))


@story(
    requirements=("I6", "L9"),
    needs=(Console, Load, Orders, Person, SupplySensor),
    tags=("credit", "ladder", "edge"),
    real_duration="2 h",
    firmware="guarded",
    meter=_with_credit(Decimal("0.30")),
)
def red_with_credit_left_starts_no_emergency_credit(bench: StoryBench) -> None:
    """Red starts no emergency credit while a cent of credit is left, and does once nothing is left."""
    _charge(bench)
    bench.load.draw(_LOAD_W)
    for wait_ms in (0, 58 * MINUTE_MS):
        bench.time.let_pass(wait_ms)
        bench.person.press(ButtonName.RED)
        left = f"red with {cents(bench)} cent left"
        bench.check(left, "ready", bench.word("balance", "emergency"))
    bench.time.let_pass(_CENT_MS + _NEAR_MS)
    bench.person.press(ButtonName.RED)
    bench.check("red with nothing left", "in_use", bench.word("balance", "emergency"))


def _interrupted() -> Iterator[BenchStory]:
    for how_long, off_ms in {"a-tenth-of-a-second": SECOND_MS // 10, "a-minute": MINUTE_MS}.items():
        yield _interrupted_story(how_long, off_ms)


def _interrupted_story(how_long: str, off_ms: int) -> BenchStory:
    @story(
        name=f"a-warning-begins-anew-after-{how_long}-without-mains",
        title=f"A warning runs its whole hour again after {how_long.replace('-', ' ')} without mains",
        requirements=("QA-06", "L9"),
        needs=(Authorities, Console, Orders, Power, SupplySensor),
        tags=("credit", "mains", "edge"),
        real_duration="3 h",
        firmware="guarded",
        meter=EMPTY_PURSE,
    )
    def run(bench: StoryBench) -> None:
        _permit_always(bench)
        bench.time.let_pass(_WARNING_MS - 10 * MINUTE_MS)
        bench.check("warned", "yes", bench.word("supply", "warned"))
        bench.power.switch(on=False)
        bench.time.let_pass(off_ms)
        bench.power.switch(on=True)
        back_ms = bench.now_ms
        bench.wait_until(back_ms + _WARNING_MS - _NEAR_MS)
        bench.check_supply("on", "almost an hour after the mains came back")
        bench.wait_until(back_ms + _WARNING_MS + _NEAR_MS)
        bench.check_supply("off", "an hour after the mains came back")

    return run


INTERRUPTED: Final = tuple(_interrupted())


@story(
    requirements=("I6",),
    needs=(Console, Load, Orders, Power, SupplySensor),
    tags=("credit", "mains"),
    real_duration="4 h",
    firmware="guarded",
)
def no_energy_is_charged_without_mains(bench: StoryBench) -> None:
    """While the mains are off no energy is counted or charged, whatever the household has switched on."""
    bench.load.draw(_LOAD_W)
    _charge(bench)
    bench.power.switch(on=False)
    before, energy = cents(bench), bench.word("load", "energy_wh")
    bench.check("drawn without mains", "0", bench.word("load", "drawn_w"))
    bench.time.let_pass(2 * HOUR_MS)
    bench.measure("cost of two hours without mains", before - cents(bench), "cent", 0, 0)
    bench.check("energy, Wh", energy, bench.word("load", "energy_wh"))
    bench.power.switch(on=True)
    bench.time.let_pass(HOUR_MS)
    bench.measure("cost of an hour with mains", before - cents(bench), "cent", 30, 30)


@story(
    requirements=("I6",),
    needs=(Console, Load, Orders, SupplySensor),
    tags=("credit",),
    real_duration="2 d",
    firmware="guarded",
)
def a_fixed_charge_is_charged_by_the_day(bench: StoryBench) -> None:
    """A fixed charge of 0.48 euro a day costs 2 cents an hour and 48 a day, beside the energy."""
    bench.load.draw(0)
    _charge(bench, fixed_ueur_per_day=480_000)
    before = cents(bench)
    bench.time.let_pass(HOUR_MS)
    bench.measure("fixed charge of an hour", before - cents(bench), "cent", 2, 2)
    bench.time.let_pass(23 * HOUR_MS)
    bench.measure("fixed charge of a day", before - cents(bench), "cent", 48, 48)
    bench.load.draw(_LOAD_W)
    bench.time.let_pass(HOUR_MS)
    bench.measure("with an hour of 1 kW", before - cents(bench), "cent", 80, 80)


@story(
    requirements=("I6",),
    needs=(AccountReader, Console, Load, Orders, SupplySensor),
    tags=("credit",),
    real_duration="10 min",
    firmware="guarded",
)
def what_is_less_than_a_quantum_is_carried(bench: StoryBench) -> None:
    """Charges of odd milliseconds lose nothing: the purse holds what the account says, to the quantum."""
    bench.orders.bring(TariffSpec(299_999, 77_777))
    begun = bench.accounts.account()
    for number in range(40):
        bench.load.draw(333 + number % 3)
        bench.time.let_pass(_ODD_MS[number % len(_ODD_MS)])
    account = bench.accounts.account()
    bench.check("charged", expected=True, found=int(account.consumed_mq) > int(begun.consumed_mq))
    bench.check("purse against account, quanta", (), differences(account))


@story(
    requirements=("I6",),
    needs=(Console, Load, Orders, SupplySensor),
    tags=("credit",),
    real_duration="2 h",
    firmware="guarded",
    meter=_with_credit(Decimal("5.30"), "flanders-digital"),
)
def low_credit_is_shown(bench: StoryBench) -> None:
    """A household is told once its credit has come down to the amount that its profile names."""
    _charge(bench)
    bench.load.draw(_LOAD_W)
    bench.time.let_pass(30 * _CENT_MS - _NEAR_MS)
    bench.check("screen above the amount", "none", bench.word("supply", "screen"))
    bench.time.let_pass(2 * _NEAR_MS)
    bench.check("screen at the amount", "low credit", bench.word("supply", "screen"))


@story(
    requirements=("I6", "QA-04"),
    needs=(Authorities, Console, ClockFault, Load, Orders, SupplySensor),
    tags=("credit", "edge"),
    real_duration="27 h",
    firmware="guarded",
)
def a_tariff_is_switched_at_its_instant(bench: StoryBench) -> None:
    """A register is in use from its instant on, by UTC, whatever the meter is made to look at before."""
    bench.load.draw(0)
    switch_ms = at(bench, 26 * HOUR_MS)
    registers = (RegisterPrice("1-0:1.8.2", 2 * _PRICE_UEUR_PER_KWH, 0),)
    bench.orders.bring(TariffSpec(_PRICE_UEUR_PER_KWH, 0, registers, (Switch(switch_ms, 1),)))
    bench.wait_until(switch_ms - 3 * HOUR_MS)
    tell_time(bench)
    before = cents(bench)
    for hour, cost in ((3, 30), (2, 60), (1, 90)):
        bench.wait_until(switch_ms - hour * HOUR_MS)
        bench.load.draw(_LOAD_W)
        look_again(bench)
        bench.wait_until(switch_ms - (hour - 1) * HOUR_MS)
        bench.measure(f"cost up to {hour - 1} h before the switch", before - cents(bench), "cent", cost, cost)
    bench.time.let_pass(HOUR_MS)
    bench.measure("cost up to an hour after the switch", before - cents(bench), "cent", 150, 150)
