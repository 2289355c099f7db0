"""`relance-kiosk serve`: the screen of the kiosk, for the browser of this machine."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from cardreader.cli.desk import Mood, as_it_is_now, kiosk_at_work, moment, port_of
from cardreader.cli.interrupts import saying_at_ctrl_c
from cardreader.cli.options import PRACTICE_SEED, Generation, KioskHomeOption, Practice, StoreFile
from cardreader.cli.printing import PrinterOption, wanted_printer
from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.ports import TerminalMood
from cardreader.readers.opening import virtual_file
from protocols.arguments import check_choice
from protocols.cutting.zones import load_zone
from protocols.documents.till_receipts import PaymentMeans
from protocols.errors import UnreachableError
from protocols.reasons import Language
from protocols.rim.terminal import Exit

_NEEDS: Final = "the screen needs the extra `relance[kiosk]`: pip install 'relance[kiosk]'"
_STOPPED: Final = "the screen is closed; the shift stays open, and so does each payment that is not finished"
_PORT: Final = 8020


def serve_kiosk(
    reader: Annotated[
        list[str], typer.Option(metavar="NAME|virtual:FILE", help="Where cards are put in; may be repeated.")
    ],
    home: KioskHomeOption = None,
    store: StoreFile = None,
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    terminal: Mood = TerminalMood.APPROVE,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Of this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65_535, help="0: any that is free.")] = _PORT,
    language: Annotated[
        str, typer.Option(help="fr, nl, de or en: in which the screen begins.")
    ] = Language.FRENCH.value,
    keys: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With --home: the keys of clerks, NAME.pem each.")
    ] = None,
    phone: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Of the call centre; default: that of kiosk.json."),
    ] = None,
    printer: PrinterOption = None,
) -> int:
    """Show the screen of the kiosk in the browser of this machine.

    It listens on a loopback address only. Without --home it is for practice: its keys are known to all.
    """
    try:
        from cardreader.screen.serving import bound_socket, serve_screen  # noqa: PLC0415 # an extra
        from cardreader.screen.settings import ScreenSettings  # noqa: PLC0415
    except ImportError:
        raise UnreachableError(_NEEDS) from None
    check_choice(language, list(Language), "--language")
    place = wanted_printer(printer)
    for each in reader:
        virtual_file(each, "--reader")
    with kiosk_at_work(home, practice, generation, store=store, reader=reader[0]) as kiosk:
        listening = bound_socket(host, port)
        bound = listening.getsockname()[1]
        zone = load_zone(kiosk.home.form.zone, "kiosk.json: zone")
        means = list(PaymentMeans) if kiosk.home.practice else [PaymentMeans.CASH]
        pays = {each: port_of(kiosk, each, terminal) for each in means}
        settings = ScreenSettings(
            partial(_kiosk_now, kiosk, phone),
            tuple(reader),
            zone,
            bound,
            moment,
            pays,
            Language(language),
            kiosk.home.form.phone if phone is None else phone,
            keys,
            place,
        )
        name = f"[{host}]" if ":" in host else host
        with saying_at_ctrl_c(_STOPPED):
            serve_screen(settings, listening, f"screen: http://{name}:{bound}/\n")
    return Exit.DONE


def _kiosk_now(kiosk: Kiosk, phone: str | None) -> Kiosk:
    """The kiosk as its home says now, with the telephone number that the screen was started with."""
    now = as_it_is_now(kiosk)
    if phone is None:
        return now
    return replace(now, home=replace(now.home, form=msgspec.structs.replace(now.home.form, phone=phone)))
