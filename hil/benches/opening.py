"""A bench that is ready for stories, out of its file."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from typing import Final

from hil.bench_spec import BenchSpec
from hil.benches.wiring import WiredBench, wired
from hil.binding import BoundBench
from hil.booting import wait_for_console
from hil.capabilities import BenchError, Console, Power, Timebase
from hil.drivers.console_answers import one
from hil.drivers.lcus import RelayPower
from hil.drivers.typed import TypedConsole
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.drivers.wall_time import WallTime
from hil.record.model import Attachment, Dut
from protocols.reasons import Energy

_UNKNOWN: Final = "unknown"
RELEASE_QUESTION: Final = (
    "The mains will be switched, and current will flow through the contactor. Is nobody at the installation?"
)


@contextmanager
def open_bench(spec: BenchSpec, content: bytes, ask: Callable[[str], bool]) -> Iterator[BoundBench]:
    """The bench of a file, whose bytes are `content`. `ask` shows a sentence, and says whether to go on.

    Its mains are off. A meter that says nothing without them is asked who it is with them, once the operator
    has released the current. Raises BenchError where a device cannot be opened, or the meter does not say it.
    """
    if spec.virtual is not None:
        yield _virtual(spec, content)
        return

    def ask_or_stop(sentence: str) -> None:
        if not ask(sentence):
            raise BenchError(f"operator: done expected; found: not done: {sentence}")

    # Once for a run: whoever has said that nobody is at the installation is not asked at each story.
    is_released = cache(lambda: ask(RELEASE_QUESTION))
    with wired(spec, ask_or_stop) as bench:
        yield BoundBench(
            name=spec.name,
            sha256=sha256(content).hexdigest(),
            dut=_dut(spec, bench, is_released),
            drivers=bench.drivers,
            is_released=is_released,
            settle_ms=spec.settle_ms,
            boot_ms=spec.boot_ms,
            logs=lambda: _logs(bench),
            calibrations=spec.instruments,
            notes=bench.notes,
        )


def unopened_bench(spec: BenchSpec, content: bytes) -> BoundBench:
    """What a record can say of a bench before it is open, or where it cannot be opened."""
    if spec.virtual is not None:
        return _virtual(spec, content)
    return BoundBench(
        name=spec.name,
        sha256=sha256(content).hexdigest(),
        dut=_unknown_dut(spec),
        drivers={Timebase: WallTime()},
        calibrations=spec.instruments,
    )


def _virtual(spec: BenchSpec, content: bytes) -> BoundBench:
    assert spec.virtual is not None
    given = spec.virtual
    dut = VirtualDut(
        firmware=given.firmware,
        profile=given.profile,
        energy=Energy(given.energy),
        seed=given.seed,
        faults=given.faults,
        serial=spec.serial or "virtual",
    )
    return virtual_bench(dut, spec.name, sha256(content).hexdigest(), spec.instruments)


def _dut(spec: BenchSpec, bench: WiredBench, is_released: Callable[[], bool]) -> Dut:
    """As the meter says of itself, where it has a console."""
    console = bench.drivers.get(Console)
    if not isinstance(console, TypedConsole):
        return _unknown_dut(spec)
    try:
        answer = console.ask("identity")
    except BenchError as error:
        if spec.relay is None:
            raise
        if not is_released():
            raise BenchError(f"{error}; its mains are off, and nobody has released them") from None
        answer = _asked_with_mains(spec, bench, console)
    return Dut(
        name=one(answer, "meter"),
        serial=spec.serial,
        firmware=one(answer, "firmware"),
        profile=one(answer, "profile"),
        energy=one(answer, "energy"),
    )


def _unknown_dut(spec: BenchSpec) -> Dut:
    """A meter that nobody could ask."""
    return Dut(_UNKNOWN, spec.serial, _UNKNOWN, _UNKNOWN, _UNKNOWN)


def _asked_with_mains(
    spec: BenchSpec, bench: WiredBench, console: TypedConsole
) -> Mapping[str, tuple[str, ...]]:
    power, timebase = bench.drivers[Power], WallTime()
    assert isinstance(power, RelayPower)
    power.switch(on=True)
    try:
        wait_for_console(console, timebase, timebase.now_ms() + spec.boot_ms)
        return console.ask("identity")
    finally:
        power.switch(on=False)


def _logs(bench: WiredBench) -> tuple[Attachment, ...]:
    taken = [(log.name, log.take()) for log in bench.logs]
    return tuple(Attachment(f"{name}.log", "text/plain", text) for name, text in taken if text)
