"""The number of a connection: its check digit, by the standard's example and against slips of the pen."""

from hypothesis import given
from hypothesis import strategies as st

from protocols.identifiers import check_digit, is_ean

DIGITS = st.text("0123456789", min_size=17, max_size=17)


def test_the_check_digit_is_that_of_the_standards_example() -> None:
    # GS1 General Specifications, 7.9.1: a GTIN-12 and a GSRN are counted from the right alike.
    assert check_digit("37610425002123456") == "9"
    assert check_digit("629104150021") == "3"


@given(DIGITS, st.integers(0, 17), st.sampled_from("0123456789"))
def test_one_wrong_digit_is_always_found(digits: str, place: int, digit: str) -> None:
    ean = digits + check_digit(digits)
    assert is_ean(ean)
    slipped = ean[:place] + digit + ean[place + 1 :]
    assert is_ean(slipped) is (slipped == ean)


def test_only_eighteen_plain_digits_are_an_ean() -> None:
    good = "541448860000000011"
    assert is_ean(good)
    for wrong in (good[:-1], good + "0", good.replace("5", "\u0665"), f"{good}\n", f" {good}", ""):
        assert not is_ean(wrong), wrong
