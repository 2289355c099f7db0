"""Receipts on the receipt printer: after each payment, again when asked, and what is said without paper."""

from pathlib import Path

import pytest

from cardreader.receipts.printer import printer_place
from tests.cardreader.kiosk_screen import Counter
from tests.cardreader.receipts.test_printer import OUT, at_address
from tests.cardreader.screen_forms import text_of


def paid(counter: Counter) -> str:
    """The page after a payment of 20 euro."""
    counter.log_in()
    counter.insert()
    check = counter.post("/pay/choose", counter.get("/pay"), {"eur": "20"})
    return counter.post("/pay/confirm", check)


def put(counter: Counter, printer: str) -> None:
    object.__setattr__(counter.settings, "printer", printer_place(printer))


def test_a_receipt_is_printed_after_a_payment_and_then_as_a_copy(counter: Counter, tmp_path: Path) -> None:
    put(counter, f"file:{tmp_path / 'spool'}")
    page = paid(counter)
    assert "Paid. It is on the card, and was verified." in text_of(page)
    printed = (tmp_path / "spool").read_bytes()
    assert b"Copy" not in printed
    assert b"m1" in printed
    counter.post("/receipt/1/print", page)
    assert (tmp_path / "spool").read_bytes().count(b"*** Copy ***") == 1
    assert "There is no such page." in counter.post("/receipt/0/print", page, status=409)


@pytest.mark.parametrize("has_paper", [True, False])
def test_without_a_printer_the_money_stands_and_a_sentence_says_so(
    counter: Counter,
    has_paper: bool,
) -> None:
    with at_address(OUT) as (place, _):
        put(counter, "tcp:127.0.0.1:1" if has_paper else place)
        page = text_of(paid(counter))
    assert "Paid. It is on the card, and was verified." in page
    said = "The printer does not answer." if has_paper else "The printer has no paper."
    assert f"{said} The receipt is kept: print it again later." in page
    put(counter, "tcp:127.0.0.1:1")
    again = counter.post("/receipt/1/print", counter.get("/receipt/1"), status=409)
    assert "The printer does not answer." in again


def test_a_screen_without_a_printer_leaves_it_to_the_browser(counter: Counter) -> None:
    page = paid(counter)
    assert "data-print" in page
    assert "There is no such page." in counter.post("/receipt/1/print", page, status=409)
