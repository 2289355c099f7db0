"""The options of `relance-emulator meter`, a name each."""

from pathlib import Path
from typing import Annotated, Final

import typer

from emulator.faces.p1.faults import TelegramFault
from protocols.limits import LOAD_W_MAX

GUARDED: Final = "guarded"
LEGACY: Final = "legacy-2020"
_PULL_AFTER_MS_MAX: Final = 600_000
_PLACES: Final = "tcp:HOST:PORT, pty:PATH or rfc2217:HOST:PORT"

Name = Annotated[
    str | None, typer.Argument(metavar="METER", help="Its name, as on the card, or in the scenario.")
]
CardFile = Annotated[str | None, typer.Option(metavar="FILE", help="Put this virtual card into its slot.")]
StateFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Keep the meter here; a new one if there is none.")
]
PullAfterMs = Annotated[
    int | None,
    typer.Option(metavar="MS", min=0, max=_PULL_AFTER_MS_MAX, help="Pull the card out so early."),
]
Home = Annotated[
    Path | None, typer.Option(metavar="DIR", help="A controller's home: its root and fleet key.")
]
Practice = Annotated[
    str, typer.Option(metavar="SEED", help="Without --home and faces: keys for practice, of this seed.")
]
ProfileName = Annotated[str, typer.Option(metavar="NAME", help="Of a new meter.")]
EnergyName = Annotated[str, typer.Option(help="Of a new meter: electricity or gas.")]
BalanceEur = Annotated[
    str | None, typer.Option(metavar="EUR", help="Of a new meter; default: 0.00, with faces 20.00.")
]
LoadW = Annotated[
    int | None,
    typer.Option(
        metavar="W", min=0, max=LOAD_W_MAX, help="Of a new meter; default: 0, with faces a household's."
    ),
]
P1Place = Annotated[str, typer.Option(metavar="PLACE", help=f"Its customer port: {_PLACES}.")]
P1Fault = Annotated[
    str,
    typer.Option(metavar="FAULT[:N]", help=f"Every N-th telegram is wrong: {', '.join(TelegramFault)}."),
]
P1Amounts = Annotated[
    bool, typer.Option("--p1-amounts", help="The household agrees that its credit is named there.")
]
OpticalPlace = Annotated[str, typer.Option(metavar="PLACE", help="Its optical port, IEC 62056-21.")]
OpticalPassword = Annotated[str, typer.Option(metavar="TEXT", help="Which opens the programming mode there.")]
DlmsPlace = Annotated[
    str,
    typer.Option(metavar="PLACE", help="DLMS/COSEM: tcp:HOST:PORT by the TCP wrapper, hdlc:PLACE by HDLC."),
]
DlmsPassword = Annotated[str, typer.Option(metavar="TEXT", help="Of client 2 there (low level security).")]
DlmsKeys = Annotated[
    str, typer.Option(metavar="FILE|HEX", help="Of client 1 there (HLS-GMAC); a file gets one of counters.")
]
DlmsPolicy = Annotated[int, typer.Option(metavar="N", help="Its messages: 1 authenticated, 3 encrypted too.")]
ConsolePlace = Annotated[str, typer.Option(metavar="PLACE", help="The bench's console.")]
FirmwareName = Annotated[str, typer.Option(metavar="NAME", help=f"With faces: {GUARDED} or {LEGACY}.")]
ScenarioFile = Annotated[
    str, typer.Option(metavar="FILE", help="What happens to it; one of the library by its name.")
]
Rate = Annotated[float, typer.Option(metavar="N", help="Its seconds in a second; faces keep ours.")]
Seed = Annotated[int, typer.Option(metavar="S", min=0, help="With faces: of its keys and of its household.")]
