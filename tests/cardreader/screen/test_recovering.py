"""Supply back by card: chosen, seen again, written once, by a key that goes with the session."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

from cardreader.issuing.practice import HOLDERS, practice_signer
from cardreader.kiosk.shifts import close_shift, open_shift
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.kiosk.tables import CardSeenRow, ReceiptRow
from cardreader.loading.progress import progress_of
from cardreader.screen import entry_pages
from cardreader.screen.sessions import Choice
from cardreader.screen.troubles import TroubleError
from protocols.documents.envelope import Signer
from protocols.documents.kind_rule import Kind, Role
from protocols.errors import InputError
from protocols.instants import DAY_MS, UtcMs
from protocols.reasons import Language
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


def with_anna(counter: Counter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A real kiosk, at which the passphrase `right` opens anna's key."""
    real = replace(counter.kiosk.home, practice="")
    counter.now[0] = replace(counter.kiosk, home=real)
    object.__setattr__(counter.settings, "keys", tmp_path)

    def opened(path: Path, passphrase: str) -> Signer:
        if (path, passphrase) != (tmp_path / "anna.pem", "right"):
            raise InputError("no such key")
        return practice_signer("practice", HOLDERS[Role.PROTECT][0])

    monkeypatch.setattr(entry_pages, "open_encrypted_key", opened)


def unlock(counter: Counter) -> str:
    """Anna logs in with her passphrase, and a card lies there; the page with it."""
    login = counter.get("/login")
    form = {**fields(login), "clerk": "anna", "passphrase": "right", "minutes": "60"}
    counter.post("/login", login, form)
    return counter.get("/card") if counter.card.exists() else counter.insert()


def recovered(counter: Counter, page: str, status: int = 200) -> str:
    check = counter.post("/recover/choose", page, {"hours": "24"})
    return counter.post("/recover/confirm", check, status=status)


def test_a_clerks_key_is_closed_by_a_count_however_often_somebody_touches(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_anna(counter, monkeypatch, tmp_path)
    page = unlock(counter)
    for _ in range(2):
        counter.clock.now_s += 29 * 60
        recovered(counter, page)
    counter.clock.now_s += 2 * 60
    assert "it is not open" in counter.get("/recover")
    assert "it is not open" in recovered(counter, page, 409)
    recovered(counter, unlock(counter))
    assert releases(counter) == 3


def test_a_clerks_key_ends_with_its_shift_and_not_with_its_name(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_anna(counter, monkeypatch, tmp_path)
    page = unlock(counter)
    with writing_kiosk(counter.kiosk.engine) as store:
        # At another program of this kiosk: anna's shift ends, and her next one begins.
        close_shift(store, 0, UtcMs(NOW_MS))
        open_shift(store, "anna", Language.ENGLISH, 0, UtcMs(NOW_MS))
    assert "it is not open" in recovered(counter, page, 409)
    assert releases(counter) == 0


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("/recover", {"hours": "24"}, {"hours": "240"}),
        ("/reactivate", {"other": "c1"}, {"other": "c2"}),
        ("/pay", {"eur": "20"}, {"eur": "100"}),
    ],
)
def test_a_page_that_shows_another_choice_than_the_last_one_writes_nothing(
    counter: Counter, path: str, first: dict[str, str], second: dict[str, str]
) -> None:
    """Two tabs, or the way back: what is written is what the page says."""
    counter.log_in()
    page = counter.insert()
    old = counter.post(f"{path}/choose", page, first)
    new = counter.post(f"{path}/choose", page, second)
    assert "This page is out of date" in counter.post(f"{path}/confirm", old, status=409)
    assert releases(counter) == 0
    counter.post(f"{path}/confirm", new)


@pytest.mark.parametrize("path", ["/recover", "/reactivate"])
def test_confirmed_twice_at_once_it_is_written_once(counter: Counter, path: str) -> None:
    counter.log_in()
    page = counter.insert()
    check = counter.post(f"{path}/choose", page, {"hours": "72", "other": "c1"})
    said, both = list[int](), threading.Barrier(2)

    def press() -> None:
        both.wait()
        answer = counter.browser.post(f"{path}/confirm", data=fields(check))
        said.append(answer.status_code)

    pressing = [threading.Thread(target=press) for _ in range(2)]
    for each in pressing:
        each.start()
    for each in pressing:
        each.join()
    assert sorted(said) == [200, 409]
    counter.slot._seen = None
    contents = counter.slot.look().contents
    assert contents is not None
    assert len(progress_of(contents).documents) == 1


def test_while_one_confirms_nothing_is_left_for_another() -> None:
    choice = Choice[int]()
    name = choice.put(1)
    with choice.taken(name) as first, pytest.raises(TroubleError), choice.taken(name):
        pytest.fail(f"{first} was taken twice")
    with pytest.raises(TroubleError), choice.taken(name):
        pytest.fail("it was confirmed")
    for meanwhile, left in (((), 1), ((2,), 2)):
        names = [choice.put(1)]
        with pytest.raises(InputError), choice.taken(names[0]):
            fail_after_choosing(choice, meanwhile, names)
        with choice.taken(names[-1]) as found:
            assert found == left


def fail_after_choosing(choice: Choice[int], meanwhile: tuple[int, ...], names: list[str]) -> None:
    names += [choice.put(each) for each in meanwhile]
    raise InputError("the card is another one")
