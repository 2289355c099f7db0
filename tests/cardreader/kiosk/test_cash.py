"""One grammar for cash, whoever types it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.kiosk.cash import read_cash
from protocols.errors import InputError
from protocols.limits import STATEMENT_UEUR_MAX

CENT_UEUR = 10_000


@given(st.integers(0, STATEMENT_UEUR_MAX // CENT_UEUR), st.sampled_from(".,"))
def test_every_sum_to_the_cent_is_read_with_point_and_comma(cents: int, point: str) -> None:
    text = f"{cents // 100}{point}{cents % 100:02}"
    assert read_cash(text, "cash") == read_cash(f" {text} ", "cash") == cents * CENT_UEUR


@pytest.mark.parametrize(("text", "cents"), [("0", 0), ("100", 10_000), ("99.5", 9_950), ("7,", 700)])
def test_fewer_decimals_are_read_too(text: str, cents: int) -> None:
    assert read_cash(text, "cash") == cents * CENT_UEUR


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.234", "1.2.3", "1 000", "1e3", "x", ".5", "٣", "1" * 13, "999999999999"]
)
def test_all_else_is_said_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"^--float: .*; allowed: ") as refused:
        read_cash(text, "--float")
    assert "\n" not in str(refused.value)


@given(st.text(max_size=20))
def test_any_text_is_cash_or_refused(text: str) -> None:
    try:
        ueur = read_cash(text, "cash")
    except InputError:
        return
    assert 0 <= ueur <= STATEMENT_UEUR_MAX
    assert ueur % CENT_UEUR == 0
