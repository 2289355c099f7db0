"""Cards: how long a clerk waits for a card to be read, what a top-up is on the line, tears a second.

The card is one that comes back from its meter: it holds an earlier payment, and what the meter has said.
"""

import contextlib
import io
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.contact_line import Line, Traffic
from benchmarks.figures import Figure, Goal, Progress, figure_of, seconds
from cardreader.card.card import SmartCard
from cardreader.card.store import CARD_BYTES, Store, WholeMemory
from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.cli.issue import issue_cards
from cardreader.cli.read import read_card
from cardreader.files.access import KeyHolder
from cardreader.files.layout import STATEMENTS
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession
from cardreader.host.transport import CardChannel, InProcess
from cardreader.issuing.practice import HOLDERS, practice_signer
from cardreader.kiosk.exchange import open_with_kiosk_keys
from cardreader.kiosk.home import practice_home
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.loads import plan_load
from cardreader.loading.memory import CardMemory
from cardreader.loading.staging import stage
from cardreader.readers.virtual import SCHEME, VirtualCard
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Role
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.units import UEUR_PER_EUR

_SEED: Final = "benchmark"
_METER: Final = "m1"
_ISSUER: Final = "kiosk-1"
_READ_GOAL_MS: Final = 300
_TOP_UP_GOAL: Final = 1.2
_SPEEDS: Final = (9_600, 115_200)


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    reads: int = 21
    tears: int = 400
    repetitions: int = 5


def measure_cards(size: Size, progress: Progress) -> list[Figure]:
    """Reading to screen, a top-up on the line, the card's room, and tears a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = _from_its_meter(Path(folder))
        with VirtualCard(path) as card:
            content = bytes(card.memory.content)
        return [
            _read_to_screen(path, size, progress),
            *_top_up_on_the_line(content),
            *_room(content),
            _tears(content, size, progress),
        ]


def _from_its_meter(folder: Path) -> Path:
    """A card that was issued, loaded with a payment, and put into its meter."""
    path = folder / "card.bin"
    with _silence():
        issue_cards(f"{SCHEME}{path}", _METER, practice=_SEED)
    with VirtualCard(path) as card:
        _top_up(card, _statement(1, 20))
    program = Path(sys.executable).parent / "relance-emulator"
    words = ("meter", _METER, "--state", str(folder / "meter.json"), "--card", str(path), "--practice", _SEED)
    subprocess.run([program, *words], check=True, capture_output=True)  # noqa: S603 # our own program
    return path


# -- reading ----------------------------------------------------------------------------------------


def _read_to_screen(path: Path, size: Size, progress: Progress) -> Figure:
    """What `relance-kiosk read` does with the card, once the program is loaded."""

    def read() -> None:
        with _silence():
            read_card(f"{SCHEME}{path}", practice=_SEED)

    read()
    taken_ms = list[float]()
    for number in range(size.reads):
        taken_ms.append(1_000 * seconds(read, time.perf_counter))
        progress(f"read {number + 1}/{size.reads}")
    note = "relance-kiosk read, a card in a file, which is synced; without the program's start"
    return figure_of("read to screen", taken_ms, "ms", goal=Goal("at most", _READ_GOAL_MS), note=note)


# -- the line ---------------------------------------------------------------------------------------


def _top_up_on_the_line(content: bytes) -> list[Figure]:
    """Both acts of a top-up, and both in one session, against its core: authentication, statement, commit."""
    statement = _statement(2, 30)
    core = Line(_put_in(content))
    session = _opened(core)
    session.write(STATEMENTS[0], statement, len(statement))
    session.commit()
    memory = CardMemory()
    line = Line(_put_in(content))
    found = read_contents(_opened(line), memory)
    read, reads = line.traffic, line.commands
    line.traffic, line.commands = Traffic(0, 0), 0
    session = _opened(line)
    assert read_contents(session, memory) == found
    _pay(session, found, statement)
    paid, pays = line.traffic, line.commands
    both = Line(_put_in(content))
    _top_up(both, statement)
    up = sum(len(word) for words in (found.reports, found.asks, found.proofs) for word in words.words)
    said = f"{reads} commands; {up + len(found.state.word)} B of it are what the meter said"
    in_one = "relance-kiosk topup: read and pay in one session"
    core_bytes = core.traffic.wire_bytes
    figures = [
        Figure("top-up, core", core_bytes, "B", note="mutual authentication, the statement, the commit"),
        Figure("top-up, read", read.wire_bytes, "B", note=said),
        Figure("top-up, pay", paid.wire_bytes, "B", note=f"{pays} commands, in a session of its own"),
        Figure(
            "top-up, pay / core",
            paid.wire_bytes / core_bytes,
            "×",
            goal=Goal("at most", _TOP_UP_GOAL),
            note="bytes on the line, of a card that was read before and has not changed",
        ),
        Figure("top-up, both / core", both.traffic.wire_bytes / core_bytes, "×", note=in_one),
    ]
    for speed in _SPEEDS:
        core_s, read_s, pay_s = (each.seconds(speed) for each in (core.traffic, read, paid))
        note = f"T=1; the card's own time apart; to read it takes {read_s:.2g} s, the core {core_s:.2g} s"
        figures.append(Figure(f"top-up, pay, {speed} bit/s", pay_s, "s", note=note))
    return figures


def _put_in(content: bytes) -> InProcess:
    return InProcess(SmartCard(WholeMemory(content)))


def _opened(channel: CardChannel) -> HostSession:
    return open_with_kiosk_keys(channel, practice_home(_SEED), secrets.token_bytes(CHALLENGE_BYTES))


def _top_up(channel: CardChannel, statement: bytes) -> None:
    """As a kiosk does it that has not read the card before."""
    session = _opened(channel)
    _pay(session, read_contents(session), statement)


def _pay(session: HostSession, found: CardContents, statement: bytes) -> None:
    """What `write_card` does, without the kiosk's store."""
    assert found.inventory is not None
    plan = plan_load([statement], found.documents, found.inventory.free_bytes, lambda _document: False)
    assert plan.writes
    stage(session, found, plan.writes, _visit())
    session.commit()


def _visit() -> Visit:
    return Visit(KeyHolder.KIOSK, Deed.WRITTEN, time.time_ns() // 1_000_000, _ISSUER)


def _statement(number: int, total_eur: int) -> bytes:
    sheet = drafting.Sheet(f"statement-{number}", number, time.time_ns() // 1_000_000, _ISSUER)
    order = drafting.payment_statement(sheet, _METER, _ISSUER, number, total_eur * UEUR_PER_EUR)
    return seal(write_document(order), ORDER_TYPE, [practice_signer(_SEED, HOLDERS[Role.PROTECT][0])])


# -- room and tears ---------------------------------------------------------------------------------


def _room(content: bytes) -> list[Figure]:
    used = CARD_BYTES - Store(WholeMemory(content)).free_bytes
    return [
        Figure("card memory in use", used, "B", note=f"of {CARD_BYTES}: a payment, and what its meter said")
    ]


class _Torn(Exception):  # noqa: N818 # what happens, and no error
    """Power has gone in the middle of a write."""


class _TornMemory(WholeMemory):
    """Memory whose power goes after so many bytes."""

    def __init__(self, content: bytes, bytes_left: int) -> None:
        super().__init__(content)
        self.bytes_left = bytes_left

    def write(self, offset: int, data: bytes) -> None:
        super().write(offset, data[: max(self.bytes_left, 0)])
        self.bytes_left -= len(data)
        if self.bytes_left < 0:
            raise _Torn


def _tears(content: bytes, size: Size, progress: Progress) -> Figure:
    """One run: a payment that loses power at one byte of the memory, and the card opened again."""
    statement = _statement(2, 30)
    whole = _TornMemory(content, 2**31)
    _write(whole, statement)
    places = 2**31 - whole.bytes_left
    rates = list[float]()

    def sweep() -> None:
        for number in range(size.tears):
            torn = _TornMemory(content, number * places // size.tears)
            with contextlib.suppress(_Torn):
                _write(torn, statement)
            _opened(_put_in(bytes(torn.content))).read(STATEMENTS[0])

    for number in range(size.repetitions):
        rates.append(size.tears / seconds(sweep))
        progress(f"tears {number + 1}/{size.repetitions}")
    return figure_of(
        "tears", rates, "1/s", note=f"a payment writes {places} bytes; the card is read afterwards"
    )


def _write(memory: WholeMemory, statement: bytes) -> None:
    session = _opened(InProcess(SmartCard(memory)))
    session.write(STATEMENTS[0], statement)
    session.commit()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
