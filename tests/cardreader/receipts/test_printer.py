"""A receipt printer that is acted: asked for paper, fed with a receipt, out of paper, silent, not there."""

import os
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlmodel import Session

from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.home import practice_home
from cardreader.kiosk.receiving import cash_up_receipt
from cardreader.kiosk.rules import CashUp
from cardreader.kiosk.shifts import Takings, close_shift, open_shift
from cardreader.kiosk.store import open_kiosk_store, writing_kiosk
from cardreader.kiosk.tables import ShiftRow
from cardreader.receipts.paper import escpos_of
from cardreader.receipts.printer import PaperOutError, print_bytes, printer_place
from cardreader.receipts.printing import print_receipt
from cardreader.receipts.slip import Slip, SlipLine
from protocols.errors import InputError, RefusedError, UnreachableError
from protocols.instants import UtcMs
from protocols.reasons import Language

ASK = b"\x10\x04\x04"
PAPER, NEAR_END, OUT = b"\x12", b"\x1e", b"\x72"


class ActedPrinter:
    """Answers each ask with the next state, and keeps what is printed. A state that is empty: no answer."""

    def __init__(self, opened: Callable[[], int], *states: bytes) -> None:
        self._opened, self._states, self._data = opened, list(states), b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def printed(self) -> bytes:
        """All that has come, once the line is closed."""
        self._thread.join(5)
        return self._data

    def _run(self) -> None:
        line = self._opened()
        with suppress(OSError):  # a terminal ends with an error
            while data := os.read(line, 4_096):
                self._data += data
                while ASK in self._data:
                    self._data = self._data.replace(ASK, b"", 1)
                    os.write(line, self._states.pop(0))
        os.close(line)


@contextmanager
def at_address(*states: bytes) -> Iterator[tuple[str, ActedPrinter]]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def opened() -> int:
            return server.accept()[0].detach()

        yield f"tcp:127.0.0.1:{server.getsockname()[1]}", ActedPrinter(opened, *states)


def slip(value: str = "20,00 €") -> Slip:
    return Slip("fr", "Reçu", (), (SlipLine("Payé en espèces", value),), ("À la maison : 1. Ça.",))


def test_a_receipt_is_of_code_page_858_and_is_cut() -> None:
    data = escpos_of(slip())
    assert data.startswith(b"\x1b@")
    assert "Payé en espèces".encode("cp858") in data
    assert b"20,00 \xd5" in data
    assert data.endswith(b"\x1dV\x00")
    assert b"?" not in data


def test_paper_is_asked_for_before_and_after_and_the_receipt_comes_whole() -> None:
    data = escpos_of(slip())
    with at_address(PAPER, NEAR_END) as (place, printer):
        print_bytes(printer_place(place), data)
        assert printer.printed == data


@pytest.mark.parametrize(("states", "gone"), [((OUT,), False), ((PAPER, OUT), True)])
def test_out_of_paper_is_said_before_or_after(states: tuple[bytes, ...], gone: bool) -> None:
    with at_address(*states) as (place, printer):
        with pytest.raises(PaperOutError, match="out of paper"):
            print_bytes(printer_place(place), b"receipt")
        assert printer.printed == (b"receipt" if gone else b"")


def test_a_silent_printer_gets_no_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cardreader.receipts.printer._PATIENCE_S", 0.05)
    with at_address(b"") as (place, printer):
        with pytest.raises(UnreachableError, match="does not say whether it has paper"):
            print_bytes(printer_place(place), b"receipt")
        assert printer.printed == b""


def test_a_device_is_spoken_to_both_ways() -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    printer = ActedPrinter(lambda: ours, PAPER, PAPER)
    try:
        print_bytes(printer_place(f"file:{os.ttyname(theirs)}"), b"receipt")
    finally:
        os.close(theirs)
    assert printer.printed == b"receipt"


def test_a_plain_file_gets_all_receipts(tmp_path: Path) -> None:
    place = printer_place(f"file:{tmp_path / 'spool'}")
    for each in (b"one", b"two"):
        print_bytes(place, each)
    assert (tmp_path / "spool").read_bytes() == b"onetwo"
    with pytest.raises(UnreachableError, match="No such file"):
        print_bytes(printer_place(f"file:{tmp_path / 'no' / 'lp0'}"), b"")


@pytest.mark.parametrize("text", ["", "lp0", "file:", "tcp:host", "tcp:host:0", "tcp:host:70000", "usb:1"])
def test_other_places_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="allowed: file:/dev/usb/lp0 or tcp:HOST:PORT"):
        printer_place(text)


def test_a_receipt_that_found_no_paper_is_no_copy_later(tmp_path: Path) -> None:
    kiosk = Kiosk(practice_home("practice", 1), open_kiosk_store(tmp_path / "till.db"), "k")
    with writing_kiosk(kiosk.engine) as session:
        row, takings, cash = close_shift_of_nobody(session)
        number = cash_up_receipt(session, kiosk, row, takings, cash, UtcMs(0))
    with at_address(OUT) as (place, _), pytest.raises(PaperOutError):
        print_receipt(kiosk, number, printer_place(place))
    spool = printer_place(f"file:{tmp_path / 'spool'}")
    assert [print_receipt(kiosk, number, spool) for _ in range(2)] == [False, True]
    assert (tmp_path / "spool").read_bytes().count(b"*** Copie ***") == 1
    with pytest.raises(RefusedError, match="no such receipt"):
        print_receipt(kiosk, 99, spool)


def close_shift_of_nobody(session: Session) -> tuple[ShiftRow, Takings, CashUp]:
    open_shift(session, "anna", Language.FRENCH, 0, UtcMs(0))
    return close_shift(session, 0, UtcMs(0))
