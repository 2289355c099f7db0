"""Ctrl-C ends each command of a kiosk with 130 and a sentence; what was begun is open, and goes on."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from cardreader.card.store import WholeMemory
from cardreader.cli.app import app
from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.home import BrokerPlace, open_home, write_home
from cardreader.kiosk.ledger import open_payments
from cardreader.kiosk.store import open_kiosk_store, reading_kiosk
from cardreader.readers.virtual import VirtualCard
from protocols.documents.envelope import seal
from protocols.documents.kiosk_limits import KIOSK_LIMITS_TYPE, KioskLimits, write_limits
from protocols.rim.terminal import run_app
from tests.brokers.running import free_port
from tests.cardreader.cli.test_kiosk_home import PASSPHRASE
from tests.cardreader.kiosk.till_bench import CARD, HARM, home_of

BIN = Path(sys.executable).parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A kiosk with a line to a broker that is away, and a household's card."""
    home = home_of("k1")
    broker = BrokerPlace("127.0.0.1", free_port(), tls=False)
    form = msgspec.structs.replace(home.form, broker=broker)
    limits = seal(write_limits(KioskLimits(kiosk="k1", version=1)), KIOSK_LIMITS_TYPE, HARM)
    write_home(replace(home, form=form, limits=limits), tmp_path / "k1")
    VirtualCard.create(tmp_path / "card.bin", WholeMemory(CARD))
    pem = practice_signer("1", "anna").private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode())
    )
    (tmp_path / "anna.pem").write_bytes(pem)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("line", "--home", "k1"), "what the controller has not acknowledged stays here"),
        (("serve", "--home", "k1", "--reader", "virtual:card.bin", "--port", "0"), "the screen is closed"),
    ],
)
def test_what_runs_for_long_ends_with_130_and_a_sentence(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    program = subprocess.Popen(
        [BIN / "relance-kiosk", *words],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdout is not None
    assert program.stdout.readline()
    program.send_signal(signal.SIGINT)
    _out, errors = program.communicate(timeout=60)
    assert program.returncode == 130, errors
    assert said in errors.splitlines()[-1]
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "commands", "said"),
    [
        (("topup", "--eur", "20", "--id", "p1"), 2, ""),  # before anything was booked
        (("topup", "--eur", "20", "--id", "p1"), 8, "payment p1 is booked, and not on the card"),
        (("topup", "--eur", "20", "--id", "p1"), 12, "payment p1 is booked, and not on the card"),
        (("exchange",), 3, "the same command goes on"),
        (("recover", "--key", "anna.pem"), 5, "the same command writes it again"),
        (("read",), 3, ""),
    ],
)
def test_a_command_that_speaks_to_a_card_says_what_became_of_it(
    folder: Path,
    words: tuple[str, ...],
    commands: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-C falls between two commands to the card."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RELANCE_PASSPHRASE", PASSPHRASE)
    sent, transmit = list[bytes](), VirtualCard.transmit

    def interrupted(card: VirtualCard, command: bytes) -> bytes:
        sent.append(command)
        if len(sent) == commands:
            raise KeyboardInterrupt
        return transmit(card, command)

    assert _ran(monkeypatch, "shift", "open", "--home", "k1", "--clerk", "anna") == 0
    monkeypatch.setattr(VirtualCard, "transmit", interrupted)
    at_card = ("--home", "k1", "--reader", "virtual:card.bin")
    first = _ran(monkeypatch, *words, *at_card)
    assert len(sent) == commands
    errors = capsys.readouterr().err
    assert first == 130
    assert (said in errors) if said else (errors == "")
    assert _is_open(folder) is said.startswith("payment p1")
    # The same again makes it good.
    assert _ran(monkeypatch, *words, *at_card) == 0
    assert not _is_open(folder)


def _ran(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["relance-kiosk", *words])
    return run_app(app)


def _is_open(folder: Path) -> bool:
    store = open_kiosk_store(open_home(folder / "k1").store)
    try:
        with reading_kiosk(store) as session:
            return bool(open_payments(session))
    finally:
        store.dispose()
