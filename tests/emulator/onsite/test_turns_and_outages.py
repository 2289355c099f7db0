"""What ends a session from outside (the mains, a long silence), and that no peer holds up the others."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.connection import SILENCE_MS_MAX
from emulator.faces.dlms.wrapper import WrappedPdu, write_frame
from emulator.faces.hdlc.frames import HdlcFrame, write_hdlc
from emulator.faces.locking import PasswordLock
from emulator.faces.view import FaceView
from emulator.onsite.console_face import LINES_WAITING_MAX, ConsoleFace
from emulator.onsite.dlms_face import DlmsFace
from emulator.onsite.installed import InstalledMeter
from emulator.onsite.optical_face import OpticalFace
from emulator.scenario.model import SetMainsSpec
from tests.emulator.faces.dlms.talking import GET_TIME, PASSWORD, READER
from tests.emulator.faces.views import installed
from tests.emulator.onsite.lines import MemoryLine

GET = write_frame(WrappedPdu(2, 1, bytes.fromhex(GET_TIME)))
OPEN = write_frame(WrappedPdu(2, 1, READER))
SNRM, UA, DM = 0x93, 0x73, 0x1F
RECEIVE_READY = 0x11


def never(*_args: object) -> None:
    raise AssertionError("nothing is brought")


def dlms_face(view: Callable[[], FaceView], *, is_hdlc: bool = False) -> DlmsFace:
    return DlmsFace(Guards(PasswordLock(PASSWORD)), view, never, never, never, is_hdlc=is_hdlc)


def outage(meter: InstalledMeter) -> None:
    """The mains go and come back, between two looks of anybody."""
    meter.do(SetMainsSpec(on=False))
    meter.do(SetMainsSpec(on=True))


async def turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def is_answered(line: MemoryLine) -> bool:
    """Whether the last answer has a value; an exception has none."""
    return line.sent[-20:].find(bytes.fromhex("090c07e4")) >= 0


@pytest.mark.parametrize("when", ["in it", "before a look"])
def test_no_association_outlives_an_outage(when: str) -> None:
    async def run() -> None:
        meter, line = installed(), MemoryLine()
        listener = dlms_face(meter.view).attach(line)
        listener.received(OPEN)
        listener.received(GET)
        assert is_answered(line)
        meter.do(SetMainsSpec(on=False))
        if when == "in it":
            before = line.sent
            listener.received(GET)
            assert line.sent == before
        meter.do(SetMainsSpec(on=True))
        listener.received(GET)
        assert line.sent.endswith(bytes.fromhex("d80101"))
        listener.received(OPEN + GET)
        await turns()
        assert is_answered(line)

    asyncio.run(run())


def test_no_link_of_hdlc_outlives_an_outage() -> None:
    async def run() -> None:
        meter, line = installed(), MemoryLine()
        listener = dlms_face(meter.view, is_hdlc=True).attach(line)
        poll = write_hdlc(HdlcFrame(b"\x03", b"\x21", RECEIVE_READY))
        listener.received(write_hdlc(HdlcFrame(b"\x03", b"\x21", SNRM)))
        listener.received(poll)
        assert line.sent.endswith(write_hdlc(HdlcFrame(b"\x21", b"\x03", RECEIVE_READY)))
        outage(meter)
        listener.received(poll)
        assert line.sent.endswith(write_hdlc(HdlcFrame(b"\x21", b"\x03", DM)))

    asyncio.run(run())


def test_who_is_silent_for_two_minutes_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        now_s = [1_000.0]
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s[0])
        shown = installed().view()
        face = dlms_face(lambda: shown)
        silent, speaks = MemoryLine(), MemoryLine()
        face.attach(silent)
        listener = face.attach(speaks)
        now_s[0] += SILENCE_MS_MAX / 1_000 - 1
        face.heed(shown)
        listener.received(OPEN)
        assert silent.is_open
        now_s[0] += 1
        face.heed(shown)
        assert (silent.is_open, speaks.is_open) == (False, True)

    asyncio.run(run())


def test_a_dead_meter_falls_silent_on_the_optical_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the midst of its identification, and where its time to read everything out comes in an outage."""

    async def run() -> None:
        meter, line = installed(), MemoryLine()
        face = OpticalFace("00000000", meter.view, never)
        asleep: list[asyncio.Future[None]] = []

        async def sleep(_s: float) -> None:
            asleep.append(asyncio.get_running_loop().create_future())
            await asleep[-1]

        async def wake(count: int) -> None:
            for _ in range(count):
                asleep[-1].set_result(None)
                await turns()

        real_sleep = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", lambda s: real_sleep(0) if s == 0 else sleep(s))
        listener = face.attach(line)
        assert listener is not None
        listener.received(b"/?!\r\n")
        await turns()
        await wake(3)
        assert line.sent.startswith(b"/")
        meter.do(SetMainsSpec(on=False))
        said = line.sent
        await wake(1)
        assert line.sent == said
        face.heed(meter.view())
        meter.do(SetMainsSpec(on=True))
        # It begins anew, with nothing of what was agreed on before.
        listener.received(b"\x06050\r\n")
        await turns()
        listener.received(b"/?!\r\n")
        await turns()
        await wake(3)
        assert line.sent.startswith(said + b"/")
        face.stop()

    asyncio.run(run())


def test_a_readout_that_is_due_in_an_outage_never_comes() -> None:
    async def run() -> None:
        meter, line = installed(), MemoryLine()
        face = OpticalFace("00000000", meter.view, never)
        face.attach(line)
        face._session.hear(b"/?!\r\n", 0, meter.view())
        face._session.said(0)
        due_ms = [face._session.due_ms]
        meter.do(SetMainsSpec(on=False))
        face._wait()
        assert due_ms != [None]
        assert (face._session.due_ms, face._saying) == (None, None)

    asyncio.run(run())


class Counting:
    """How many requests have been answered."""

    def __init__(self, line: MemoryLine, mark: bytes) -> None:
        self._line, self._mark = line, mark

    def __call__(self) -> int:
        return self._line.sent.count(self._mark)


def test_one_request_is_answered_in_a_turn_of_the_loop() -> None:
    """So a peer that sends many at once gets the same answers, and holds up nobody."""

    async def run() -> None:
        meter = installed()
        shown = meter.view()
        console, dlms = MemoryLine(), MemoryLine()
        face = ConsoleFace(meter, lambda: None, lambda _ms: None)
        waits = [
            (face.attach(console), b"mains\n" * 9, Counting(console, b"ok\r\n")),
            (
                dlms_face(lambda: shown).attach(dlms),
                OPEN + GET * 8,
                Counting(dlms, b"\x00\x01\x00\x01\x00\x02"),
            ),
        ]
        for listener, data, answered in waits:
            listener.received(data)
            found = [answered()]
            while found[-1] < 9:
                await asyncio.sleep(0)
                found.append(answered())
            assert found == sorted(found)
            assert max(later - earlier for earlier, later in pairwise(found)) <= 1

    asyncio.run(run())


def test_a_console_that_looks_at_no_answer_is_sent_away() -> None:
    async def run() -> None:
        line = MemoryLine()
        listener = ConsoleFace(installed(), lambda: None, lambda _ms: None).attach(line)
        listener.received(b"mains\n" * (LINES_WAITING_MAX + 1))
        await turns()
        assert line.sent.startswith(b"error: more than")
        assert line.sent.count(b"\n") == 1
        assert not line.is_open

    asyncio.run(run())
