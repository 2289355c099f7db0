"""What a person types: right forms mean one thing, wrong ones are one line with what is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.arguments import (
    read_basis,
    read_instant,
    read_name,
    read_names,
    read_payment,
    read_span,
)
from protocols.errors import InputError
from protocols.instants import HOUR_MS, SECOND_MS, iso_from_ms, ms_from_iso
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN

NOW_MS = ms_from_iso("2020-07-01T00:00:00Z")


@given(instant_ms=st.integers(INSTANT_MS_MIN, INSTANT_MS_MAX))
def test_an_instant_that_was_printed_can_be_typed(instant_ms: int) -> None:
    assert read_instant(iso_from_ms(instant_ms), "--until") == instant_ms


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2020-07-03T23:01+02:00", "2020-07-03T21:01:00Z"),
        ("2020-07-03T21:01Z", "2020-07-03T21:01:00Z"),
        ("2020-07-03 23:01:30+02:00", "2020-07-03T21:01:30Z"),
        ("2020-07-03T21:01:00.250Z", "2020-07-03T21:01:00.250Z"),
    ],
)
def test_an_instant_has_an_offset(text: str, iso: str) -> None:
    assert iso_from_ms(read_instant(text, "--until")) == iso


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2020-07-03T23:01",
            "2020-07-03",
            "23:01+02:00",
            "tomorrow",
            "",
            "1593810060000",
            "2020-02-30T00:00Z",
        ),
        *("2020-02-30T00:00Z", "2020-W27-5T23:01+02:00", "2020W275T23:01Z"),
    ],
)
def test_a_time_without_an_offset_is_refused_with_the_form_that_is_allowed(text: str) -> None:
    with pytest.raises(
        InputError, match=r"^--until: .*; allowed: a date and time with its offset, such as 2020-07"
    ):
        read_instant(text, "--until")


@pytest.mark.parametrize("text", ["1999-12-31T23:59Z", "2200-01-02T00:00Z", "0001-01-01T00:00+23:59"])
def test_an_instant_lies_in_the_years_of_documents(text: str) -> None:
    with pytest.raises(InputError, match="allowed: "):
        read_instant(text, "--until")


def test_a_span_begins_now_unless_it_is_told_otherwise() -> None:
    assert read_span(None, "2020-07-02T00:00Z", NOW_MS) == (NOW_MS, NOW_MS + 24 * HOUR_MS)
    past = iso_from_ms(NOW_MS - HOUR_MS)
    assert read_span(past, iso_from_ms(NOW_MS + SECOND_MS), NOW_MS) == (NOW_MS - HOUR_MS, NOW_MS + SECOND_MS)


@pytest.mark.parametrize(
    ("from_text", "until_text"),
    [(None, "2020-06-30T00:00Z"), ("2020-07-05T00:00Z", "2020-07-04T00:00Z"), (None, "2020-07-01T00:00Z")],
)
def test_a_span_that_is_empty_or_has_ended_is_refused(from_text: str | None, until_text: str) -> None:
    with pytest.raises(InputError, match="allowed: an instant to come, later than --from"):
        read_span(from_text, until_text, NOW_MS)


@pytest.mark.parametrize(
    ("text", "ueur"), [("20.00", 20_000_000), ("20", 20_000_000), ("0.01", 10_000), ("1000000", 10**12)]
)
def test_a_payment_is_exact(text: str, ueur: int) -> None:
    assert read_payment(text) == ueur


@pytest.mark.parametrize(
    "text", ["0", "0.00", "-5", "1.005", "20,00", "1e3", "", "abc", "1000000.01", "٢٠", "999999999999"]
)
def test_a_payment_is_above_zero_and_in_whole_cents(text: str) -> None:
    with pytest.raises(InputError, match=r"^--eur: .*; allowed: "):
        read_payment(text)


def test_names_are_what_travels_in_topics() -> None:
    assert read_names(["m2", "m1", "m2"], "METER") == ("m2", "m1")
    for wrong in ("", "a/b", "+", "#", "-x", "a b", "é", "x" * 65, "a\n"):
        with pytest.raises(InputError, match=r"^METER: .*; allowed: 1 to 64 letters"):
            read_name(wrong, "METER")


def test_a_basis_that_is_too_long_is_refused() -> None:
    assert read_basis("decree of 18 March 2020, art. 3") == "decree of 18 March 2020, art. 3"
    with pytest.raises(InputError, match=r"^--basis: 257 characters"):
        read_basis("x" * 257)
