"""Options that many commands share, spelt once."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="A JSON object per line, for programs.")]
