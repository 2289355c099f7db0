"""`relance-kiosk issue`: a virgin card, or a new file, becomes the card of a household; one or many."""

import csv
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import typer

from cardreader.channel.keys import issuer_keys
from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.cli.households_card import CardWish, blank_file, check_wish, issued_sentence
from cardreader.cli.options import (
    PRACTICE_SEED,
    FleetGeneration,
    FleetKey,
    Generation,
    Json,
    KioskHomeOption,
    KitOption,
    OfficeKey,
    Practice,
    StoreFile,
    office_key,
    warn_of_practice,
)
from cardreader.files.identity import SERIAL_BYTES, read_serial
from cardreader.host.session import ask
from cardreader.iso7816 import instructions as iso
from cardreader.issuing.kit import CardOrder, make_kit
from cardreader.issuing.personalising import letters_held, personalise
from cardreader.readers.opening import open_card, virtual_file
from cardreader.readers.virtual import SCHEME
from protocols.arguments import read_name
from protocols.errors import InputError, RelanceError
from protocols.reasons import Energy
from protocols.rim.clocks import checked_now_ms
from protocols.rim.terminal import Exit, complain

# The household of `issue` without --meter, in practice.
_PRACTICE_METER: Final = "m1"
_COLUMNS: Final = ("meter", "energy", "reference", "epoch", "fleet_generation")
# A line of a list is a few dozen characters; a list of all card meters of a country is shorter.
_LIST_BYTES_MAX: Final = 4 * 1024 * 1024


class CardIssuer(NamedTuple):
    """Who makes cards: with which key, for kiosks of which generation, and its name for the card's log."""

    office: OfficeKey
    generation: int
    station: str


def issue_cards(
    reader: Annotated[
        str | None,
        typer.Option(metavar="NAME|virtual:FILE", help="The card; a file that is not there is made."),
    ] = None,
    meter: Annotated[str | None, typer.Option(metavar="METER", help="The meter that it is for.")] = None,
    energy: Annotated[str, typer.Option(help="electricity or gas.")] = Energy.ELECTRICITY,
    reference: Annotated[str, typer.Option(metavar="DIGITS", help="The customer's 13 digits.")] = "",
    epoch: Annotated[
        int, typer.Option(metavar="N", help="Which card of this meter it is; a replacement has the next.")
    ] = 1,
    serial: Annotated[
        str | None, typer.Option(metavar="HEX", help="Serial number of a new file; default: by chance.")
    ] = None,
    cards: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="CSV",
            help="Many: the columns are meter, energy, reference, epoch and fleet_generation.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With --list: the folder of the new files.")
    ] = None,
    kit: KitOption = None,
    home: KioskHomeOption = None,
    store: StoreFile = None,
    station: Annotated[str, typer.Option(metavar="NAME", help="Who issues, for the card's log.")] = "office",
    generation: Generation = 1,
    fleet_generation: FleetGeneration = 1,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Make cards of households.

    A card that is the household's already is left as it is. With --kit a kiosk makes the one card for which
    the office has made it a kit. Ends with 1 if a card belongs to somebody else, or if one of a list was not
    made; each card of a list has its own result.
    """
    if kit is not None:
        given = (cards, out, serial, fleet_key)
        if reader is None or any(each is not None for each in given) or (reference, epoch) != ("", 1):
            raise InputError(
                "--kit: says by itself what the card is; allowed beside it: --reader, --home, --meter"
            )
        return _issue_by_kit(reader, kit, meter, (home, practice, generation, store), as_json=as_json)
    if home is not None or store is not None:
        raise InputError("--home, --ledger: allowed with --kit: a kiosk has no key that makes cards")
    office = office_key(fleet_key, practice)
    issuer = CardIssuer(office, generation, read_name(station, "--station"))
    if (reader is None) == (cards is None) or (cards is None) != (out is None):
        raise InputError("allowed: --reader NAME|virtual:FILE, or --list CSV with --out DIR")
    if reader is None:
        assert cards is not None
        assert out is not None
        return _issue_list(cards, out, issuer, fleet_generation, as_json=as_json)
    if meter is None and not office.practice:
        raise InputError("--meter: missing; allowed with --fleet-key: the name of a meter")
    wish = CardWish(meter or _PRACTICE_METER, energy, reference, epoch, fleet_generation)
    serial_bytes = None if serial is None else read_serial(serial)
    warn_of_practice(office)
    done = issue_card(reader, wish, issuer, serial_bytes)
    _write(_json_line(done) if as_json else issued_sentence(done))
    return Exit.DONE


def _issue_by_kit(
    reader: str,
    kit: Path,
    meter: str | None,
    place: tuple[Path | None, str, int, Path | None],
    *,
    as_json: bool,
) -> int:
    # Only here: a kiosk's store is slow to load, and an office has none.
    from cardreader.cli.desk import kiosk_at_work  # noqa: PLC0415
    from cardreader.cli.making import made_by_kit  # noqa: PLC0415

    home, practice, generation, store = place
    with kiosk_at_work(home, practice, generation, store=store, reader=reader) as kiosk:
        told, said = made_by_kit(kiosk, reader, kit, meter)
    _write(_json_line(told) if as_json else said)
    return Exit.DONE


def issue_card(reader: str, wish: CardWish, issuer: CardIssuer, serial: bytes | None) -> dict[str, object]:
    """One card. Returns what was done, for people and programs."""
    meter, key_of_meters = check_wish(wish), issuer.office.of_generation(wish.fleet_generation)
    path = virtual_file(reader, "--reader")
    if path is not None and not path.exists():
        number = secrets.token_bytes(SERIAL_BYTES) if serial is None else serial
        blank_file(path, number, issuer_keys(issuer.office.key, number))
    elif serial is not None:
        raise InputError(f"--serial: {reader} is a card already; allowed for a new file")
    with open_card(reader) as card:
        name, held = card.name, letters_held(card)
        found = ask(card, iso.DATA_SERIAL)
        wanted = CardOrder(found, Energy(wish.energy), meter, wish.epoch, wish.reference, issuer.generation)
        kit = make_kit(issuer.office.key, wanted, held, key_of_meters)
        changed = personalise(
            card, kit, secrets.token_bytes(CHALLENGE_BYTES), issuer.station, checked_now_ms()
        )
    return {
        "card": found.hex(),
        "reader": name,
        "file": None if path is None else str(path),
        "meter": meter,
        "energy": wish.energy,
        "reference": wish.reference,
        "epoch": wish.epoch,
        "generation": issuer.generation,
        "practice": issuer.office.practice,
        "did": "issued" if changed else "unchanged",
    }


def _issue_list(cards: Path, out: Path, issuer: CardIssuer, fleet_generation: int, *, as_json: bool) -> int:
    wishes = list(_read_list(cards, fleet_generation))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out: {out}: cannot be made: {error.strerror}") from None
    warn_of_practice(issuer.office)
    failed = 0
    for line, wish in wishes:
        try:
            path = out / f"{read_name(wish.meter, 'meter')}.card"
            done = issue_card(f"{SCHEME}{path}", wish, issuer, None)
        except RelanceError as error:
            failed += 1
            if as_json:
                _write(_json_line({"meter": wish.meter, "did": "failed", "why": str(error)}))
            complain(f"{cards}: line {line}: {error}")
        else:
            _write(_json_line(done) if as_json else issued_sentence(done))
    if not as_json:
        _write(f"{len(wishes) - failed} of {len(wishes)} cards")
    return Exit.NO if failed or not wishes else Exit.DONE


def _read_list(path: Path, fleet_generation: int) -> Iterator[tuple[int, CardWish]]:
    """The households of a CSV file, each with its line. Raises InputError.

    `fleet_generation`: of the lines that name none.
    """
    try:
        text = path.read_text("utf-8") if path.stat().st_size <= _LIST_BYTES_MAX else None
    except OSError as error:
        raise InputError(f"--list: {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"--list: {path}: not UTF-8") from None
    if text is None:
        raise InputError(f"--list: {path}: too long; allowed: {_LIST_BYTES_MAX} bytes")
    rows = csv.DictReader(text.splitlines())
    strange = [name for name in rows.fieldnames or () if name not in _COLUMNS]
    if strange or "meter" not in (rows.fieldnames or ()):
        raise InputError(f"--list: {path}: columns; allowed: {', '.join(_COLUMNS)}; needed: meter")
    for row in rows:
        said = {name: value for name, value in row.items() if name in _COLUMNS and value}
        given = {"fleet_generation": fleet_generation} | said
        try:
            yield rows.line_num, msgspec.convert(given, CardWish, strict=False)
        except msgspec.ValidationError as error:
            raise InputError(f"--list: {path}: line {rows.line_num}: {error}") from None


def _json_line(fields: dict[str, object]) -> str:
    return msgspec.json.encode(fields).decode()


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
