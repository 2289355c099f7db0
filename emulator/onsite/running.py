"""Runs one meter with its faces until it is told to stop: the meter in its own time, the faces in ours."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final, Never

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.security import MeterSecurity, SecuritySettings, system_title
from emulator.faces.dlms.session import DEFAULT_DLMS_PASSWORD
from emulator.faces.locking import PasswordLock
from emulator.faces.optical.session import DEFAULT_PASSWORD
from emulator.faces.places import FacePlace
from emulator.faces.serving.lines import Attach
from emulator.faces.serving.opening import open_port
from emulator.faces.view import FaceView
from emulator.onsite.console_face import ConsoleFace
from emulator.onsite.dlms_face import DlmsFace
from emulator.onsite.installed import InstalledMeter
from emulator.onsite.optical_face import OpticalFace
from emulator.onsite.p1_face import P1Choice, P1Face
from emulator.scenario.model import SetClockSpec
from protocols.instants import UtcMs
from protocols.limits import INSTANT_MS_MAX
from protocols.timekeeping import Timekeeper

# Before the place of a face of DLMS that is reached by HDLC.
HDLC: Final = "hdlc:"
# How often the meter catches up with its time; a telegram comes every second.
_STEP_S: Final = 0.05
_TELEGRAM_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """Where each face is reached; None: it has none. `dlms_hdlc`: by HDLC, not by the TCP wrapper.

    `dlms_security`: of its client 1; None: it has none.
    """

    p1: FacePlace | None = None
    p1_choice: P1Choice = field(default_factory=P1Choice)
    optical: FacePlace | None = None
    optical_password: str = DEFAULT_PASSWORD
    console: FacePlace | None = None
    dlms: FacePlace | None = None
    dlms_hdlc: bool = False
    dlms_password: str = DEFAULT_DLMS_PASSWORD
    dlms_security: SecuritySettings | None = None


async def run_with_faces(
    meter: InstalledMeter,
    clock: Timekeeper,
    choice: FaceChoice,
    on_open: Callable[[Mapping[str, str]], None],
) -> Never:
    """Open the faces, say where they are, and run until cancelled. Raises InputError for a place."""
    faces = _Faces(meter, clock, choice)
    async with AsyncExitStack() as stack:
        on_open(await faces.open(stack))
        await faces.run()


class _Faces:
    """The faces of one meter, and the time of both."""

    def __init__(self, meter: InstalledMeter, clock: Timekeeper, choice: FaceChoice) -> None:
        self._meter = meter
        self._clock = clock
        self._choice = choice
        self._p1 = P1Face(choice.p1_choice)
        self._optical = OpticalFace(choice.optical_password, self._view, self._bring_date)
        self._dlms = DlmsFace(
            _guards(choice, meter.spec.id),
            self._view,
            self._bring_date,
            self._bring_request,
            self._bring_document,
            is_hdlc=choice.dlms_hdlc,
        )
        self._console = ConsoleFace(meter, self._catch_up, self._step)
        # What a console has let pass at once.
        self._stepped_ms = 0
        self._caught_up_s: float | None = None

    async def open(self, stack: AsyncExitStack) -> Mapping[str, str]:
        """Open them at their places, which are closed when the stack is. Raises InputError."""
        wanted: tuple[tuple[str, FacePlace | None, Attach], ...] = (
            ("p1", self._choice.p1, self._p1.attach),
            ("optical", self._choice.optical, self._optical.attach),
            ("dlms", self._choice.dlms, self._dlms.attach),
            ("console", self._choice.console, self._console.attach),
        )
        stack.callback(self._optical.stop)
        places: dict[str, str] = {}
        for name, place, attach in wanted:
            if place is not None:
                port = await open_port(place, f"--{name}", attach)
                stack.push_async_callback(port.close)
                is_hdlc = name == "dlms" and self._choice.dlms_hdlc
                places[name] = HDLC + port.where if is_hdlc else port.where
        return places

    async def run(self) -> Never:
        """Let the meter's time pass, and send its telegrams."""
        loop = asyncio.get_running_loop()
        telegram_at_s = loop.time()
        while True:
            self._catch_up()
            view = self._meter.view()
            self._optical.heed(view)
            self._dlms.heed(view)
            if loop.time() >= telegram_at_s:
                self._p1.send(view)
                # Seconds that a busy machine has missed are not made up for.
                telegram_at_s = max(telegram_at_s, loop.time() - _TELEGRAM_S) + _TELEGRAM_S
            await asyncio.sleep(_STEP_S)

    def _catch_up(self) -> None:
        self._caught_up_s = asyncio.get_running_loop().time()
        # Beyond the last instant that a document may name its time stands still.
        self._meter.advance(UtcMs(min(self._clock.now_ms() + self._stepped_ms, INSTANT_MS_MAX)))

    def _step(self, duration_ms: int) -> None:
        self._stepped_ms += duration_ms
        self._catch_up()

    def _view(self) -> FaceView:
        """What it showed at its last step: many requests of one readout are answered from one look."""
        if self._caught_up_s is None or asyncio.get_running_loop().time() - self._caught_up_s >= _STEP_S:
            self._catch_up()
        return self._meter.view()

    def _bring_date(self, time_ms: UtcMs) -> None:
        self._catch_up()
        self._meter.do(SetClockSpec(offset_ms=None, time_ms=time_ms))

    def _bring_request(self, data: bytes) -> None:
        self._catch_up()
        self._meter.bring_unsigned(data)

    def _bring_document(self, data: bytes) -> None:
        self._catch_up()
        self._meter.bring_document(data)


def _guards(choice: FaceChoice, meter: str) -> Guards:
    settings = choice.dlms_security
    security = None if settings is None else MeterSecurity(settings, system_title(meter))
    return Guards(PasswordLock(choice.dlms_password.encode("ascii")), security)
