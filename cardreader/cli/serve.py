"""`relance-kiosk serve`: the screen of the kiosk, for the browser of this machine."""

from pathlib import Path
from typing import Annotated, Final

import typer

from cardreader.cli.options import PRACTICE_SEED, Practice
from cardreader.kiosk.home import open_home, practice_home
from protocols.cutting.zones import load_zone
from protocols.errors import InputError, UnreachableError
from protocols.reasons import Language
from protocols.rim.terminal import Exit

_NEEDS: Final = "the screen needs the extra `relance[kiosk]`: pip install 'relance[kiosk]'"
_PORT: Final = 8020


def serve_kiosk(
    reader: Annotated[
        list[str], typer.Option(metavar="NAME|virtual:FILE", help="Where cards are put in; may be repeated.")
    ],
    home: Annotated[Path | None, typer.Option(metavar="DIR", help="The kiosk's home.")] = None,
    practice: Practice = PRACTICE_SEED,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Of this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65_535, help="0: any that is free.")] = _PORT,
    language: Annotated[Language, typer.Option(help="In which the screen begins.")] = Language.FRENCH,
    phone: Annotated[str, typer.Option(metavar="TEXT", help="Of the call centre, to be shown.")] = "",
) -> int:
    """Show the screen of the kiosk in the browser of this machine.

    It listens on a loopback address only. Without --home it is for practice: its keys are known to all.
    """
    try:
        from cardreader.screen.serving import bound_socket, serve_screen  # noqa: PLC0415 # an extra
        from cardreader.screen.settings import ScreenSettings  # noqa: PLC0415
    except ImportError:
        raise UnreachableError(_NEEDS) from None
    if not reader:
        raise InputError("--reader: none; allowed: virtual:FILE, any, or a reader's name")
    kiosk = practice_home(practice) if home is None else open_home(home)
    listening = bound_socket(host, port)
    bound = listening.getsockname()[1]
    settings = ScreenSettings(
        kiosk, tuple(reader), load_zone(kiosk.form.zone, "kiosk.json: zone"), bound, language, phone
    )
    name = f"[{host}]" if ":" in host else host
    serve_screen(settings, listening, f"screen: http://{name}:{bound}/\n")
    return Exit.DONE
