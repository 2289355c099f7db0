"""What a meter tells: the same on every face, and in the order in which it happened."""

import re
from typing import Final

from emulator.scenario.model import HoldSpec, LiftHoldSpec
from hil.capabilities import (
    ClockFault,
    Console,
    CustomerPort,
    JournalReader,
    Load,
    Optical,
    Orders,
    SupplySensor,
)
from hil.stories.plans import LONG_PLAN_MS, at, bring_date, plan_cut
from hil.stories.replaying import misjudged
from hil.stories.stage import StoryBench
from hil.stories.story import story
from hil.stories.strategy import BenchState, reach
from hil.stories.wishes import StoryFailedError
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.link.records import GateJudged, SupplyChanged
from protocols.reasons import Energy, Supply

# OBIS codes of e-MUCS-P1: breaker, power drawn, and the two registers of energy drawn.
_BREAKER: Final = "0-0:96.3.10"
_POWER: Final = "1-0:1.7.0"
_REGISTERS: Final = ("1-0:1.8.1", "1-0:1.8.2")
_PER_KILO: Final = 1_000
# The warning and the spread take an hour each.
_WARNED_MS: Final = 2 * HOUR_MS + MINUTE_MS
_DRAWN_MS: Final = 15 * MINUTE_MS


@story(
    requirements=("QA-10",),
    needs=(Console, CustomerPort, Orders, SupplySensor),
    tags=("faces",),
    real_duration="4 h",
    firmware="guarded",
    energy=Energy.ELECTRICITY,
)
def the_customer_port_tells_the_breaker(bench: StoryBench) -> None:
    """The breaker in a telegram is 1 while the household is supplied, and 0 once it is cut."""
    bench.check("breaker while supplied", "1", _object(bench, _BREAKER))
    reach(bench, BenchState.CUT)
    bench.check("breaker once cut", "0", _object(bench, _BREAKER))


@story(
    requirements=("QA-10",),
    needs=(Console, CustomerPort, Load, SupplySensor),
    tags=("faces", "unsigned"),
    real_duration="30 min",
    firmware="guarded",
    energy=Energy.ELECTRICITY,
)
def the_customer_port_tells_the_load(bench: StoryBench) -> None:
    """A telegram has the register and the power that the console tells, and a breaker that is closed."""
    for load_w in (1_000, 2_000):
        bench.load.draw(load_w)
        bench.time.let_pass(_DRAWN_MS)
        bench.check("breaker", "1", _object(bench, _BREAKER))
        bench.check("power, kW", f"{load_w / _PER_KILO:06.3f}*kW", _object(bench, _POWER))
        energy_wh = int(bench.word("load", "energy_wh"))
        told = sum(round(float(_object(bench, each).partition("*")[0]) * _PER_KILO) for each in _REGISTERS)
        bench.measure("register of the telegram less that of the console", told - energy_wh, "Wh", -2, 2)


def _object(bench: StoryBench, code: str) -> str:
    """The value of an object in a telegram whose checksum holds."""
    found = re.findall(rf"^{re.escape(code)}\((.*)\)\r?$", bench.customer_port.telegram(), re.MULTILINE)
    if len(found) != 1:
        raise StoryFailedError(f"telegram: one line {code} expected; found: {len(found)}")
    return str(found[0])


@story(
    requirements=("QA-10",),
    needs=(Console, Load, Optical, SupplySensor),
    tags=("faces",),
    real_duration="1 min",
)
def one_balance_on_two_faces(bench: StoryBench) -> None:
    """The optical port tells the balance that the console tells."""
    bench.load.draw(0)
    bench.check("balance", bench.word("balance", "balance_eur"), bench.optical.read("96.50.0").value)


@story(
    requirements=("I9", "QA-08"),
    needs=(Console, ClockFault, JournalReader, SupplySensor),
    tags=("faces", "date"),
    real_duration="2 min",
    firmware="guarded",
)
def records_stand_as_they_happened(bench: StoryBench) -> None:
    """Dates ahead and back again leave the records of the black box in the order in which they happened."""
    for step_ms in (DAY_MS, -DAY_MS, 60 * DAY_MS, -366 * DAY_MS):
        bring_date(bench, at(bench, step_ms))
        bench.time.let_pass(MINUTE_MS)
    ticks = [tick for tick, _ in bench.journal.records()]
    bench.check("records", expected=True, found=len(ticks) > 1)
    bench.check("ticks in order", sorted(ticks), ticks)


@story(
    requirements=("QA-08", "L10"),
    needs=(Console, ClockFault, JournalReader, Orders, SupplySensor),
    tags=("faces", "black-box"),
    real_duration="5 h",
    firmware="guarded",
)
def the_black_box_is_replayed(bench: StoryBench) -> None:
    """Every verdict that the meter has written down is right when it is judged again by the design."""
    bring_date(bench, at(bench, DAY_MS))
    bench.orders.bring(HoldSpec("black-box", bench.now_ms, at(bench, DAY_MS), 1))
    plan_cut(bench, bench.now_ms, lasts_ms=LONG_PLAN_MS)
    bench.time.let_pass(_WARNED_MS)
    bench.orders.bring(LiftHoldSpec("black-box", 2))
    bench.expect_supply("cut once the hold is lifted", is_on=False, within_ms=HOUR_MS, every_ms=MINUTE_MS)
    verdicts = [each for _, each in bench.journal.records() if isinstance(each, GateJudged)]
    wrong = [found for each in verdicts if (found := misjudged(each))]
    bench.check("verdicts that are wrong when judged again", [], wrong)
    for is_open, told in ((True, "open"), (False, "shut")):
        bench.check(f"{told} on record", expected=True, found=any(each.open is is_open for each in verdicts))


@story(
    requirements=("L10", "I9"),
    needs=(Console, JournalReader, Orders, SupplySensor),
    tags=("faces",),
    real_duration="4 h",
    firmware="guarded",
)
def a_cut_is_on_record(bench: StoryBench) -> None:
    """A cut leaves a record with its reason, and the meter's own word has the same one."""
    before = len(_cuts(bench))
    reach(bench, BenchState.CUT)
    cuts = _cuts(bench)
    bench.check("cuts on record, more than before", 1, len(cuts) - before)
    bench.check("reason", cuts[-1].reason.value, bench.word("supply", "reason"))


def _cuts(bench: StoryBench) -> list[SupplyChanged]:
    """Those that the black box still has; a meter that is not new has had others."""
    records = (each for _, each in bench.journal.records())
    return [each for each in records if isinstance(each, SupplyChanged) and each.after is Supply.OFF]
