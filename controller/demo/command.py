"""`relance demo`: replays the night of 2 July 2020; `make demo` calls it."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from controller.demo.options import ReplayOptions
from protocols.errors import InputError
from protocols.link.carriage import read_address

EMBEDDED: Final = "embedded"
METERS_MIN: Final = 20
METERS_MAX: Final = 20_000


def demo(
    *,
    meters: Annotated[
        int, typer.Option(metavar="N", help="Meters: half of 2020, half guarded. An even number.")
    ] = 2_000,
    seed: Annotated[int, typer.Option(metavar="S", help="Decides households, faults and payments.")] = 7,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the report goes.")] = Path("build/demo"),
    fast: Annotated[
        bool, typer.Option("--fast", help="As fast as possible; else slow enough to watch.")
    ] = False,
    broker: Annotated[
        str,
        typer.Option(
            metavar="URL", help="embedded, or mqtt://[USER:PASSWORD@]HOST[:PORT] of one that is free."
        ),
    ] = EMBEDDED,
) -> int:
    """Replay the night of 2 July 2020 with emulated meters over real MQTT, and write a report.

    Half of the meters are card meters of 2020, half are guarded, in the same households. Broker, controller,
    two time services and all links are real parts; only time is stepped, so that the same seed leads to the
    same decisions everywhere. The report is DIR/report.html, and DIR/report.json for programs. DIR/curves
    has each drawing as PNG, and its numbers as CSV.

    Ends with 130 at Ctrl-C, 2 when an option is wrong, 3 when the broker does not answer.
    """
    _check(meters, seed)
    address = None if broker == EMBEDDED else read_address(broker)
    # Imported here, so that `relance --help` does not load matplotlib.
    from controller.demo.last_lines import print_end  # noqa: PLC0415
    from controller.demo.replay import run_replay  # noqa: PLC0415
    from controller.demo.report import write_report  # noqa: PLC0415
    from emulator.fleet.embedded_broker import EmbeddedBroker  # noqa: PLC0415

    with ExitStack() as stack:
        shown, own = (EMBEDDED, True) if address is None else (str(address), False)
        if address is None:
            address = stack.enter_context(EmbeddedBroker()).address
        result = run_replay(ReplayOptions(meters, seed, out, fast, shown, own), address)
    print_end(result, write_report(result, out))
    return 0


def _check(meters: int, seed: int) -> None:
    if not METERS_MIN <= meters <= METERS_MAX or meters % 2:
        raise InputError(f"--meters: {meters}; allowed: an even number from {METERS_MIN} to {METERS_MAX}")
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed: {seed}; allowed: 0 to {2**63 - 1}")
