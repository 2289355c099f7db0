"""Money by the screen, the whole way: screen, card, meter, card, screen, line, ledger.

Real programs and a real mosquitto, and a clerk's browser as HTTP: all that was paid is credited, and booked.
"""

import time  # noqa: TID251 # waits for real processes
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from protocols.units import UEUR_PER_EUR
from tests.brokers.running import free_port
from tests.brokers.test_kiosk_story import WAIT_S, Street
from tests.cardreader.screen_forms import choice_of, fields, text_of, token_of


class Clerk:
    """A browser at the screen of the street's kiosk."""

    def __init__(self, street: Street) -> None:
        port = free_port()
        told = ("--home", str(street.kiosk), "--reader", f"virtual:{street.card}", "--language", "en")
        street.start("screen", "relance-kiosk", "serve", "--port", str(port), *told)
        self._address = f"http://127.0.0.1:{port}"
        self._browser = build_opener(HTTPCookieProcessor())

    def get(self, path: str, form: dict[str, str] | None = None) -> str:
        """The page of this path, or the one after this form; also one that says what was refused."""
        data = None if form is None else urlencode(form).encode()
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                with self._browser.open(self._address + path, data, timeout=WAIT_S) as answer:
                    return str(answer.read().decode())
            except HTTPError as refused:
                return refused.read().decode()
            except URLError:  # it does not listen yet
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def post(self, path: str, page: str, **more: str) -> str:
        return self.get(path, {"token": token_of(page), **choice_of(page), **more})

    def log_in(self) -> None:
        self.get("/login", {**fields(self.get("/login")), "clerk": "anne"})

    def until(self, words: str) -> str:
        """The page of the card, once it says this."""
        deadline = time.monotonic() + WAIT_S
        while words not in (page := self.get("/card")).replace("\xa0", " "):
            assert time.monotonic() < deadline, text_of(page)
            time.sleep(0.2)
        return page


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    made = Street(tmp_path)
    yield made
    made.stop()


def test_what_is_paid_at_the_screen_is_credited_by_card_and_booked_once(street: Street) -> None:
    street.start("timeserver", "relance", "timeserver")
    street.start("serve", "relance", "serve")
    street.start("line", "relance-kiosk", "line", "--home", str(street.kiosk))
    clerk = Clerk(street)
    clerk.log_in()
    page = clerk.until("Take a payment")
    page = clerk.post("/pay/choose", page, eur="20")
    # Pulled out before it is paid: nothing was taken, and the same payment goes on.
    street.card.rename(street.card.with_suffix(".pocket"))
    page = clerk.post("/pay/confirm", page)
    assert "There is no card in the reader." in page
    street.card.with_suffix(".pocket").rename(street.card)
    assert "Receipt 1" in text_of(clerk.post("/pay/confirm", page))
    street.visit_meter()
    clerk.until("Credit in the meter: €20.00")
    # A button that is pressed twice pays once.
    page = clerk.post("/pay/choose", clerk.get("/card"), eur="30")
    assert "Receipt 2" in text_of(clerk.post("/pay/confirm", page))
    assert "This page is out of date" in clerk.post("/pay/confirm", page)
    street.visit_meter()
    clerk.until("Credit in the meter: €50.00")
    street.until(lambda: street.balance_ueur() == 50 * UEUR_PER_EUR and street.differences() == [])
    assert street.shown()["booked_ueur"] == 50 * UEUR_PER_EUR
    # The drawer has what the ledger and the meter have.
    page = clerk.post("/shift/close", clerk.get("/shift"), counted="50")
    assert "The drawer is right." in page
