"""`relance-kiosk recover` and `reactivate`: supply back, and a programmed cut cancelled."""

import sys
from typing import Annotated, Any, Final

import msgspec
import typer

from cardreader.cli.clerks import ClerkKey, clerks_signer
from cardreader.cli.desk import NEXT_STEP, Station, kiosk_at_work, kiosk_now_ms, receive
from cardreader.cli.interrupts import saying_at_ctrl_c
from cardreader.cli.options import (
    PRACTICE_SEED,
    Generation,
    Json,
    KioskHomeOption,
    Practice,
    Reader,
    StoreFile,
)
from cardreader.cli.printing import PrinterOption, printed_or_warned, wanted_printer
from cardreader.explaining.cuts import cut_to_cancel
from cardreader.kiosk.desk import CardAtDesk
from cardreader.kiosk.receiving import reactivation_receipt, recovery_receipt
from cardreader.kiosk.recovering import Recovery, check_hours, reactivate, recover
from cardreader.readers.opening import open_card
from protocols.arguments import read_name
from protocols.cutting.zones import load_zone
from protocols.instants import datetime_from_ms, iso_or_none
from protocols.rim.terminal import Exit, warn

_STOPPED: Final = "stopped: it may be on the card or not; the same command writes it again, which is safe"
CutOption = Annotated[
    str | None,
    typer.Option("--id", metavar="CUT", help="The planned cut to cancel; default: the one the card names."),
]

_UNDATED: Final = (
    "this kiosk doubts its clock: the last day of the card may be wrong, so the meter does not judge it; "
    "its hours are right"
)


def recover_household(
    reader: Reader,
    hours: Annotated[
        int,
        typer.Option(metavar="HOURS", help="How long nothing cuts: 24, 48, 72 or 240, from the meter on."),
    ] = 72,
    key: ClerkKey = None,
    printer: PrinterOption = None,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    station: Station = "kiosk",
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Put a release onto a card: the meter gives the supply back.

    The clerk's own key signs it, once its passphrase is typed (or in RELANCE_PASSPHRASE). The card is good
    until the end of its last day; the hours count from the moment in which the meter reads it. Ends with 1
    for a card of nobody, and for a key that may not.
    """
    check_hours(hours)
    place = wanted_printer(printer)
    with kiosk_at_work(home, practice, generation, store=store, reader=reader, station=station) as kiosk:
        signer = clerks_signer(kiosk, key)
        with saying_at_ctrl_c(_STOPPED), open_card(reader) as channel:
            card = receive(kiosk, channel)
            done = recover(kiosk, card, signer, hours, kiosk_now_ms(kiosk))
            receipt = recovery_receipt(kiosk, card, done, kiosk_now_ms(kiosk))
        is_printed = printed_or_warned(kiosk, receipt, place)
        if not kiosk.home.practice and not kiosk.tells_time:
            warn([_UNDATED])
    told = {**told_of(card, done), **validity_of(done, kiosk.home.form.zone), "receipt": receipt}
    told["printed"] = is_printed
    said = (
        f"a release of {hours} h for meter {card.meter} is on the card, to be put in until the end of "
        f"{told['present_until_local']}; {NEXT_STEP}"
    )
    _write(told, said, as_json=as_json)
    return Exit.DONE


def reactivate_household(
    reader: Reader,
    cut: CutOption = None,
    key: ClerkKey = None,
    printer: PrinterOption = None,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    station: Station = "kiosk",
    generation: Generation = 1,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Put the cancellation of a programmed cut onto a card, the second pass of 2020.

    It wins whichever comes first, the cut or its cancellation. The clerk's own key signs it. Without --id it
    is the only cut that the card names. Ends with 1 for a card that belongs to no household, or names none or
    several, and for a key that may not.
    """
    wanted, place = None if cut is None else read_name(cut, "--id"), wanted_printer(printer)
    with kiosk_at_work(home, practice, generation, store=store, reader=reader, station=station) as kiosk:
        signer = clerks_signer(kiosk, key)
        with saying_at_ctrl_c(_STOPPED), open_card(reader) as channel:
            card = receive(kiosk, channel)
            name = cut_to_cancel(card.found, wanted)
            done = reactivate(kiosk, card, signer, name, kiosk_now_ms(kiosk))
            receipt = reactivation_receipt(kiosk, card, name, kiosk_now_ms(kiosk))
        is_printed = printed_or_warned(kiosk, receipt, place)
    said = f"the cancellation of cut {name} for meter {card.meter} is on the card; {NEXT_STEP}"
    told = {**told_of(card, done), "cut": name, "receipt": receipt, "printed": is_printed}
    _write(told, said, as_json=as_json)
    return Exit.DONE


def told_of(card: CardAtDesk, done: Recovery) -> dict[str, Any]:
    """What was put onto a card, as values."""
    return {
        "card": card.serial,
        "meter": card.meter,
        "kind": done.order.kind,
        "object": done.order.object,
        "rev": done.order.rev,
        "slot": done.written.slot.name,
        "left_out": [each.why for each in done.written.left_out],
    }


def validity_of(done: Recovery, zone: str) -> dict[str, Any]:
    """Both ends of a recovery card: the last day on which it may be put in, and the hours from then on."""
    assert done.present_until_ms is not None
    last = datetime_from_ms(done.present_until_ms - 1, load_zone(zone))
    return {
        "hours": done.hours,
        "present_until": iso_or_none(done.present_until_ms),
        "present_until_local": f"{last:%A} {last.day} {last:%B %Y}",
        "present_until_judged": done.is_judged,
    }


def _write(told: dict[str, Any], said: str, *, as_json: bool) -> None:
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else said) + "\n")
