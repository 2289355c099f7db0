"""The service's asks are authentic by a key that speaks for nobody else; answers keep their limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DocumentError
from protocols.link.keys import asks_key, meter_key
from protocols.link.service_time import (
    ServiceAnswer,
    is_authentic_ask,
    machine_of,
    read_answer,
    read_ask,
    write_answer,
    write_ask,
)
from protocols.reasons import Source

FLEET_KEY = b"f" * 32
NONCE = "n" * 32


@given(
    source=st.sampled_from(Source), asked=st.sampled_from(Source), other=st.binary(min_size=32, max_size=32)
)
def test_an_ask_is_authentic_under_the_key_of_its_own_authority_only(
    source: Source, asked: Source, other: bytes
) -> None:
    ask = read_ask(write_ask(source, NONCE, asks_key(FLEET_KEY, asked)))
    assert is_authentic_ask(ask, asks_key(FLEET_KEY, source)) == (source is asked)
    assert not is_authentic_ask(ask, asks_key(other, asked))


def test_the_key_of_an_authority_is_the_key_of_no_meter() -> None:
    assert asks_key(FLEET_KEY, Source.TIMESERVER) != meter_key(FLEET_KEY, "timeserver")


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"source":"moon"}'])
def test_what_is_no_ask_or_answer_is_refused(data: bytes) -> None:
    for read in (read_ask, read_answer):
        with pytest.raises(DocumentError):
            read(data)


@pytest.mark.parametrize(
    ("nonce", "time_ms", "spread_ms"),
    [("short", 1_700_000_000_000, 1_000), (NONCE, -1, 1_000), (NONCE, 1_700_000_000_000, 999)],
)
def test_an_answer_that_breaks_a_limit_is_not_signed(nonce: str, time_ms: int, spread_ms: int) -> None:
    with pytest.raises(DocumentError):
        write_answer(ServiceAnswer(nonce=nonce, time_ms=time_ms, spread_ms=spread_ms))


def test_two_programs_of_one_boot_know_that_they_share_a_machine() -> None:
    assert machine_of("boot-1") == machine_of("boot-1") != machine_of("boot-2")
