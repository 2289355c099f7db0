"""Options that many commands share."""

from pathlib import Path
from typing import Annotated, Final

import typer

Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="The controller's folder; else RELANCE_HOME."),
]
Database = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="The store; else RELANCE_DATABASE.")
]
Broker = Annotated[
    str | None, typer.Option("--broker", metavar="URL", help="The MQTT broker; else RELANCE_BROKER.")
]
Tls = Annotated[
    Path | None,
    typer.Option("--tls", metavar="DIR", help="Credentials for mqtts://; else RELANCE_TLS."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Who acts; else RELANCE_OPERATOR, else the first operator."),
]
LooksAs = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Who looks, as the log will say; else RELANCE_OPERATOR."),
]
Basis = Annotated[str, typer.Option(metavar="TEXT", help="The legal or operational ground.")]
Since = Annotated[
    str | None, typer.Option("--from", metavar="T", help="Its beginning, with an offset; else now.")
]
Zone = Annotated[str, typer.Option(metavar="ZONE", help="Local time is shown in this IANA zone.")]

ZONE_DEFAULT = "Europe/Brussels"
Meter = Annotated[str, typer.Argument(metavar="METER", help="A meter's id, such as m00042.")]
Meters = Annotated[list[str], typer.Argument(metavar="METER...", help="Meters' ids, such as m00042.")]
Wide = Annotated[bool, typer.Option("--wide", help="All columns, instants in UTC.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, max=100_000, help="At most N; default 50, with --json 1000."),
]

Where = Annotated[
    str | None,
    typer.Option("--where", metavar="QUERY", help="Only those that match: 'supply==off;balance<0'."),
]

# How many rows a list shows where `--limit` is not given.
LISTED_FOR_PEOPLE: Final = 50
LISTED_FOR_PROGRAMS: Final = 1_000
