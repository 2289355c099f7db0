"""The commands of `relance-emulator`, as one application."""

import typer

from emulator.cli.faults import list_faults
from emulator.cli.fleet import run_fleet
from emulator.cli.journal import journal_app
from emulator.cli.library import list_library
from emulator.cli.run import run_scenarios

app = typer.Typer(
    name="relance-emulator",
    help="Emulated prepaid meters: play scenarios, and see who is cut off, when and why.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run_scenarios)
app.command("library")(list_library)
app.command("faults")(list_faults)
app.command("fleet")(run_fleet)
app.add_typer(journal_app)
