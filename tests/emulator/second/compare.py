"""Plays a scenario on the firmware and on the second meter, and says where they differ.

python -m tests.emulator.second.compare 0-1000
"""

import sys

from emulator.firmware.credit import account_of
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.meter import Meter
from emulator.scenario.commissioning import commission
from emulator.scenario.model import MeterSpec, Scenario
from emulator.scenario.player import MeterMaker, play
from tests.emulator.second.scenarios import scenario_of
from tests.emulator.second.second_delivery import commission_second
from tests.emulator.second.second_meter import SecondMeter

Change = tuple[int, dict[str, object]]


def changes(scenario: Scenario, make_meter: MeterMaker) -> list[Change]:
    """Each change of the supply, with its milliseconds since the start; last, each credit at the end."""
    left: list[Change] = []

    def look(_spec: MeterSpec, meter: Meter) -> None:
        left.append((scenario.end_ms - scenario.start_ms, credit_of(meter)))

    played = play(scenario, make_meter, on_meter_played=look)
    began_ms = scenario.start_ms
    supply = [(each.true_ms - began_ms, each.fields) for each in played.items if each.event == "supply"]
    return supply + left


def credit_of(meter: Meter) -> dict[str, object]:
    """What either meter holds and owes, in whole quanta."""
    if isinstance(meter, SecondMeter):
        return meter.purse.in_quanta()
    assert isinstance(meter, GuardedMeter)
    credit = meter.memory.credit
    registers = {
        each.obis: sums
        for each in account_of(credit).registers
        if any(sums := (int(each.energy_mj), int(each.charged_mq)))
    }
    return {
        "held_q": credit.balance_q + credit.emergency_left_q - credit.emergency_limit_q,
        "registers": registers,
        "mode": credit.mode,
        "debt_q": credit.debt_q,
        "refunded_q": credit.refunded_q,
    }


def difference(scenario: Scenario) -> tuple[Change | None, Change | None] | None:
    """The first change, or the credit at the end, in which the two differ; None where they agree."""
    firmware, second = changes(scenario, commission), changes(scenario, commission_second)
    if firmware == second:
        return None
    for place in range(max(len(firmware), len(second))):
        one, other = (each[place] if place < len(each) else None for each in (firmware, second))
        if one != other:
            return one, other
    raise AssertionError(scenario.file)


def _main(span: str) -> int:
    first, _, last = span.partition("-")
    failed = 0
    for seed in range(int(first), int(last or first) + 1):
        found = difference(scenario_of(seed))
        if found is not None:
            failed += 1
            sys.stdout.write(f"seed {seed}: firmware {found[0]}, second meter {found[1]}\n")
    sys.stdout.write(f"{failed} differ\n")
    return failed > 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
