"""All commands of `relance`, added to one typer app."""

import typer

from controller.demo.command import EXAMPLES, demo
from controller.faces.cli import (
    audit,
    broker,
    clock,
    cut,
    cut_calendar,
    flag,
    lease,
    meters,
    moratorium,
    orders,
)
from controller.faces.cli.examples import examples
from controller.faces.cli.init import init
from controller.faces.cli.release import release_meters
from controller.faces.cli.serve import serve_fleet, serve_second_time
from controller.faces.cli.topup import top_up_one
from controller.faces.cli.verbs import ACTING, NAMED, verb

app = typer.Typer(
    name="relance",
    help="Controls a fleet of prepaid meters: whoever is cut wrongly is back within seconds.",
    epilog=examples("COMMAND --help"),
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command(
    "init",
    epilog=examples(
        "init --home controller --operator anne --operator bart",
        "init --operator anne --operator bart --database postgresql://relance@db/relance",
    ),
)(init)
app.command("serve", epilog=examples("serve --broker mqtt://127.0.0.1:1883", "serve --home controller"))(
    serve_fleet
)
app.command(
    "timeserver", epilog=examples("timeserver --broker mqtt://127.0.0.1:1883", "timeserver --home clock-b")
)(serve_second_time)
app.add_typer(meters.app, name="meters")
verb(
    app,
    "release",
    "release m00042 m00043 --hours 24",
    "release --all --wait",
    "release --all --json",
    shares=ACTING,
)(release_meters)
app.add_typer(moratorium.app, name="moratorium")
app.add_typer(cut_calendar.app, name="calendar")
app.add_typer(lease.app, name="lease")
verb(app, "topup", "topup m00042 --eur 20.00 --id till-7-00123", shares=NAMED)(top_up_one)
app.add_typer(flag.app, name="flag")
app.add_typer(cut.app, name="cut")
app.add_typer(clock.app, name="clock")
app.add_typer(orders.app, name="orders")
app.add_typer(audit.app, name="audit")
app.add_typer(broker.app, name="broker")
app.command("demo", epilog=examples(*EXAMPLES))(demo)
