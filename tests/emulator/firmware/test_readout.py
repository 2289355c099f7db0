"""What a meter shows: alike for both firmwares, without a look inside, and looking changes nothing."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.firmware.events import MainsOff
from emulator.firmware.meter import Meter
from emulator.firmware.ticks import Tick
from protocols.instants import DAY_MS, HOUR_MS
from protocols.reasons import ClockStatus, Source, Supply, SupplyReason
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench
from tests.emulator.firmware.legacy.card_meter import CardMeter

ROOT = Path(__file__).parents[3]
# Rooms that see meters from outside. `.point.` and `.memory.` are the inside of one.
OUTSIDE = (
    "emulator/links",
    "emulator/scenario",
    "emulator/cli",
    "emulator/fleet",
    "emulator/world",
    "controller",
)


def guarded() -> Meter:
    return Workbench(balance_q=5 * QUANTA_PER_EUR, load_w=1_000).wait(HOUR_MS).meter


def legacy() -> Meter:
    return CardMeter("2020-07-02 12:00", balance_eur="5", load_w=1_000).meter


def test_a_readout_says_all_that_a_household_sees() -> None:
    bench = Workbench(balance_q=0)
    bench.permit((MONDAY_MS + DAY_MS, MONDAY_MS + 2 * DAY_MS))
    bench.wait(30_000)
    readout = bench.meter.readout(Tick(bench.tick))
    assert readout.glance == (Supply.ON, SupplyReason.NONE, ClockStatus.TRUSTED, "", "")
    assert readout.text == "supply may stop: credit"
    assert readout.is_warned
    assert readout.next_possible_ms == MONDAY_MS + DAY_MS
    assert readout.earliest_ms < readout.estimate_ms < (readout.latest_ms or 0)
    assert readout.journal_number == bench.meter.journal.head.number


def test_an_hour_of_a_kilowatt_is_in_the_purse_before_the_meter_has_settled_it() -> None:
    bench = Workbench(balance_q=5 * QUANTA_PER_EUR, load_w=1_000)
    purse = bench.meter.readout(Tick(bench.tick + HOUR_MS)).purse
    assert (purse.energy_wh, purse.balance_ueur, purse.emergency_ueur) == (1_000, 4_700_000, 12_000_000)
    assert bench.meter.purse.energy_wh == 0


@pytest.mark.parametrize("make", [guarded, legacy])
def test_looking_changes_nothing(make: Callable[[], Meter]) -> None:
    def seen(*, looked: bool) -> list[object]:
        meter = make()
        said: list[object] = []
        for tick in range(2 * HOUR_MS, 30 * HOUR_MS, 7 * 600_001):
            said.append(meter.advance(Tick(tick)))
            if looked:
                meter.readout(Tick(tick + 10 * HOUR_MS))
        return [*said, meter.handle(MainsOff(), Tick(31 * HOUR_MS)), meter.readout(Tick(40 * HOUR_MS))]

    assert seen(looked=True) == seen(looked=False)


def test_a_disputed_clock_shows_the_nonce_that_a_rebase_must_name() -> None:
    bench = Workbench()
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source, DAY_MS)
    glance = bench.meter.glance
    assert (glance.clock, glance.dispute_nonce) == (ClockStatus.DISPUTED, bench.meter.dispute_nonce)
    assert glance.dispute_nonce


def reaches(text: str) -> list[str]:
    return re.findall(r"meter\w*(?:\(\w+\))?\.(?:point|memory)\b.*", text)


def test_nobody_outside_the_firmware_looks_into_a_meter() -> None:
    files = [file for room in OUTSIDE for file in (ROOT / room).rglob("*.py")]
    assert files
    assert {str(file): found for file in files if (found := reaches(file.read_text()))} == {}
    assert reaches("supply = self.household.meter.point.supply")
    assert reaches("memory = meter.memory")
