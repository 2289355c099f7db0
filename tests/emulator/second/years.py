"""Plays years of money on the firmware and in the ledger, and says where they differ.

python -m tests.emulator.second.years 0-100
"""

import sys
from collections.abc import Sequence
from datetime import date, timedelta

from emulator.scenario.commissioning import commission
from emulator.scenario.player import play
from protocols.reasons import Supply
from tests.emulator.second.compare import credit_of
from tests.emulator.second.year_ledger import YearLedger, ledger_of
from tests.emulator.second.year_of_money import (
    LAST,
    SETTLED_ON,
    SETTLED_UEUR_PER_KWH,
    scenario_of_year,
    text_of,
)

Credit = dict[str, object]


def played(seed: int) -> tuple[Credit, YearLedger]:
    """What the firmware holds at the end of the year, and the ledger of the same year.

    It is played twice: until the moratorium is settled, since what it delivered makes the invoice.
    """
    eve = SETTLED_ON - timedelta(days=1)
    cents = _play(seed, 0, eve)[1].deferred_cents(SETTLED_UEUR_PER_KWH)
    return _play(seed, cents, LAST)


def _play(seed: int, settled_cents: int, until: date) -> tuple[Credit, YearLedger]:
    scenario = scenario_of_year(seed, settled_cents, until=until)
    left: list[Credit] = []
    done = play(scenario, commission, on_meter_played=lambda _spec, meter: left.append(credit_of(meter)))
    changes = [
        (each.true_ms, Supply(str(each.fields["to"]))) for each in done.items if each.event == "supply"
    ]
    text = text_of(seed, settled_cents, until=until)
    return left[0], ledger_of(text, scenario.meters[0].profile, changes)


def _main(arguments: Sequence[str]) -> int:
    first, _, last = arguments[0].rpartition("-")
    failed = 0
    for seed in range(int(first or 0), int(last)):
        firmware, ledger = played(seed)
        second = ledger.purse.in_quanta()
        if firmware != second:
            failed += 1
            sys.stdout.write(f"seed {seed}: firmware {firmware}, ledger {second}\n")
    sys.stdout.write(f"{int(last) - int(first or 0)} years, {failed} differ\n")
    return failed > 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
