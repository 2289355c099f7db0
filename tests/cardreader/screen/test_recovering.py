"""Supply back by card: chosen, seen again, written once, by a key that goes with the session."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

from cardreader.issuing.practice import HOLDERS, practice_signer
from cardreader.kiosk.store import reading_kiosk
from cardreader.kiosk.tables import CardSeenRow, ReceiptRow
from cardreader.loading.progress import progress_of
from cardreader.screen import entry_pages
from protocols.documents.envelope import Signer
from protocols.documents.kind_rule import Kind, Role
from protocols.errors import InputError
from protocols.instants import DAY_MS
from tests.cardreader.kiosk_screen import NOW_MS, SERIAL, Counter
from tests.cardreader.screen_forms import fields, text_of


def releases(counter: Counter) -> int:
    """How many releases lie on the card."""
    counter.slot._seen = None
    contents = counter.slot.look().contents
    assert contents is not None
    return sum(each.kind == Kind.RELEASE for each in progress_of(contents).documents)


def test_a_recovery_says_both_ends_with_the_weekday_and_is_written_once(counter: Counter) -> None:
    counter.log_in()
    counter.insert()
    page = counter.get("/recover")
    # 2 July 2020, 22:01 in Brussels, and 72 hours: the card is good until the end of Sunday.
    assert "72 hours; to be put in by the end of Sunday 5 July 2020" in text_of(page)
    check = counter.post("/recover/choose", page, {"hours": "72"})
    assert releases(counter) == 0
    ticket = text_of(counter.post("/recover/confirm", check))
    assert "72 hours" in ticket
    assert "until the end of Sunday 5 July 2020 at the latest" in ticket
    assert releases(counter) == 1
    assert "This page is out of date" in counter.post("/recover/confirm", check, status=409)
    assert releases(counter) == 1


@pytest.mark.parametrize("ahead_ms", [DAY_MS, -3 * DAY_MS])
def test_page_and_ticket_name_the_day_of_the_clock_that_was_judged(counter: Counter, ahead_ms: int) -> None:
    # The machine says another day, and the kiosk knows: its two other voices agree.
    counter.now[0] = replace(counter.kiosk, tells_time=True, ahead_ms=ahead_ms)
    counter.clock.now_s += ahead_ms / 1_000
    counter.log_in()
    counter.insert()
    page = counter.get("/recover")
    assert "72 hours; to be put in by the end of Sunday 5 July 2020" in text_of(page)
    assert "by the end of Sunday 5 July 2020" in text_of(counter.get("/queue"))
    check = counter.post("/recover/choose", page, {"hours": "72"})
    assert "by the end of Sunday 5 July 2020" in text_of(check)
    ticket = text_of(counter.post("/recover/confirm", check))
    assert "until the end of Sunday 5 July 2020 at the latest" in ticket
    with reading_kiosk(counter.kiosk.engine) as store:
        (receipt,) = store.exec(select(ReceiptRow)).all()
        assert 0 <= receipt.at_ms - NOW_MS < DAY_MS
        assert 0 <= store.get_one(CardSeenRow, SERIAL.hex()).seen_ms - NOW_MS < DAY_MS


@pytest.mark.parametrize("hours", ["0", "73", "-24", "x"])
def test_other_hours_are_refused(counter: Counter, hours: str) -> None:
    counter.log_in()
    page = counter.insert()
    answer = counter.browser.post("/recover/choose", data={**fields(page), "hours": hours})
    assert answer.status_code in (409, 422)
    assert "Something that was typed is not right." in answer.text
    counter.pull()
    assert "There is no card in the reader." in counter.get("/recover", 409)


def test_a_clerks_key_is_open_as_long_as_the_session(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = replace(counter.kiosk.home, practice="")
    counter.now[0] = replace(counter.kiosk, home=real)
    object.__setattr__(counter.settings, "keys", tmp_path)

    def opened(path: Path, passphrase: str) -> Signer:
        if (path, passphrase) != (tmp_path / "anna.pem", "right"):
            raise InputError("no such key")
        return practice_signer("practice", HOLDERS[Role.PROTECT][0])

    monkeypatch.setattr(entry_pages, "open_encrypted_key", opened)
    login = counter.get("/login")
    assert 'type="password"' in login
    wrong = counter.post("/login", login, {**fields(login), "clerk": "anna", "passphrase": "x"}, 422)
    assert "This passphrase does not open your key" in wrong
    counter.post("/login", login, {**fields(login), "clerk": "anna", "passphrase": "right"})
    page = counter.insert()
    check = counter.post("/recover/choose", page, {"hours": "24"})
    counter.post("/recover/confirm", check)
    assert releases(counter) == 1
    counter.clock.now_s += 16 * 60
    counter.log_in()
    assert "it is not open" in counter.get("/recover")
    check = counter.post("/recover/choose", counter.get("/card"), {"hours": "24"})
    assert "it is not open" in counter.post("/recover/confirm", check, status=409)
    assert releases(counter) == 1
