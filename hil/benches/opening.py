"""A bench that is ready for stories, out of its file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from hil.benches.model import BenchSpec
from hil.benches.wiring import WiredBench, wired
from hil.binding import BoundBench
from hil.capabilities import BenchError, Console
from hil.drivers.typed import TypedConsole, one
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import Attachment, Dut
from protocols.reasons import Energy

_UNKNOWN = "unknown"


@contextmanager
def open_bench(spec: BenchSpec, content: bytes, ask: Callable[[str], bool]) -> Iterator[BoundBench]:
    """The bench of a file, whose bytes are `content`. `ask` shows a sentence, and says whether to go on.

    Raises BenchError where a device cannot be opened, or the meter does not say who it is.
    """
    if spec.virtual is not None:
        yield _virtual(spec, content)
        return

    def ask_or_stop(sentence: str) -> None:
        if not ask(sentence):
            raise BenchError(f"operator: done expected; found: not done: {sentence}")

    with wired(spec, ask_or_stop) as bench:
        yield BoundBench(
            name=spec.name,
            sha256=sha256(content).hexdigest(),
            dut=_dut(spec, bench),
            drivers=bench.drivers,
            ask=ask,
            logs=lambda: _logs(bench),
            calibrations=spec.instruments,
            notes=bench.notes,
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


def _dut(spec: BenchSpec, bench: WiredBench) -> Dut:
    """As the meter says of itself, where it has a console."""
    console = bench.drivers.get(Console)
    if not isinstance(console, TypedConsole):
        return Dut(_UNKNOWN, spec.serial, _UNKNOWN, _UNKNOWN, _UNKNOWN)
    answer = console.ask("identity")
    return Dut(
        name=one(answer, "meter"),
        serial=spec.serial,
        firmware=one(answer, "firmware"),
        profile=one(answer, "profile"),
        energy=one(answer, "energy"),
    )


def _logs(bench: WiredBench) -> tuple[Attachment, ...]:
    taken = [(log.name, log.take()) for log in bench.logs]
    return tuple(Attachment(f"{name}.log", "text/plain", text) for name, text in taken if text)
