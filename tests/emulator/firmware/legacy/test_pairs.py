"""Every two faults in one meter: what comes out is explained by one of them, or by both together."""

from functools import cache
from itertools import combinations

import pytest

from emulator.firmware.credit import settle
from emulator.firmware.effects import Effect
from emulator.firmware.events import (
    CardPass,
    Event,
    MainsOff,
    MainsOn,
    SetLoad,
    UnsignedDate,
)
from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.ticks import Tick
from protocols.instants import MINUTE_MS, SECOND_MS
from tests.emulator.firmware.legacy.card_meter import WALLONIA, CardMeter, local
from tests.emulator.firmware.legacy.per_second import PerSecond

D = "2020-07-03 23:01"
PAIRS = list(combinations(CATALOGUE, 2))


@cache
def opening_of_an_extended_cut(faults: tuple[str, ...]) -> str:
    """When a cut of 30 June that was moved to D fires, in a meter that is otherwise left alone."""
    meter = CardMeter("2020-06-02 10:00", *faults).program("2020-06-02 10:00", "2020-06-30 09:00")
    meter.program("2020-06-27 11:00", D).until("2020-08-01 00:00")
    [opening] = meter.openings()
    return opening.removesuffix(" programmed_cut")


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_two_faults_do_what_one_of_them_predicts_or_more(pair: tuple[str, str]) -> None:
    alone = sorted(opening_of_an_extended_cut((name,)) for name in pair)
    together = opening_of_an_extended_cut(pair)
    if alone[1] == D:
        # One of them waits for something that does not come here: it changes nothing.
        assert together == alone[0]
    else:
        # Both are early, and never make up for each other.
        assert together <= alone[1]
    assert together == opening_of_an_extended_cut((pair[1], pair[0]))


# A sync over midnight, a power dip and a card, within minutes of a Sunday; credit is at its end.
START = "2020-07-04 23:55"
PLOT: list[tuple[int, Event]] = [
    (1 * MINUTE_MS, CardPass(1, programmed_cut="a", programmed_cut_ms=local("2020-07-05 00:06"))),
    (2 * MINUTE_MS + 500, UnsignedDate(local("2020-07-05 00:01:10"))),
    (3 * MINUTE_MS, CardPass(2, date_ms=local("2020-07-04 23:58:20"))),
    (4 * MINUTE_MS, CardPass(3, payment="p", top_up_ueur=5_000)),
    (5 * MINUTE_MS + 250, MainsOff()),
    (5 * MINUTE_MS + 10 * SECOND_MS, MainsOn()),
    (
        6 * MINUTE_MS,
        CardPass(
            4,
            suspend_from_ms=local("2020-07-01 00:00"),
            suspend_until_ms=local("2020-07-05 00:02:30"),
        ),
    ),
    (6 * MINUTE_MS + 1, CardPass(5, programmed_cut="b", programmed_cut_ms=local("2020-07-06 00:00"))),
    (7 * MINUTE_MS, CardPass(6, restart=True)),
    (7 * MINUTE_MS + 900, SetLoad(3_000)),
]
END = 10 * MINUTE_MS


def played(pair: tuple[str, str], *, per_second: bool) -> list[object]:
    meter = LegacyMeter(WALLONIA, balance_q=0, load_w=2_000, set_ms=local(START), faults=pair)
    driver = PerSecond(meter) if per_second else meter
    calls: list[tuple[Effect, ...]] = [driver.handle(event, Tick(at)) for at, event in PLOT]
    calls.append(driver.advance(Tick(END)))
    settle(meter.point.credit, Tick(END))
    return [*calls, meter.point.credit, meter.readout(Tick(END))]


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_two_faults_jump_as_they_step_and_the_same_each_time(pair: tuple[str, str]) -> None:
    jumped = played(pair, per_second=False)
    assert jumped == played(pair, per_second=True)
    assert jumped == played((pair[1], pair[0]), per_second=False)
