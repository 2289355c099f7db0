"""Places that are really open: terminals, TCP and RFC 2217, with readers that come, go, or stop reading."""

import asyncio
import os
import socket
import termios
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.line_format import LineFormat
from emulator.faces.places import FacePlace, read_place
from emulator.faces.serving.lines import FaceLine, Port
from emulator.faces.serving.opening import open_port
from emulator.faces.serving.pty_port import PtyPort
from emulator.faces.serving.rfc2217_port import Rfc2217Line
from emulator.faces.serving.tcp_port import READERS_MAX, TcpLine
from protocols.errors import InputError


class Echo:
    """A face that says back what it hears, and remembers how the line was set then."""

    def __init__(self) -> None:
        self.lines: list[FaceLine] = []
        self.heard = b""
        self.formats: list[LineFormat | None] = []

    def attach(self, line: FaceLine) -> "_Ear":
        self.lines.append(line)
        return _Ear(self, line)


class _Ear:
    def __init__(self, echo: Echo, line: FaceLine) -> None:
        self.echo, self.line = echo, line

    def received(self, data: bytes) -> None:
        self.echo.heard += data
        self.echo.formats.append(self.line.format)
        self.line.send(data)

    def lost(self) -> None:
        self.echo.lines.remove(self.line)


def with_port(place: str, use: Callable[[Echo, Port], Awaitable[None]]) -> None:
    async def run() -> None:
        echo = Echo()
        port = await open_port(read_place(place, "--p1"), "--p1", echo.attach)
        try:
            await use(echo, port)
        finally:
            await port.close()

    asyncio.run(run())


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


def host_port(port: Port) -> tuple[str, int]:
    place = read_place(port.where, "--p1")
    return place.host, place.port


def test_many_readers_of_tcp_get_everything_and_go_when_they_like() -> None:
    async def use(echo: Echo, port: Port) -> None:
        readers = [await asyncio.open_connection(*host_port(port)) for _ in range(3)]
        await until(lambda: len(echo.lines) == 3)
        for line in echo.lines:
            line.send(b"to all")
        for reader, _ in readers:
            assert await reader.readexactly(6) == b"to all"
        readers[0][1].close()
        await until(lambda: len(echo.lines) == 2)
        readers[1][1].write(b"hello")
        assert await readers[1][0].readexactly(5) == b"hello"
        for _, writer in readers:
            writer.close()

    with_port("tcp:127.0.0.1:0", use)


def test_a_reader_that_stops_reading_is_dropped_and_holds_up_nobody() -> None:
    async def use(echo: Echo, port: Port) -> None:
        reader, writer = await asyncio.open_connection(*host_port(port), limit=64)
        await until(lambda: len(echo.lines) == 1)
        for _ in range(2_000):
            for line in echo.lines:
                line.send(bytes(1_000), latest=True)
            await asyncio.sleep(0)
        await until(lambda: not echo.lines)
        assert reader is not None
        writer.close()

    with_port("tcp:127.0.0.1:0", use)


def test_more_readers_than_the_port_has_room_for_are_sent_away() -> None:
    async def use(echo: Echo, port: Port) -> None:
        writers = [(await asyncio.open_connection(*host_port(port)))[1] for _ in range(READERS_MAX)]
        await until(lambda: len(echo.lines) == READERS_MAX)
        reader, writer = await asyncio.open_connection(*host_port(port))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        assert len(echo.lines) == READERS_MAX
        for each in (*writers, writer):
            each.close()

    with_port("tcp:127.0.0.1:0", use)


def test_a_terminal_is_read_by_a_serial_program_and_its_speed_is_seen(tmp_path: Path) -> None:
    async def use(echo: Echo, port: Port) -> None:
        assert port.where == f"pty:{tmp_path / 'port'}"
        for baud, parity in [(300, "E"), (9600, "E"), (115200, "N")]:
            # A second time at one speed: without our 50 baud between, the C library refuses 7E1.
            for _ in range(2):
                with serial.Serial(str(tmp_path / "port"), baud, parity=parity, timeout=5) as client:
                    client.write(b"x")
                    assert await asyncio.to_thread(client.read, 1) == b"x"
                echo.lines[0].rest()
        assert [each.baud for each in echo.formats if each] == [300, 300, 9600, 9600, 115200, 115200]

    with_port(f"pty:{tmp_path / 'port'}", use)
    assert not (tmp_path / "port").is_symlink()


def test_a_reader_that_sets_no_speed_for_a_second_session_is_at_that_of_the_first(tmp_path: Path) -> None:
    async def use(echo: Echo, _port: Port) -> None:
        found = [echo.lines[0].format]
        with serial.Serial(str(tmp_path / "port"), 9600, timeout=5) as client:
            echo.lines[0].rest()
            found.append(echo.lines[0].format)
            client.baudrate = 300
            found.append(echo.lines[0].format)
        assert found == [None, LineFormat(9600), LineFormat(300)]

    with_port(f"pty:{tmp_path / 'port'}", use)


def test_a_peer_that_vanishes_is_found_out() -> None:
    async def use(echo: Echo, port: Port) -> None:
        _, writer = await asyncio.open_connection(*host_port(port))
        await until(lambda: len(echo.lines) == 1)
        (line,) = echo.lines
        assert isinstance(line, TcpLine)
        assert line._transport is not None
        opened = line._transport.get_extra_info("socket")
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        idle_s, interval_s, count = (opened.getsockopt(socket.IPPROTO_TCP, each) for each in options)
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert idle_s + interval_s * count <= 60
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000
        writer.close()

    with_port("tcp:127.0.0.1:0", use)


def test_a_terminal_that_nobody_reads_keeps_only_the_latest(tmp_path: Path) -> None:
    async def use(echo: Echo, port: Port) -> None:
        for number in range(60):
            echo.lines[0].send(b"%04d" % number * 300, latest=True)
            await asyncio.sleep(0.005)
        # Not by pyserial, which throws away what waits for it when it opens a port.
        with (tmp_path / "port").open("rb", buffering=0) as file:
            assert file.read(4_000) == b"0059" * 300
        assert port is not None

    with_port(f"pty:{tmp_path / 'port'}", use)


def test_a_terminal_keeps_what_a_slow_reader_has_not_read_and_no_more(tmp_path: Path) -> None:
    async def use(echo: Echo, port: Port) -> None:
        assert isinstance(port, PtyPort)
        for _ in range(1_000):
            echo.lines[0].send(bytes(1_000))
            assert len(port._waiting) <= 64 * 1024
        echo.lines[0].send(b"", latest=True)
        text = bytes(range(256)) * 100
        with (tmp_path / "port").open("rb", buffering=0) as file:
            await asyncio.sleep(0.05)
            termios.tcflush(file, termios.TCIFLUSH)
            echo.lines[0].send(text)
            found = b""
            while len(found) < len(text):
                found += await asyncio.to_thread(file.read, 1_000)
        assert found == text

    with_port(f"pty:{tmp_path / 'port'}", use)


# What pyserial's client of RFC 2217 calls on its thread.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_rfc_2217_shows_speed_and_parity_as_the_reader_sets_them() -> None:
    async def use(echo: Echo, port: Port) -> None:
        def talk() -> bytes:
            url = "rfc2217://{}:{}".format(*host_port(port))
            with serial.serial_for_url(url, 300, bytesize=7, parity="E", timeout=5) as client:
                client.write(b"\xffslow")
                slow = client.read(5)
                client.baudrate = 9600
                client.write(b"fast")
                return bytes(slow + client.read(4))

        assert await asyncio.to_thread(talk) == b"\xffslowfast"
        assert set(echo.formats) == {LineFormat(300, 7, "E"), LineFormat(9600, 7, "E")}
        await until(lambda: not echo.lines)

    with_port("rfc2217:127.0.0.1:0", use)


WRONG_TELNET = [
    b"\xff\xf0",
    b"\xff\xfa" + bytes(5_000),
    b"\xff\xfa\x2c\x03\x63\xff\xf0",
    b"\xff\xfa\x2c\x01\xff\xf0",
]


@pytest.mark.parametrize("data", WRONG_TELNET)
def test_what_is_no_telnet_ends_the_connection_and_not_the_port(data: bytes) -> None:
    async def use(echo: Echo, port: Port) -> None:
        _, writer = await asyncio.open_connection(*host_port(port))
        await until(lambda: len(echo.lines) == 1)
        writer.write(data)
        await until(lambda: not echo.lines)
        _, again = await asyncio.open_connection(*host_port(port))
        await until(lambda: len(echo.lines) == 1)
        writer.close()
        again.close()

    with_port("rfc2217:127.0.0.1:0", use)


class Transport(asyncio.Transport):
    """A connection in memory."""

    def __init__(self) -> None:
        super().__init__({"socket": Sockets()})
        self.is_open, self.is_paused = True, False

    def write(self, data: object) -> None: ...

    def is_closing(self) -> bool:
        return not self.is_open

    def abort(self) -> None:
        self.is_open = False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Sockets:
    def setsockopt(self, *_options: int) -> None: ...


class Pieces:
    """A face that keeps what it hears, in the pieces in which it came."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def received(self, data: bytes) -> None:
        self.heard.append(data)

    def lost(self) -> None: ...


@pytest.mark.parametrize("sizes", [[4_096], [4_097], [256 * 1_024], [9_000, 1, 9_000]])
def test_a_flood_is_heard_whole_and_a_turn_of_the_loop_hears_one_piece(sizes: list[int]) -> None:
    text = bytes(range(251)) * (sum(sizes) // 251 + 1)

    async def run() -> None:
        face, transport = Pieces(), Transport()
        line = TcpLine(lambda _line: face, set())
        line.connection_made(transport)
        at = 0
        for size in sizes:
            line.data_received(text[at : at + size])
            at += size
        assert transport.is_paused is (at > 4_096)
        while sum(map(len, face.heard)) < at:
            before = len(face.heard)
            await asyncio.sleep(0)
            assert len(face.heard) <= before + 1
        assert b"".join(face.heard) == text[:at]
        assert max(map(len, face.heard)) <= 4_096
        assert not transport.is_paused

    asyncio.run(run())


TELNET = st.sampled_from(
    [b"\xff", b"\xfa", b"\xf0", b"\xfb", b"\xfd", b"\x2c", b"\x01", b"\x03", b"\x05", b"\x00"]
)


@given(st.lists(st.one_of(TELNET, TELNET, st.binary(max_size=12)), max_size=60))
def test_whatever_telnet_comes_the_line_lives_or_is_dropped_in_bounded_memory(pieces: list[bytes]) -> None:
    line, transport = Rfc2217Line(Echo().attach, set()), Transport()
    line.connection_made(transport)
    for piece in pieces:
        if transport.is_open:
            line.data_received(piece)
            assert len(line._manager.suboption or b"") <= 512
    assert line.format is not None


def refused(place: str) -> str:
    with pytest.raises(InputError) as error:
        with_port(place, lambda _echo, _port: asyncio.sleep(0))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_place_that_is_taken_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert refused(f"pty:{tmp_path / 'file'}").endswith(
        "it is there already; allowed: a path where nothing is"
    )
    assert (tmp_path / "file").read_text() == "mine"
    assert "No such file or directory" in refused(f"pty:{tmp_path / 'no' / 'port'}")

    async def use(echo: Echo, port: Port) -> None:
        with pytest.raises(InputError, match="address already in use"):
            await open_port(FacePlace(*read_place(port.where, "--p1")), "--p1", echo.attach)

    with_port("tcp:127.0.0.1:0", use)


def test_a_link_that_a_killed_run_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.symlink_to("/dev/pts/999999")
    with_port(f"pty:{path}", lambda _echo, _port: asyncio.sleep(0))
    assert not path.is_symlink()
    # The next terminal gets the number that the killed run had.
    master, slave = os.openpty()
    path.symlink_to(os.ttyname(slave))
    os.close(master)
    os.close(slave)
    with_port(f"pty:{path}", lambda _echo, _port: asyncio.sleep(0))
    master, slave = os.openpty()
    path.symlink_to(os.ttyname(slave))
    assert "there already" in refused(f"pty:{path}")
    assert termios.tcgetattr(master)
    os.close(master)
    os.close(slave)
