"""`relance-kiosk card dump|export|load|apdu|script|kit|block|blank|practice`: for people with cards."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from cardreader.cli.app import PROGRAM
from cardreader.cli.block import block_found_card
from cardreader.cli.kit import make_blank, write_kit
from cardreader.cli.opening import open_session
from cardreader.cli.options import (
    PRACTICE_SEED,
    AnyGeneration,
    FleetKey,
    Json,
    OfficeKey,
    Practice,
    office_key,
)
from cardreader.cli.practice_card import make_practice_card
from cardreader.cli.showing import file_fields
from cardreader.cli.talking import AnsweredLine, Line, is_done, read_commands, read_script, talk
from cardreader.cli.whole_card import read_whole
from cardreader.files.access import KeyHolder
from cardreader.files.documents import DocumentSlot
from cardreader.files.layout import FILES, CardFile, file_named
from cardreader.files.visits import Deed, Visit
from cardreader.iso7816.status import meaning
from cardreader.loading.contents import read_contents
from cardreader.loading.loads import load
from cardreader.readers.opening import open_card
from protocols.arguments import check_choice, read_name
from protocols.errors import InputError, quoted
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.rim.clocks import checked_now_ms
from protocols.rim.commands import examples
from protocols.rim.terminal import Exit

Reader = Annotated[str, typer.Argument(metavar="NAME|virtual:FILE", help="The card: in a reader, or a file.")]
Holder = Annotated[
    str | None,
    typer.Option("--as", metavar="HOLDER", help="In a session with the keys of issuer, kiosk or meter."),
]

# A script is typed by a person, or made for a test.
_SCRIPT_BYTES_MAX: Final = 1024 * 1024

card_app = typer.Typer(name="card", help="Look into a card, and speak to it.", no_args_is_help=True)


@card_app.command(
    "dump", epilog=examples(PROGRAM, "card dump virtual:card.bin", "card dump virtual:card.bin --json")
)
def dump_card(
    reader: Reader,
    only: Annotated[
        list[str] | None, typer.Option("--file", metavar="NAME", help="Only this file; may be repeated.")
    ] = None,
    generation: AnyGeneration = None,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Show all that lies on a card, but no key.

    Of a card in a file it reads the memory, and needs no key; a card in a reader is asked with a kiosk's
    keys. Ends with 1 where something on the card cannot be read.
    """
    chosen = [_file(name) for name in only or ()]
    card = read_whole(reader, "CARD", generation, office_key(fleet_key, practice))
    shown = [file_fields(file, parts) for file, parts in card.files if not chosen or file in chosen]
    if as_json:
        for fields in ([] if chosen else [{"card": card.fields}]) + shown:
            _write(_encode(fields))
    else:
        for line in _lines([] if chosen else [card.fields], shown, every=bool(chosen)):
            _write(line)
    return Exit.NO if any(part["error"] for fields in shown for part in fields["parts"]) else Exit.DONE


@card_app.command("export", epilog=examples(PROGRAM, "card export virtual:card.bin --out files"))
def export_card(
    reader: Reader,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder, which is made.")],
    generation: AnyGeneration = None,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Write each file of a card into a folder, documents as the JSON that they are. No key is written.

    Ends with 2 where the folder cannot be written; files of these names in it are replaced.
    """
    card = read_whole(reader, "CARD", generation, office_key(fleet_key, practice))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, parts in card.files:
            suffix = "json" if file.content is DocumentSlot else "bin"
            for number, part in enumerate(parts, start=1):
                name = file.name if not file.records_max else f"{file.name}-{number}"
                path = out / f"{name}.{suffix}"
                path.write_bytes(part)
                fields = {"file": file.name, "path": str(path), "bytes": len(part)}
                _write(_encode(fields) if as_json else f"{path}  {len(part)} bytes")
    except BrokenPipeError:
        raise  # of standard output (`| head`): no file is at fault
    except OSError as error:
        raise InputError(f"--out: {error.filename or out}: cannot be written: {error.strerror}") from None
    return Exit.DONE


@card_app.command(
    "apdu",
    epilog=examples(
        PROGRAM,
        "card apdu virtual:card.bin 00A4040009F04255444745540001 00B0810000",
        "card apdu virtual:card.bin --as kiosk 00B0820000",
    ),
)
def send_apdus(
    reader: Reader,
    apdus: Annotated[list[str], typer.Argument(metavar="APDU...", help="Commands as hex digits.")],
    holder: Holder = None,
    generation: AnyGeneration = None,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Send commands to a card, one after the other, and print its answers with their meaning.

    What the card commits is in its file afterwards. Ends with 1 where the card refuses a command.
    """
    lines, keys = read_commands(apdus), office_key(fleet_key, practice)
    told = _talk(reader, lines, holder, generation, keys, as_json=as_json)
    return Exit.DONE if all(is_done(each.answer) for each in told) else Exit.NO


@card_app.command(
    "script",
    epilog=examples(
        PROGRAM, "card script virtual:card.bin visit.apdus", "card script virtual:card.bin - --json"
    ),
)
def play_script(
    reader: Reader,
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="A file of commands; - is standard input.")],
    holder: Holder = None,
    generation: AnyGeneration = None,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Send the commands of a script, and compare the answers with what it expects.

    A line is `HEX`, `HEX -> EXPECTED`, `reset`, empty or a comment (#); in EXPECTED x is any digit, * any
    number of them. Ends with 1 where an answer is another one.
    """
    lines, keys = read_script(_script(script), script), office_key(fleet_key, practice)
    told = _talk(reader, lines, holder, generation, keys, as_json=as_json)
    return Exit.DONE if all(each.fits for each in told) else Exit.NO


@card_app.command("load", epilog=examples(PROGRAM, "card load virtual:card.bin hold.json statement.json"))
def load_card(
    reader: Reader,
    documents: Annotated[
        list[Path], typer.Argument(metavar="DOCUMENT...", help="Signed envelopes; the most important first.")
    ],
    station: Annotated[str, typer.Option(metavar="NAME", help="Who loads, for the card's log.")] = "kiosk",
    generation: AnyGeneration = None,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Put signed documents onto a card, each into its slot, all of them at once.

    It replaces the statement of its issuer, or the earlier revision, that is on the card. Ends with 1 where a
    document does not fit, which is named with the reason; the others are loaded.
    """
    wanted = {_read_file(path): path for path in documents}
    visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, checked_now_ms(), read_name(station, "--station"))
    office = office_key(fleet_key, practice)
    with open_card(reader, "CARD") as card:
        session = open_session(card, KeyHolder.KIOSK, generation, office)
        plan = load(session, read_contents(session).documents, list(wanted), visit, _nothing)
    results = [
        *((wanted[document], slot.name, None) for slot, document in plan.writes.items()),
        *((wanted.get(document), "kept", None) for document in plan.kept),
        *((wanted[left.document], None, left.why) for left in plan.left_out),
    ]
    for path, slot_name, why in results:
        fields = {"document": None if path is None else str(path), "slot": slot_name, "left_out": why}
        line = f"{path or 'a later one'}: {f'left out: {why}' if why else slot_name}"
        _write(_encode(fields) if as_json else line)
    return Exit.NO if plan.left_out else Exit.DONE


def _talk(
    reader: str,
    lines: Sequence[Line],
    holder: str | None,
    generation: int | None,
    office: OfficeKey,
    *,
    as_json: bool,
) -> list[AnsweredLine]:
    """Sends the lines and prints each answer as it comes."""
    check_choice(holder, [each.name.lower() for each in KeyHolder], "--as")
    told = list[AnsweredLine]()
    with open_card(reader, "CARD") as card:
        session = (
            None if holder is None else open_session(card, KeyHolder[holder.upper()], generation, office)
        )
        for each in talk(card, lines, session):
            told.append(each)
            for line in [_encode(_told_fields(each))] if as_json else _told_lines(each):
                _write(line)
    return told


def _file(name: str) -> CardFile:
    found = file_named(name)
    if found is None:
        allowed = ", ".join(each.name for each in FILES)
        raise InputError(f"--file: {quoted(name)}; allowed: {allowed}")
    return found


def _script(name: str) -> str:
    try:
        data = sys.stdin.buffer.read(_SCRIPT_BYTES_MAX + 1) if name == "-" else _read(Path(name))
        text = data.decode()
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{name}: not UTF-8") from None
    if len(data) > _SCRIPT_BYTES_MAX:
        raise InputError(f"{name}: too long; allowed: {_SCRIPT_BYTES_MAX} bytes")
    return text


card_app.command(
    "kit",
    epilog=examples(
        PROGRAM,
        "card kit --meter m1 --serial 0102030405060708 --out kit.json",
        "card kit --meter m1 --serial 0102030405060708 --epoch 2 --kiosk k1 --fleet-key f.key --out k.json",
    ),
)(write_kit)
card_app.command(
    "block", epilog=examples(PROGRAM, "card block virtual:old.bin", "card block any --fleet-key fleet.key")
)(block_found_card)
card_app.command("blank", epilog=examples(PROGRAM, "card blank virtual:new.bin"))(make_blank)
card_app.command(
    "practice",
    epilog=examples(
        PROGRAM,
        "card practice virtual:c8.bin --story code-8",
        "card practice virtual:gas.bin --story gas --meter g1",
    ),
)(make_practice_card)


def _nothing(document: bytes) -> bool:
    """No document on the card is known to be genuine: there is no root to check it with."""
    del document
    return False


def _read_file(path: Path) -> bytes:
    """A document from a file. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(PAYLOAD_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_SCRIPT_BYTES_MAX + 1)


def _told_fields(told: AnsweredLine) -> dict[str, Any]:
    answer = told.answer
    return {
        "line": told.line.number,
        "command": "reset" if told.line.command is None else told.line.command.hex(),
        "data": None if answer is None else answer.data.hex(),
        "status": None if answer is None else f"{answer.status:04x}",
        "meaning": None if answer is None else meaning(answer.status),
        "expected": told.line.expected,
        "fits": told.fits,
    }


def _told_lines(told: AnsweredLine) -> list[str]:
    if told.line.command is None or told.answer is None:
        return ["> reset"]
    answer = told.answer
    data = f"{answer.data.hex()} " if answer.data else ""
    lines = [f"> {told.line.command.hex()}", f"< {data}{answer.status:04X}  {meaning(answer.status)}"]
    if not told.fits:
        lines.append(f"! line {told.line.number}: expected {told.line.expected}")
    return lines


def _lines(
    whole: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]], *, every: bool
) -> list[str]:
    """The text for a person; empty files are left out unless they were asked for."""
    lines = list[str]()
    for card in whole:
        keys = (f"{each['holder']} {each['version']} ({each['tries']} tries)" for each in card["keys"])
        lines.append(f"keys: {', '.join(keys)}; room: {card['free_bytes']} bytes")
    for fields in shown:
        if not fields["parts"] and not every:
            continue
        lines.append(f"{fields['file']} ({fields['fid']}): {fields['bytes']} bytes")
        lines += [f"  {part['error'] or _value_text(part['value'])}" for part in fields["parts"]]
    return lines


def _value_text(value: Mapping[str, Any]) -> str:
    texts = (
        f"{name}: {each if isinstance(each, str | int) else _encode(each)}"
        for name, each in value.items()
        if each != ""
    )
    return ", ".join(texts)


def _encode(fields: Any) -> str:  # noqa: ANN401 # any JSON
    return msgspec.json.encode(fields).decode()


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
