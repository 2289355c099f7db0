"""`python -m benchmarks [NAME…] [--json] [--write]`: measure, and compare with the goals."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks import (
    cards,
    dlms,
    faces,
    fan_out,
    firmware,
    fleet_file,
    flood,
    release,
    reminders,
    report,
    signatures,
    wire,
)
from benchmarks.figures import Figure
from benchmarks.figures import Progress as Tell
from benchmarks.machine import describe_machine

Measure = Callable[[Tell], list[Figure]]

BENCHMARKS: Final[dict[str, tuple[str, Measure]]] = {
    "jump": ("Firmware: the jump", lambda tell: firmware.measure_jump(firmware.Size(), tell)),
    "gate": ("Firmware: the gate", lambda tell: firmware.measure_gate(firmware.Size(), tell)),
    "memory": ("Firmware: memory", lambda tell: firmware.measure_memory(firmware.Size(), tell)),
    "signatures": (
        "Documents: signatures",
        lambda tell: signatures.measure_signatures(signatures.Size(), tell),
    ),
    "intake": ("Documents: intake", lambda tell: signatures.measure_intake(signatures.Size(), tell)),
    "wire": ("Messages", lambda tell: wire.measure_wire(wire.Size(), tell)),
    "cards": ("Cards", lambda tell: cards.measure_cards(cards.Size(), tell)),
    "suite": ("The bench", lambda tell: faces.measure_suite(faces.SuiteSize(), tell)),
    "faces": ("Faces of a meter", lambda tell: faces.measure_faces(faces.Size(), tell)),
    "dlms": ("DLMS", lambda tell: dlms.measure_dlms(dlms.Size(), tell)),
    "import": ("A file of households", lambda tell: fleet_file.measure_import(fleet_file.Size(), tell)),
    "pages": ("Lists of meters", lambda tell: fleet_file.measure_pages(fleet_file.Size(), tell)),
    "reminders": (
        "Reminders of a reactivation",
        lambda tell: reminders.measure_reminders(reminders.Size(), tell),
    ),
    "fan-out": ("An order to a fleet", lambda tell: fan_out.measure_fan_out(fan_out.Size(), tell)),
    "service": (
        "Memory of the service",
        lambda tell: fan_out.measure_service_memory(fan_out.Size(meters=100_000), tell),
    ),
    "floods": ("Top-ups under a flood", lambda tell: flood.measure_floods(flood.Size(), tell)),
    "release": ("Release of a fleet", lambda tell: release.measure_release(release.Size(), tell)),
}
_WRONG_INPUT: Final = 2
# The width of a table that is written to a file.
_WIDTH: Final = 140

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def main(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help=f"Of {', '.join(BENCHMARKS)}; all if none.")
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Also write docs/performance.md.")] = False,
) -> None:
    """Measure the speed of the parts, as ratios inside one run."""
    chosen = names or list(BENCHMARKS)
    unknown = [name for name in chosen if name not in BENCHMARKS]
    if unknown:
        typer.echo(f"benchmark {unknown[0]!r}; allowed: {', '.join(BENCHMARKS)}", err=True)
        raise typer.Exit(_WRONG_INPUT)
    figures = measure(chosen)
    machine = describe_machine()
    if json:
        typer.echo(report.as_json(figures, machine))
    else:
        console = Console(width=None if sys.stdout.isatty() else _WIDTH)
        for each in report.tables(figures):
            console.print(each)
            console.print()
        console.print("; ".join(f"{what} {value}" for what, value in machine.items()), style="dim")
    if write:
        report.PAGE.write_text(report.page(figures, machine, datetime.now(UTC).date().isoformat()))


def measure(chosen: list[str]) -> list[tuple[str, Figure]]:
    """The figures of the chosen benchmarks with their section; a bar on a terminal."""
    figures: list[tuple[str, Figure]] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        for name in chosen:
            title, run = BENCHMARKS[name]
            task = bar.add_task(title)

            def tell(what: str, title: str = title, task: int = int(task)) -> None:
                bar.update(task, description=f"{title}: {what}")  # type: ignore[arg-type]  # a TaskID is an int

            figures += [(title, figure) for figure in run(tell)]
            bar.remove_task(task)
    return figures


if __name__ == "__main__":
    app()
