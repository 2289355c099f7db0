"""What the console answers: lines `KEY VALUE`, then `ok`; or one line `error: …` (docs/console.md). Pure."""

from typing import Final, assert_never

from emulator.faces.console.grammar import LINE_BYTES_MAX, USAGE, ConsoleQuestion
from emulator.faces.view import FaceView
from emulator.firmware.credit import Emergency
from protocols.instants import iso_or_none
from protocols.units import eur_from_quanta

OK: Final = "ok"
NONE: Final = "none"


def answer(question: ConsoleQuestion, view: FaceView, firmware: str) -> tuple[str, ...]:
    """The lines that answer a question."""
    readout = view.readout
    match question:
        case ConsoleQuestion.HELP:
            return tuple(f"{usage}: {does}" for usage, does in USAGE.items())
        case ConsoleQuestion.IDENTITY:
            profile = view.profile
            return (
                f"meter {view.name}",
                f"firmware {firmware}",
                f"profile {profile.name}",
                f"energy {profile.energy}",
            )
        case ConsoleQuestion.BALANCE:
            purse = readout.purse
            return (
                f"balance_eur {eur_from_quanta(purse.balance_q)}",
                f"emergency_eur {eur_from_quanta(purse.emergency_left_q)}",
                f"emergency {Emergency(purse.emergency).name.lower()}",
            )
        case ConsoleQuestion.CLOCK:
            return (
                f"status {readout.glance.clock}",
                f"estimate {iso_or_none(readout.estimate_ms) or NONE}",
                f"earliest {iso_or_none(readout.earliest_ms) or NONE}",
                f"latest {iso_or_none(readout.latest_ms) or NONE}",
            )
        case ConsoleQuestion.MAINS:
            return (f"mains {'on' if readout.mains_on else 'off'}",)
        case ConsoleQuestion.SUPPLY:
            return _supply(view)
        case ConsoleQuestion.LOAD:
            return (f"drawn_w {readout.purse.drawn_w}", f"energy_wh {readout.purse.energy_wh}")
        case _:
            assert_never(question)


def error(text: str) -> str:
    """The line that refuses, on one line whatever the text is."""
    return f"error: {' '.join(text.split())}"


class LineBuffer:
    """Lines out of bytes. A line that is too long is left out whole, and given as None."""

    def __init__(self) -> None:
        self._held = b""
        self._is_too_long = False

    def take(self, data: bytes) -> list[str | None]:
        """The lines that are whole now. A return, a line feed, or both end one; empty ones are none."""
        found: list[str | None] = []
        *ended, rest = (self._held + data).replace(b"\r", b"\n").split(b"\n")
        for line in ended:
            if self._is_too_long or len(line) > LINE_BYTES_MAX:
                found.append(None)
                self._is_too_long = False
            elif line.strip():
                found.append(line.decode("ascii", errors="replace"))
        self._is_too_long = self._is_too_long or len(rest) > LINE_BYTES_MAX
        self._held = b"" if self._is_too_long else rest
        return found


def _supply(view: FaceView) -> tuple[str, ...]:
    glance = view.readout.glance
    return (
        f"supply {glance.supply}",
        f"reason {glance.reason}",
        f"warned {'yes' if view.readout.is_warned else 'no'}",
        f"code {glance.code or NONE}",
        f"screen {view.readout.text or NONE}",
    )
