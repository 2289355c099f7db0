"""Whatever is typed, or sent by hand: a page that says what is wrong, never an error of ours."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cardreader.kiosk_screen import Counter, screen_of
from tests.cardreader.screen_forms import token_of

PATHS = (
    "/receipt/{}",
    "/void/{}",
    "/find?meter={}",
    "/find?payment={}&reference={}",
    "/card/state?version={}",
    "/{}",
)
FORMS = ("/pay/choose", "/void/{}", "/shift/close", "/language", "/size", "/login")
FIELDS = ("eur", "other", "means", "refund", "counted", "language", "back", "clerk", "drawer", "minutes")
ANYTHING = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.sampled_from(["9" * 30, "-1", "1e9", "NaN", "\x00", "../..", "5", "fr", "anna", "20,5"]),
)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder: Path = tmp_path_factory.mktemp("screen")
    with screen_of(folder / "card.bin") as counter:
        counter.log_in()
        counter.insert()
        yield counter


@settings(max_examples=120, deadline=None)
@given(path=st.sampled_from(PATHS), text=ANYTHING)
def test_any_address_has_an_answer(counter: Counter, path: str, text: str) -> None:
    answer = counter.browser.get(path.replace("{}", quote(text, safe="")))
    assert answer.status_code < 500
    assert "Traceback" not in answer.text


@settings(max_examples=120, deadline=None)
@given(
    path=st.sampled_from(FORMS),
    text=ANYTHING,
    form=st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4),
)
def test_any_form_has_an_answer(counter: Counter, path: str, text: str, form: dict[str, str]) -> None:
    page = counter.get("/login")
    to = path.replace("{}", quote(text, safe=""))
    answer = counter.browser.post(to, data={**form, "token": token_of(page)})
    assert answer.status_code < 500
    assert "Traceback" not in answer.text
