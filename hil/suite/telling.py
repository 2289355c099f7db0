"""What a meter tells: the same on every face, and in the order in which it happened."""

from emulator.firmware.guarded.gate import judge
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
from hil.stories.plans import at
from hil.stories.stage import StoryBench
from hil.stories.story import story
from hil.stories.strategy import BenchState, reach
from protocols.instants import DAY_MS, MINUTE_MS
from protocols.link.records import GateJudged, SupplyChanged
from protocols.reasons import Supply


@story(
    requirements=("QA-10",),
    needs=(Console, CustomerPort, Orders, SupplySensor),
    tags=("faces",),
    real_duration="4 h",
    firmware="guarded",
)
def the_customer_port_tells_the_breaker(bench: StoryBench) -> None:
    """The breaker in a telegram is 1 while the household is supplied, and 0 once it is cut."""
    bench.check(
        "breaker while supplied", expected=True, found="0-0:96.3.10(1)" in bench.customer_port.telegram()
    )
    reach(bench, BenchState.CUT)
    bench.check("breaker once cut", expected=True, found="0-0:96.3.10(0)" in bench.customer_port.telegram())


@story(
    requirements=("QA-10",),
    needs=(Console, Optical, Load, SupplySensor),
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
        bench.clock_fault.set_date(at(bench, step_ms))
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
    """Every verdict that the meter has written down comes out the same when its question is judged again."""
    bench.clock_fault.set_date(at(bench, DAY_MS))
    reach(bench, BenchState.CUT)
    verdicts = [each for _, each in bench.journal.records() if isinstance(each, GateJudged)]
    bench.check("verdicts on record", expected=True, found=any(each.open for each in verdicts))
    again = [judge(each.question) for each in verdicts]
    bench.check(
        "verdicts when judged again",
        [(each.open, each.reason) for each in verdicts],
        [(each.open, each.reason) for each in again],
    )


@story(
    requirements=("L10", "I9"),
    needs=(Console, JournalReader, Orders, SupplySensor),
    tags=("faces",),
    real_duration="4 h",
    firmware="guarded",
)
def a_cut_is_on_record(bench: StoryBench) -> None:
    """A cut leaves a record with its reason, and the meter's own word has the same one."""
    reach(bench, BenchState.CUT)
    cuts = [
        each
        for _, each in bench.journal.records()
        if isinstance(each, SupplyChanged) and each.after is Supply.OFF
    ]
    bench.check("cuts on record", 1, len(cuts))
    bench.check("reason", cuts[0].reason.value, bench.word("supply", "reason"))
