"""What commands share that serve people at a kiosk: whose kiosk it is, its store, and how money is paid."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.cli.opening import naming_a_blank_card
from cardreader.cli.options import OfficeKey, warn_of_practice
from cardreader.issuing.practice import practice_key
from cardreader.kiosk.desk import (
    CardAtDesk,
    Kiosk,
    is_paired,
    look_at,
    receive_card,
    take_in_card,
)
from cardreader.kiosk.elapsed import pass_time
from cardreader.kiosk.home import open_home, practice_home
from cardreader.kiosk.line_marks import boot_number, clock_seen
from cardreader.kiosk.ports import Cash, PaymentPort, SimulatedTerminal, TerminalMood
from cardreader.kiosk.replaced import SupersededCardError, latest_made
from cardreader.kiosk.rules import Moment
from cardreader.kiosk.stating import bring
from cardreader.kiosk.store import (
    claim_store,
    may_use,
    note_begun,
    open_kiosk_store,
    reading_kiosk,
    silent_since,
    writing_kiosk,
)
from cardreader.line.taking import limits_held
from cardreader.loading.contents import CardContents, read_contents
from cardreader.readers.inserted import InsertedCard
from cardreader.readers.locked_file import replaced
from cardreader.readers.opening import virtual_file
from protocols.arguments import check_choice, read_name
from protocols.documents.till_receipts import PaymentMeans
from protocols.errors import InputError
from protocols.instants import UtcMs
from protocols.rim.clocks import boot_id, checked_now_ms, now_ms, tick_ms

Station = Annotated[str, typer.Option(metavar="NAME", help="Who serves, for the card's log.")]
MeansOption = Annotated[str, typer.Option("--means", help="cash or terminal.")]
Mood = Annotated[
    str,
    typer.Option("--terminal", help="In practice, what the terminal does: approve, decline, timeout, late."),
]

NEXT_STEP: Final = "put it into the meter, until it shows 9"
_PRACTICE_STORE: Final = "practice.ledger"
_STATION: Final = "kiosk"


@contextmanager
def kiosk_at_work(
    home: Path | None,
    practice: str,
    generation: int,
    *,
    store: Path | None = None,
    reader: str = "",
    station: str = _STATION,
    make: bool = True,
    warn: bool = True,
) -> Iterator[Kiosk]:
    """The kiosk of a home, or the one of practice, with its store open; `make`: in practice a new one is.

    Raises InputError and UnreachableError as `open_home` and `open_kiosk_store`.
    """
    station = read_name(station, "--station")
    if home is not None:
        if store is not None:
            raise InputError("--ledger: allowed in practice; a home has its own store")
        found = open_home(home)
        name = found.form.kiosk if station == _STATION else station
        path = found.store
    else:
        found, name = practice_home(practice, generation), station
        if warn:
            warn_of_practice(OfficeKey(practice_key(practice), practice=True), "--home DIR")
        path = store or store_beside(reader)
        if not make and not path.exists():
            raise InputError(f"--ledger: {path}: no such store; `relance-kiosk topup` makes one")
    engine = open_kiosk_store(path)
    try:
        claim_store(engine, found.signer.keyid, path)
        kiosk, now = as_it_is_now(Kiosk(found, engine, name)), moment()
        with writing_kiosk(engine) as session:
            # Time counts from the first program after a boot on.
            pass_time(session, now, kiosk.judged_ms(now.wall_ms))
        yield kiosk
    finally:
        engine.dispose()


def has_practised(reader: str, practice: str) -> bool:
    """Whether a card's own store is there, of practice with this seed."""
    path = store_beside(reader)
    if not path.exists():
        return False
    engine = open_kiosk_store(path)
    try:
        with reading_kiosk(engine) as session:
            return may_use(session, practice_home(practice).signer.keyid)
    finally:
        engine.dispose()


def as_it_is_now(kiosk: Kiosk) -> Kiosk:
    """The kiosk as its home and its line say now: keys, limits, and whether it doubts its clock.

    A screen runs for days, and the line beside it brings all of these. Raises InputError for a damaged home.
    """
    folder = kiosk.home.folder
    found = kiosk.home if folder is None else open_home(folder)
    with reading_kiosk(kiosk.engine) as session:
        is_begun = silent_since(session) is not None
        estimate_ms = clock_seen(session, tick_ms(), boot_id()).estimate_ms
    if not is_begun:
        with writing_kiosk(kiosk.engine) as session:
            note_begun(session, moment())
    ahead_ms = 0 if estimate_ms is None else now_ms() - estimate_ms
    return replace(
        kiosk,
        home=found,
        limits=limits_held(found),
        tells_time=estimate_ms is not None,
        ahead_ms=ahead_ms,
    )


def kiosk_now_ms(kiosk: Kiosk) -> UtcMs:
    """The time as the kiosk believes it: see `Kiosk.now_ms`. Raises as `checked_now_ms`."""
    return kiosk.now_ms(checked_now_ms())


def receive(kiosk: Kiosk, channel: InsertedCard) -> CardAtDesk:
    """A household's card that was put in, opened and read. Raises BlankCardError for one of nobody."""
    with naming_a_blank_card(channel):
        return receive_card(kiosk, channel, secrets.token_bytes(CHALLENGE_BYTES), kiosk_now_ms(kiosk))


def look(kiosk: Kiosk, channel: InsertedCard) -> tuple[CardContents, int]:
    """Any card of ours that was put in, opened and read, and the latest pairing epoch of its meter made here.

    A real kiosk serves the card, as `exchange` does; of one that was replaced it keeps the words.
    """
    now_ms = kiosk_now_ms(kiosk)
    with naming_a_blank_card(channel):
        looked = look_at(kiosk, channel, secrets.token_bytes(CHALLENGE_BYTES), now_ms)
    session, found, _chain = looked
    if not is_paired(found) or found.pairing is None:
        return found, 0
    with reading_kiosk(kiosk.engine) as store:
        latest = latest_made(store, found.pairing.meter)
    if kiosk.home.practice:
        return found, latest
    try:
        brought = bring(kiosk, take_in_card(kiosk, looked, now_ms), now_ms)
    except SupersededCardError:
        return found, latest
    return read_contents(session, kiosk.memory) if brought.written else found, latest


def moment() -> Moment:
    """Now, by the wall clock and by the machine's count since its boot."""
    return Moment(checked_now_ms(), tick_ms(), boot_number(boot_id()))


def port_of(kiosk: Kiosk, means: str, mood: str) -> PaymentPort:
    """How it is paid. Raises InputError for a terminal at a real kiosk: none is connected yet."""
    check_choice(means, list(PaymentMeans), "--means")
    check_choice(mood, list(TerminalMood), "--terminal")
    if means == PaymentMeans.CASH:
        return Cash()
    if not kiosk.home.practice:
        raise InputError("--means: terminal: no payment terminal is connected; allowed: cash")
    path = Path(f"{kiosk.engine.url.database}.terminal")
    return SimulatedTerminal(_BankFile(path), TerminalMood(mood))


class _BankFile(dict[str, int]):
    """What the simulated terminal's bank remembers, in a file; each change is written at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.exists():
            try:
                super().__init__(msgspec.json.decode(path.read_bytes(), type=dict[str, int]))
            except msgspec.MsgspecError as error:
                raise InputError(f"{path}: no terminal's file: {error}") from None

    def __setitem__(self, payment: str, amount_ueur: int) -> None:
        super().__setitem__(payment, amount_ueur)
        os.close(replaced(self._path, msgspec.json.encode(dict(self))))


def store_beside(reader: str) -> Path:
    """The store of practice: beside the card's file."""
    path = virtual_file(reader, "--reader") if reader else None
    return Path(_PRACTICE_STORE) if path is None else Path(f"{path}.ledger")
