"""The office's reader of a bench: what a meter has said on its card, and a trace of every command."""

from pathlib import Path

import pytest

from cardreader.issuing.practice import practice_key
from hil.benches.form import read_bench
from hil.benches.wiring import reader_of
from hil.capabilities import BenchError
from hil.drivers.card_reader import OfficeReader
from tests.typed import typed

CARD = "virtual:card.bin"


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The card of m1 in a file, in the folder in which we are."""
    monkeypatch.chdir(tmp_path)
    assert typed("relance-kiosk", "issue", "--reader", CARD, "--meter", "m1", cwd=tmp_path).returncode == 0
    return tmp_path / "card.bin"


def reader(asked: list[str], name: str = CARD, seed: str = "practice") -> OfficeReader:
    return OfficeReader(name, practice_key(seed), asked.append)


def test_what_a_meter_has_said_is_read_and_every_command_is_traced(card: Path) -> None:
    asked: list[str] = []
    found = reader(asked)
    assert found.read() is None, "no meter has read it yet"
    visit = ("meter", "m1", "--state", "m1.json", "--card", "card.bin")
    assert typed("relance-emulator", *visit, cwd=card.parent).returncode == 0
    state = found.read()
    assert state is not None
    assert (state.meter, state.balance_ueur, state.supply) == ("m1", 0, "on")
    assert asked == [f"Put the meter's card into the reader {CARD}."] * 2
    lines = found.log.text().splitlines()
    assert lines[0] == "> 00 A4 04 0C 09 F0 42 55 44 47 45 54 00 01"
    assert lines[1] == "< 90 00"
    assert [line[0] for line in lines] == [">", "<"] * (len(lines) // 2)


@pytest.mark.usefixtures("card")
def test_a_card_of_another_office_and_none_at_all_are_told() -> None:
    with pytest.raises(BenchError, match=r"reader virtual:card\.bin: the meter's card expected; "):
        reader([], seed="another").read()
    with pytest.raises(BenchError, match=r"reader virtual:no\.bin: the meter's card expected; no\.bin: no"):
        reader([], "virtual:no.bin").read()


def test_nobody_who_moves_the_card_is_told_as_it_is() -> None:
    def nobody(sentence: str) -> None:
        raise BenchError(f"operator: done expected; found: not done: {sentence}")

    with pytest.raises(BenchError, match=r"^operator: done expected"):
        OfficeReader(CARD, practice_key("practice"), nobody).read()


@pytest.mark.usefixtures("card")
def test_a_bench_file_names_the_reader_and_whose_keys_it_has() -> None:
    spec = read_bench('[bench]\nname = "d"\n[reader]\nname = "virtual:card.bin"\n', "d.toml", (), ())
    assert spec.card_reader is not None
    assert reader_of(spec.card_reader, lambda _sentence: None).read() is None
    other = read_bench('[bench]\nname = "d"\n[reader]\nfleet_key = "no.key"\n', "d.toml", (), ())
    assert other.card_reader is not None
    with pytest.raises(BenchError, match=r"^reader\.fleet_key: no\.key: no such file"):
        reader_of(other.card_reader, lambda _sentence: None)
