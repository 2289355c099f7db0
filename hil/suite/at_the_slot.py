"""The card in the meter's slot: whole, torn out, without mains, and one that is nobody's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import issuer_keys
from cardreader.issuing.practice import practice_key
from cardreader.readers.virtual import VirtualCard
from emulator.firmware.events import ButtonName
from emulator.scenario.model import KioskAct, KioskSpec
from hil.capabilities import (
    CardReader,
    Console,
    Factory,
    KioskVisit,
    Load,
    MeterSlot,
    Orders,
    Person,
    Power,
    SupplySensor,
)
from hil.stories.plans import cents
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.stories.strategy import BenchState, reach
from hil.stories.wishes import StoryFailedError
from protocols.instants import MINUTE_MS, SECOND_MS
from protocols.reasons import Energy
from protocols.units import UEUR_PER_EUR

_PAID_EUR: Final = 20
_CENTS: Final = 100
# A visit takes some five seconds at 9,600 bit/s: from its first command to after its last one.
_TORN_AFTER_MS: Final = (100, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 4_500, 5_000, 6_000)
_VISIT_MS: Final = 15 * SECOND_MS


def _at_kiosk(bench: StoryBench, act: KioskAct, name: str = "", eur: int = 0) -> None:
    bench.kiosk.act(KioskSpec(act, name, eur * UEUR_PER_EUR, card=""))


def _visit(bench: StoryBench) -> None:
    bench.slot.put_in(None)
    bench.time.let_pass(_VISIT_MS)
    bench.slot.take_out()


def _check_credited_once(bench: StoryBench, before: int) -> None:
    for visit in ("first", "second"):
        _visit(bench)
        paid = _PAID_EUR * _CENTS
        bench.measure(
            f"credited after the {visit} whole visit", cents(bench) - before, "cent", paid - 1, paid
        )


def _torn() -> Iterator[BenchStory]:
    for after_ms in _TORN_AFTER_MS:
        yield _torn_after(after_ms)


def _torn_after(after_ms: int) -> BenchStory:
    @story(
        name=f"card-torn-after-{after_ms}-ms",
        title=f"A card that is torn out after {after_ms} ms credits all at its next visit, and once",
        requirements=("QA-07", "I6"),
        needs=(Console, KioskVisit, Load, MeterSlot, SupplySensor),
        tags=("card", "torn"),
        real_duration="3 min",
        firmware="guarded",
    )
    def run(bench: StoryBench) -> None:
        bench.load.draw(0)
        _visit(bench)
        _at_kiosk(bench, "topup", "torn", _PAID_EUR)
        before = cents(bench)
        bench.slot.put_in(None, pull_after_ms=after_ms)
        bench.time.let_pass(_VISIT_MS)
        bench.slot.take_out()
        credited = cents(bench) - before
        paid = _PAID_EUR * _CENTS
        bench.measure("credited by the torn visit", credited, "cent", 0, paid)
        bench.check("all or nothing", expected=True, found=credited in {0, paid - 1, paid})
        _check_credited_once(bench, before)

    return run


TORN: Final = tuple(_torn())


@story(
    requirements=("QA-07", "I6"),
    needs=(Console, KioskVisit, Load, MeterSlot, Power, SupplySensor),
    tags=("card", "mains"),
    real_duration="5 min",
    firmware="guarded",
)
def mains_lost_while_a_card_is_in(bench: StoryBench) -> None:
    """Mains that fail in each second of a visit lose no payment, and credit none twice."""
    bench.load.draw(0)
    _visit(bench)
    _at_kiosk(bench, "topup", "dark", _PAID_EUR)
    before = cents(bench)
    for second in range(1, 6):
        bench.slot.put_in(None)
        bench.time.let_pass(second * SECOND_MS)
        bench.power.switch(on=False)
        bench.slot.take_out()
        bench.time.let_pass(SECOND_MS)
        bench.power.switch(on=True)
    _check_credited_once(bench, before)


@story(
    requirements=("I3", "L9"),
    needs=(Console, KioskVisit, MeterSlot, Orders, Person, SupplySensor),
    tags=("card", "recovery"),
    real_duration="4 h",
    firmware="guarded",
    energy=Energy.ELECTRICITY,
)
def a_recovery_card_brings_back_without_a_network(bench: StoryBench) -> None:
    """Whoever was cut is back within a minute of putting in a card that was at a kiosk."""
    _visit(bench)
    reach(bench, BenchState.CUT)
    _at_kiosk(bench, "recover")
    bench.slot.put_in(None)
    bench.time.let_pass(_VISIT_MS)
    if bench.word("supply", "supply") == "armed":
        bench.person.press(ButtonName.BREAKER)
    bench.expect_supply("supply after the card", is_on=True, within_ms=MINUTE_MS)


def _state(bench: StoryBench) -> list[str]:
    """What no card may change without a right to it. The screen may say what is wrong with the card."""
    asked = (("balance", "balance_eur"), ("balance", "emergency"), ("supply", "supply"), ("clock", "status"))
    return [bench.word(line, key) for line, key in asked]


@story(
    requirements=("QA-10", "L10", "I9"),
    needs=(CardReader, Console, Load, MeterSlot, SupplySensor),
    tags=("card", "faces"),
    real_duration="5 min",
    firmware="guarded",
)
def the_card_tells_what_the_console_tells(bench: StoryBench) -> None:
    """What a meter says on its card is what its console tells, and each visit has a later number."""
    bench.load.draw(0)
    numbers = []
    for visit in ("first", "second"):
        _visit(bench)
        state = bench.card_reader.read()
        if state is None:
            raise StoryFailedError(f"card after the {visit} visit: the meter's word expected; found: nothing")
        told = state.balance_ueur * _CENTS // UEUR_PER_EUR
        bench.check(f"balance after the {visit} visit, cent", cents(bench), told)
        bench.check(f"supply after the {visit} visit", bench.word("supply", "supply"), state.supply)
        bench.check(f"meter after the {visit} visit", bench.word("identity", "meter"), state.meter)
        numbers.append(state.number)
    bench.check("a later number", expected=True, found=numbers[0] < numbers[1])


@contextmanager
def _blank_card() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path, memory, serial = Path(folder) / "blank.card", WholeMemory(), bytes(range(8))
        make_blank_card(memory, serial, issuer_keys(practice_key("nobody"), serial))
        VirtualCard.create(path, memory)
        yield path


@story(
    requirements=("I8",),
    needs=(Console, Factory, Load, MeterSlot, SupplySensor),
    tags=("card",),
    real_duration="1 min",
    firmware="guarded",
)
def a_card_of_nobody_changes_nothing(bench: StoryBench) -> None:
    """A card as the factory makes it leaves balance, supply and clock as they were."""
    bench.load.draw(0)
    before = _state(bench)
    with _blank_card() as path:
        bench.slot.put_in(path)
        bench.time.let_pass(_VISIT_MS)
        bench.slot.take_out()
    bench.time.let_pass(MINUTE_MS)
    bench.check("what the console tells", before, _state(bench))
