"""Who may use the screen: this machine's browser, on its own pages, in its own session."""

import pytest

from cardreader.screen.guard import HEADERS
from cardreader.screen.sessions import COOKIE, SESSIONS_MAX, Sessions
from protocols.reasons import Language
from tests.cardreader.kiosk_screen import PORT, Counter
from tests.cardreader.screen_forms import fields, token_of


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (f"127.0.0.1:{PORT}", 200),
        (f"localhost:{PORT}", 200),
        (f"LOCALHOST:{PORT}", 200),
        (f"[::1]:{PORT}", 200),
        ("127.0.0.1", 421),
        ("127.0.0.1:80", 421),
        (f"evil.example:{PORT}", 421),
        (f"127.0.0.1.evil.example:{PORT}", 421),
        (f"127.0.0.1:{PORT}@evil.example", 421),
        ("", 421),
    ],
)
def test_only_names_of_this_machine_are_answered(counter: Counter, host: str, status: int) -> None:
    assert counter.browser.get("/login", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": f"http://127.0.0.1:{PORT}"}, 200),
        ({"origin": f"http://localhost:{PORT}", "host": f"localhost:{PORT}"}, 200),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": f"https://127.0.0.1:{PORT}"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_no_other_page_sends_a_form(counter: Counter, headers: dict[str, str], status: int) -> None:
    page = counter.get("/login")
    data = {**fields(page), "clerk": "anna"}
    answer = counter.browser.post("/login", data=data, headers=headers)
    assert answer.status_code == status
    # A name of this machine may be another site's cookie jar: the session is the one of 127.0.0.1.
    if status != 200:
        assert "anna" not in counter.get("/login")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(("mode", "dest"), [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")])
def test_what_a_page_from_elsewhere_asks_for_is_refused(
    counter: Counter, site: str, mode: str, dest: str
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    for path in ("/card", "/login", "/static/screen.css"):
        assert counter.browser.get(path, headers=headers).status_code == 403


def test_a_link_from_elsewhere_leads_to_the_start_and_logs_nobody_out(counter: Counter) -> None:
    counter.log_in()
    kept = counter.browser.cookies[COOKIE]
    counter.browser.cookies.clear()  # as a browser does with SameSite=Strict
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = counter.browser.get("/card", headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert 'http-equiv="refresh" content="0; url=/"' in answer.text
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    counter.browser.cookies.set(COOKIE, kept)
    assert "anna" in counter.get("/")
    assert counter.browser.post("/login", headers=headers).status_code == 403


def test_whoever_only_asks_for_pages_logs_nobody_out() -> None:
    sessions = Sessions(Language.FRENCH, iter(range(1_000)).__next__)
    anna = sessions.log_in(sessions.begin(), "anna", 60)
    for _ in range(3 * SESSIONS_MAX):
        sessions.begin()
    assert sessions.of(anna.key) is anna


def test_a_form_without_its_own_token_changes_nothing(counter: Counter) -> None:
    page = counter.get("/login")
    other = Sessions(Language.ENGLISH).begin().token
    for token in ("", "x", other, token_of(page)[:-1]):
        answer = counter.browser.post("/login", data={**fields(page), "clerk": "anna", "token": token})
        assert answer.status_code == 409
        assert "This page is out of date. Nothing was done." in answer.text
        assert "900 61" in answer.text
    assert "Log out" not in counter.get("/login")


def test_every_answer_has_the_headers_also_one_that_refuses(counter: Counter) -> None:
    refused = counter.browser.get("/login", headers={"host": "evil.example"})
    for answer in (counter.browser.get("/login"), refused, counter.browser.get("/static/screen.css")):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_a_body_that_is_too_long_is_not_read(counter: Counter) -> None:
    assert counter.browser.post("/login", content=b"x" * 20_000).status_code == 413


def test_the_cookie_is_the_browsers_alone_and_changes_at_login(counter: Counter) -> None:
    first = counter.browser.get("/login")
    told = first.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    before = counter.browser.cookies[COOKIE]
    counter.log_in()
    assert counter.browser.cookies[COOKIE] != before
    counter.browser.cookies.clear()
    counter.browser.cookies.set(COOKIE, before)
    assert "Begin a shift" in counter.get("/card")


def test_a_session_ends_when_nobody_touches_it_and_polling_is_no_touch(counter: Counter) -> None:
    page = counter.log_in()
    for _ in range(3):
        counter.clock.now_s += 10 * 60
        page = counter.post("/stay", page)
        assert "anna" in page
    counter.clock.now_s += 10 * 60
    counter.get("/card/state")
    counter.clock.now_s += 6 * 60
    assert "Begin a shift" in counter.get("/card")
    assert "Begin a shift" in counter.post("/stay", counter.get("/login"))


def test_a_clerks_page_leads_everybody_else_to_the_login(counter: Counter) -> None:
    for path in ("/", "/card", "/card/state", "/card/home"):
        assert "Begin a shift" in counter.get(path)
    answer = counter.browser.get("/card/state", headers={"hx-request": "true"})
    assert answer.headers["hx-redirect"] == "/login"


def test_logging_out_ends_the_session(counter: Counter) -> None:
    page = counter.log_in()
    old = counter.browser.cookies[COOKIE]
    counter.post("/logout", page)
    counter.browser.cookies.clear()
    counter.browser.cookies.set(COOKIE, old)
    assert "Begin a shift" in counter.get("/card")


def test_sessions_of_nobody_do_not_pile_up() -> None:
    sessions = Sessions(Language.FRENCH)
    keys = [sessions.begin().key for _ in range(3 * SESSIONS_MAX)]
    assert sum(sessions.of(key) is not None for key in keys) == SESSIONS_MAX


@pytest.mark.parametrize("back", ["//evil.example", "http://evil.example", "/\\evil.example", "x", ""])
def test_nobody_is_led_away_from_the_screen(counter: Counter, back: str) -> None:
    page = counter.get("/login")
    data = {"token": token_of(page), "language": "fr", "back": back}
    answer = counter.browser.post("/language", data=data, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
