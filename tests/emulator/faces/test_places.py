"""Where faces are reached: three forms, and one clear line for anything else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.places import FacePlace, PlaceKind, read_place
from protocols.errors import InputError

RIGHT = [
    ("tcp:127.0.0.1:2000", FacePlace(PlaceKind.TCP, host="127.0.0.1", port=2000)),
    ("tcp:[::1]:0", FacePlace(PlaceKind.TCP, host="::1", port=0)),
    ("rfc2217:localhost:65535", FacePlace(PlaceKind.RFC2217, host="localhost", port=65535)),
    ("pty:run/p1:left", FacePlace(PlaceKind.PTY, path="run/p1:left")),
]
WRONG = [
    "", "tcp", "tcp:", "tcp:2000", "tcp::2000", "tcp:h:", "tcp:h:x", "tcp:h:65536", "tcp:h:٣", "tcp:h:-1",
    "pty:", "udp:h:1", "pty:a\nb",
]  # fmt: skip


@pytest.mark.parametrize(("text", "place"), RIGHT)
def test_a_place_is_read_and_written_alike(text: str, place: FacePlace) -> None:
    assert read_place(text, "--p1") == place
    assert str(place) == text


@pytest.mark.parametrize("text", WRONG)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError, match=r"^--p1: .*; allowed: tcp:HOST:PORT"):
        read_place(text, "--p1")


@given(st.text(max_size=40))
def test_any_text_is_a_place_that_is_written_alike_or_refused(text: str) -> None:
    with suppress(InputError):
        assert read_place(str(read_place(text, "--p1")), "--p1") == read_place(text, "--p1")
