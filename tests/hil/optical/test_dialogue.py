"""Our reader of the optical port: against a meter in memory whose line damages bytes, and over real ports."""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.faces.optical.messages import FIRST_BAUD, DataSet
from emulator.faces.optical.objects import readings
from emulator.faces.optical.session import BringDate, OpticalSession, Say
from emulator.faces.places import FacePlace, PlaceKind, read_place
from emulator.onsite.running import FaceChoice
from hil.optical.dialogue import OpticalError, Programming, Receive, Send, Speed, Step, read_out
from hil.optical.port import OpticalPort
from protocols.errors import UnreachableError
from protocols.instants import UtcMs
from tests.emulator.faces.views import installed, view
from tests.emulator.onsite.at_work import with_faces

R = TypeVar("R")
VIEW = view()


class Line:
    """A meter in memory. `damage`: which blocks that go to the reader are damaged, by their number."""

    def __init__(self, damage: frozenset[int] = frozenset(), lost: frozenset[int] = frozenset()) -> None:
        self.session = OpticalSession()
        self.damage, self.lost = damage, lost
        self.dates: list[UtcMs] = []
        self.at_ms = self.said = 0
        self.baud = FIRST_BAUD
        self.coming = b""
        # Which byte of a damaged block is wrong, and which of its bits: ETX if nothing else is said.
        self.wrong = -2, 6

    def run(self, dialogue: Generator[Step, bytes, R]) -> R:
        answer: bytes | None = None
        try:
            while True:
                step = next(dialogue) if answer is None else dialogue.send(answer)
                answer = self.do(step)
        except StopIteration as end:
            result: R = end.value
            return result

    def do(self, step: Step) -> bytes | None:
        match step:
            case Send():
                data = step.data if self.baud == self.session.baud else b""
                self.take(self.session.hear(data, self.at_ms, VIEW))
            case Speed():
                self.baud = step.baud
            case Receive():
                if not self.coming:
                    self.at_ms += step.timeout_ms
                    self.take(self.session.wait(self.at_ms, VIEW))
                came, self.coming = self.coming[:7], self.coming[7:]
                return came
        return None

    def take(self, deeds: tuple[Say | BringDate, ...]) -> None:
        for deed in deeds:
            if isinstance(deed, BringDate):
                self.dates.append(deed.time_ms)
                continue
            self.said += 1
            data = deed.data
            if self.said in self.damage and len(data) > 1:
                at, bit = self.wrong
                data = data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at:][1:]
            if self.said not in self.lost and self.session.baud == deed.baud:
                self.coming = data
            self.session.said(self.at_ms)


def test_everything_is_read_out_at_the_speed_that_was_proposed() -> None:
    line = Line()
    assert line.run(read_out()) == readings(VIEW)
    assert line.baud == 9600


@pytest.mark.parametrize("damage", [{2}, {2, 3}])
def test_a_readout_whose_end_comes_damaged_is_asked_for_again(damage: set[int]) -> None:
    assert Line(frozenset(damage)).run(read_out()) == readings(VIEW)


@settings(max_examples=30)
@given(st.integers(1, 200), st.integers(0, 6))
def test_a_readout_with_a_wrong_bit_is_asked_for_again(at: int, bit: int) -> None:
    line = Line(frozenset({2}))
    line.wrong = at, bit
    assert line.run(read_out()) == readings(VIEW)


def test_a_readout_that_never_comes_whole_is_given_up() -> None:
    with pytest.raises(OpticalError, match="no whole block after 3 tries"):
        Line(frozenset(range(2, 20))).run(read_out())


@settings(max_examples=30)
@given(st.sets(st.integers(3, 7), max_size=1))
def test_an_answer_that_is_lost_on_the_way_is_got_again(lost: set[int]) -> None:
    line, programming = Line(lost=frozenset(lost)), Programming()
    line.run(programming.open("00000000"))
    assert line.run(programming.read("96.50.0")) == DataSet("96.50.0", "20.00", "EUR")
    line.run(programming.write(DataSet("0.9.2", "200102")))
    line.run(programming.close())
    # A date whose acknowledgement was lost is brought again: it is the same one.
    assert len(set(line.dates)) == 1


def test_what_is_refused_is_said() -> None:
    line, programming = Line(), Programming()
    with pytest.raises(OpticalError, match=r"^password: refused: "):
        line.run(programming.open("wrong"))
    line.run(programming.open("00000000"))
    with pytest.raises(OpticalError, match=r"^1\.2\.3: a value expected; found"):
        line.run(programming.read("1.2.3"))
    with pytest.raises(OpticalError, match=r"^1\.2\.3: refused: "):
        line.run(programming.write(DataSet("1.2.3", "0")))


@given(st.lists(st.binary(max_size=40), max_size=40))
def test_whatever_comes_a_readout_ends(coming: list[bytes]) -> None:
    dialogue = read_out()
    answers = iter(coming)
    step: Step = next(dialogue)
    for _ in range(2_000):
        try:
            step = dialogue.send(next(answers, b"")) if isinstance(step, Receive) else next(dialogue)
        except (OpticalError, StopIteration):
            return
    raise AssertionError("it goes on for ever")


# What pyserial's client of RFC 2217 calls on its thread.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
@pytest.mark.parametrize("kind", [PlaceKind.PTY, PlaceKind.RFC2217])
def test_a_real_port_is_read_and_set(kind: PlaceKind, tmp_path: Path) -> None:
    place = FacePlace(kind, path=str(tmp_path / "port"), host="127.0.0.1")

    def read(places: Mapping[str, str]) -> tuple[tuple[DataSet, ...], DataSet]:
        opened = read_place(places["optical"], "")
        url = opened.path or f"rfc2217://{opened.host}:{opened.port}"
        programming = Programming()
        with OpticalPort(url) as port:
            everything = port.read_out()
            port.run(programming.open("00000000"))
            port.run(programming.write(DataSet("0.9.4", "200102030405")))
            then = port.run(programming.read("0.9.2"))
            port.run(programming.close())
        return everything, then

    meter = installed(firmware="legacy-2020", profile="wallonia-card-2020")
    everything, then = with_faces(meter, FaceChoice(optical=place), read)
    assert DataSet("96.50.0", "20.00", "EUR") in everything
    assert then == DataSet("0.9.2", "200102")


def test_a_port_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="No such file or directory"):
        OpticalPort(str(tmp_path / "none"))
