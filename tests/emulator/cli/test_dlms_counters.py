"""Where invocation counters go on after a start: never behind, whatever was restored or set back."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.cli.dlms_counters import begin_counters, file_of
from emulator.faces.dlms.ciphering import COUNTER_MAX
from emulator.faces.dlms.invocation_counters import CounterPair
from protocols.errors import InputError, UnreachableError
from protocols.instants import UtcMs, ms_from_iso

NOW_MS = ms_from_iso("2020-01-01T00:10:00Z")
WHILE = 600


def started(path: Path | None, now_ms: UtcMs = NOW_MS, used: CounterPair | None = None) -> CounterPair:
    """Where counters begin; then `used` is written down, and the program ends."""
    with ExitStack() as stack:
        begin, keep = begin_counters(path, now_ms, stack)
        assert used is None or keep(used)
    return begin


def test_without_a_file_the_clock_alone_says_where_to_begin() -> None:
    assert started(None) == CounterPair(WHILE, WHILE)
    assert started(None, UtcMs(NOW_MS + 5_000)) == CounterPair(WHILE + 5, WHILE + 5)


def test_a_file_goes_on_where_it_was_and_a_clock_that_is_ahead_of_it_further(tmp_path: Path) -> None:
    path = tmp_path / "keys.counters"
    assert started(path, used=CounterPair(9_000, 70)) == CounterPair(WHILE, WHILE)
    assert started(path) == CounterPair(9_000, WHILE)
    # Set back before 2020, and a file of before.
    assert started(path, UtcMs(0)) == CounterPair(9_000, 70)
    assert started(path, UtcMs(NOW_MS + 10_000_000)) == CounterPair(10_600, 10_600)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_clock_far_ahead_leaves_half_of_the_counters() -> None:
    assert started(None, ms_from_iso("2199-01-01T00:00:00Z")) == CounterPair(*[COUNTER_MAX // 2] * 2)


@pytest.mark.parametrize(
    "content", [b"x", b"12 13\n", b"0000000001 00000000x1\n", b"0" * 21 + b"\n", b"1" * 40]
)
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no counters of DLMS keys; allowed: two counters"):
        started(path)
    assert path.read_bytes() == content


def test_two_meters_of_one_name_do_not_use_the_same_keys_at_once(tmp_path: Path) -> None:
    path = file_of(tmp_path / "keys.hex", b"RLC12345")
    assert path.name == "keys.hex.524c433132333435.counters"
    with ExitStack() as stack:
        begin_counters(path, NOW_MS, stack)
        with pytest.raises(UnreachableError, match="another meter uses these keys"):
            started(path)
    started(path)
    with pytest.raises(InputError, match="allowed: keys in a folder that you may write"):
        started(tmp_path / "none" / "keys")


def test_what_cannot_be_written_is_told_once_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_args: object) -> int:
        raise OSError(28, "No space left on device")

    with ExitStack() as stack:
        _, keep = begin_counters(tmp_path / "keys", NOW_MS, stack)
        monkeypatch.setattr("os.pwrite", full)
        assert [keep(CounterPair(1, 1)) for _ in range(3)] == [False] * 3
    assert capsys.readouterr().err.count("No space left on device") == 1


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-(10**9), 10**9)), min_size=1, max_size=8))
def test_whatever_the_clock_says_no_start_goes_back(lives: list[tuple[int, int]]) -> None:
    """Each life uses some counters, and begins by a clock that may be anything."""
    with TemporaryDirectory() as folder:
        path, before = Path(folder) / "keys", CounterPair(0, 1)
        for used, off_ms in lives:
            begin = started(path, UtcMs(max(NOW_MS + off_ms, 0)))
            assert all(new >= old for new, old in zip(begin, before, strict=True))
            before = CounterPair(*(each + used for each in begin))
            started(path, UtcMs(0), used=before)
