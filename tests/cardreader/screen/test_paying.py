"""Payments at the screen: chosen, seen again, paid once, whatever is pressed or pulled out meanwhile."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from sqlmodel import select

from cardreader.iso7816.apdu import CardGoneError
from cardreader.kiosk.ledger import TillPurse, account_of
from cardreader.kiosk.ports import TerminalMood
from cardreader.kiosk.shifts import close_shift
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import TakenPaymentRow
from cardreader.loading.progress import progress_of
from cardreader.readers.inserted import InsertedCard
from cardreader.readers.opening import open_card
from cardreader.screen import slot as slot_module
from protocols.instants import UtcMs
from tests.cardreader.kiosk_screen import NOW_MS, Counter, make_card
from tests.cardreader.screen_forms import fields, text_of

EUR = 1_000_000


def payments(counter: Counter) -> list[TakenPaymentRow]:
    with reading_kiosk(counter.kiosk.engine) as session:
        rows = list(session.exec(select(TakenPaymentRow)))
        session.expunge_all()
    return rows


def states(counter: Counter) -> list[str]:
    return [each.state for each in payments(counter)]


def on_card_ueur(counter: Counter) -> int:
    """What the card that lies there carries for its meter."""
    counter.slot._seen = None
    contents = counter.slot.look().contents
    assert contents is not None
    return max([0, *(each.total_ueur or 0 for each in progress_of(contents).documents)])


def counting_ueur(counter: Counter) -> int:
    with reading_kiosk(counter.kiosk.engine) as session:
        return account_of(session, TillPurse("m1", counter.kiosk.home.form.issuer, 0)).counting_ueur


def choose(counter: Counter, **form: str) -> str:
    """A card lies there and a sum was chosen; the page that shows it again."""
    counter.log_in()
    counter.insert()
    return counter.post("/pay/choose", counter.get("/pay"), {"eur": "20", **form})


def confirm(counter: Counter, page: str, status: int = 200) -> str:
    return counter.post("/pay/confirm", page, status=status)


def test_a_payment_is_seen_again_paid_and_has_a_receipt(counter: Counter) -> None:
    page = choose(counter, other="20,50", eur="")
    assert "€20.50" in page
    assert payments(counter) == []
    receipt = text_of(confirm(counter, page))
    for words in ("Paid. It is on the card", "Receipt 1", "€20.50", "Paid in cash", "PRACTICE", "m1"):
        assert words in receipt
    assert states(counter) == ["committed"]
    assert (on_card_ueur(counter), counting_ueur(counter)) == (20_500_000, 20_500_000)
    assert "Step 3 of 3 is missing" in counter.get("/card")
    assert "Copy" not in counter.get("/receipt/1")
    assert "Copy" in counter.get("/receipt/1?copy=1")
    counter.get("/receipt/2", 409)


@pytest.mark.parametrize("amount", ["4.99", "250.01", "-20", "20.001", "x", "", "1e2", "٢٠", "9" * 40])
def test_a_wrong_sum_is_said_and_nothing_is_booked(counter: Counter, amount: str) -> None:
    counter.log_in()
    counter.insert()
    page = counter.post("/pay/choose", counter.get("/pay"), {"other": amount, "eur": ""}, 422)
    assert "Allowed are amounts from 5 to 250 euro, to the cent." in page
    assert payments(counter) == []


def test_it_is_undone_before_anything_is_paid(counter: Counter) -> None:
    page = counter.post("/pay/cancel", choose(counter))
    assert confirm(counter, page, 409)
    assert payments(counter) == []
    assert on_card_ueur(counter) == 0


def test_a_button_pressed_twice_pays_once(counter: Counter) -> None:
    page = choose(counter)
    confirm(counter, page)
    assert "This page is out of date" in confirm(counter, page, 409)
    assert states(counter) == ["committed"]
    assert on_card_ueur(counter) == 20 * EUR


class Torn:
    """A card that is pulled out before the next command after `left`."""

    def __init__(self, card: InsertedCard, left: int) -> None:
        self._card = card
        self._left = left

    @property
    def name(self) -> str:
        return self._card.name

    def reset(self) -> bytes:
        return self._card.reset()

    def transmit(self, command: bytes) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise CardGoneError("the card is not in the reader")
        answer = self._card.transmit(command)
        if self._left == 0:
            raise CardGoneError("no answer")
        return answer


@pytest.mark.parametrize("commands", range(1, 60, 4))
def test_a_card_pulled_at_any_command_is_made_good_by_going_on(
    counter: Counter, commands: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = choose(counter)
    real = open_card

    @contextmanager
    def torn(reader: str) -> Iterator[Torn]:
        with real(reader) as card:
            yield Torn(card, commands)

    monkeypatch.setattr(slot_module, "open_card", torn)
    answer = counter.browser.post("/pay/confirm", data=fields(page))
    monkeypatch.setattr(slot_module, "open_card", real)
    counter.slot._seen = None
    counter.slot.look()
    if answer.status_code == 409:
        assert "The card was taken out too early." in answer.text
        assert ("The payment is not finished" in answer.text) is bool(payments(counter))
        receipt = confirm(counter, page)
        assert "Receipt 1" in receipt
    assert states(counter) == ["committed"]
    assert (on_card_ueur(counter), counting_ueur(counter)) == (20 * EUR, 20 * EUR)


def test_another_card_gets_nothing(counter: Counter) -> None:
    page = choose(counter)
    counter.card.unlink()
    make_card(counter.card, "m2", serial=bytes(8))
    counter.slot.look()
    assert "This is another card than before." in confirm(counter, page, 409)
    assert payments(counter) == []
    counter.pull()
    assert "There is no card in the reader." in confirm(counter, page, 409)
    assert payments(counter) == []


def test_a_terminal_that_is_silent_is_asked_again_and_charges_once(counter: Counter) -> None:
    page = choose(counter, means="terminal")
    counter.terminal.mood = TerminalMood.LATE
    answer = confirm(counter, page, 409)
    assert "The payment terminal does not say what became of the payment." in answer
    assert states(counter) == ["asked"]
    counter.terminal.mood = TerminalMood.APPROVE
    assert "Paid by bank card" in confirm(counter, page)
    assert list(counter.terminal.held.values()) == [20 * EUR]
    assert on_card_ueur(counter) == 20 * EUR


def test_a_terminal_that_declines_takes_nothing(counter: Counter) -> None:
    page = choose(counter, means="terminal")
    counter.terminal.mood = TerminalMood.DECLINE
    answer = confirm(counter, page, 409)
    assert "The terminal has declined. No money was taken." in answer
    assert "go on" not in text_of(answer)
    assert (states(counter), on_card_ueur(counter)) == (["declined"], 0)


def test_a_payment_is_taken_back_with_its_card(counter: Counter) -> None:
    page = confirm(counter, choose(counter))
    found = re.search(r'href="(/void/[^"]+)"', counter.get("/find?meter=m1"))
    assert found
    assert "It is on the card." in counter.get(found[1])
    receipt = counter.post(found[1], page)
    assert "Payment given back" in receipt
    assert states(counter) == ["voided"]
    assert (on_card_ueur(counter), counting_ueur(counter)) == (0, 0)


def test_a_shift_is_one_clerks_and_ends_with_what_was_counted(counter: Counter) -> None:
    counter.log_in(drawer="100")
    counter.insert()
    page = confirm(counter, counter.post("/pay/choose", counter.get("/pay"), {"eur": "50"}))
    counter.post("/logout", page)
    login = counter.get("/login")
    other = counter.post("/login", login, {**fields(login), "clerk": "bert"}, 422)
    assert "The shift of another clerk is open." in other
    page = counter.log_in()
    told = text_of(counter.get("/shift"))
    assert "Payments 1 Cash at the beginning €100.00 Cash taken €50.00" in told
    closed = text_of(counter.post("/shift/close", page, {"counted": "149,50"}))
    assert "Cash that must be there: €150.00 Cash counted: €149.50 Too little in the drawer: €0.50" in closed
    # The session ended with the shift: its receipt stands here, and nobody goes on.
    assert "End of shift 2" in closed
    assert "Counted €149.50" in closed
    assert "Log out" not in closed
    assert 'action="/login"' in counter.get("/shift")


def test_a_shift_that_was_ended_elsewhere_ends_the_session(counter: Counter) -> None:
    page = counter.log_in()
    with writing_kiosk(counter.kiosk.engine) as session:
        close_shift(session, 0, UtcMs(NOW_MS))
    assert 'action="/login"' in counter.post("/shift/close", page, {"counted": "0"})
    assert 'action="/login"' in counter.get("/card")


def test_an_open_payment_is_found_and_finished_after_the_session_is_gone(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = choose(counter)
    monkeypatch.setattr("cardreader.kiosk.stating.write_card", _gone)
    confirm(counter, page, 409)
    monkeypatch.undo()
    counter.post("/logout", page)
    counter.log_in()
    listed = text_of(counter.get("/find"))
    assert "€20.00 m1 The money is here, and not on the card yet." in listed
    counter.slot.look()
    page = counter.post("/pay/choose", counter.get("/pay"), {"eur": "5"})
    confirm(counter, page)
    assert states(counter) == ["committed", "committed"]
    assert on_card_ueur(counter) == 25 * EUR


def _gone(*_unused: object) -> None:
    raise CardGoneError("the card is not in the reader")


def test_the_language_changes_on_the_way_and_the_payment_stays(counter: Counter) -> None:
    page = choose(counter)
    counter.pull()
    refused = confirm(counter, page, 409)
    shown = counter.post("/language", refused, {**fields(refused), "language": "fr"})
    assert "Payer 20,00\xa0€" in shown
    found = counter.get("/find?meter=m1&reference=")
    assert fields(found)["back"] == "/find?meter=m1&reference="


@dataclass(frozen=True)
class Limits:
    payment_min_ueur: int = 5 * EUR
    payment_max_ueur: int = 250 * EUR
    meter_day_ueur: int = 500 * EUR
    offline_ueur: int = 1000 * EUR
    offline_count: int = 100
    offline_hours: int = 24
    revoked: bool = False


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(revoked=True), "This kiosk takes no payments any more"),
        (Limits(payment_max_ueur=10 * EUR), "This sum is not allowed at this kiosk."),
        (Limits(meter_day_ueur=10 * EUR), "This meter has had its payments of the day."),
        (Limits(), "The line to the office has been away for too long."),
    ],
)
def test_limits_that_come_while_the_screen_runs_are_obeyed(
    counter: Counter, limits: Limits, words: str
) -> None:
    page = choose(counter)
    counter.now[0] = replace(counter.kiosk, limits=limits)
    assert words in confirm(counter, page, 409)
    assert (payments(counter), on_card_ueur(counter)) == ([], 0)
