"""A meter's end of the optical port: IEC 62056-21, mode C, as a state that hears, says and waits. Pure.

    idle ──sign-on──▶ selecting ──mode 0, or nothing in time──▶ reading out ──in time, or ACK──▶ idle
                          └──mode 1──▶ programming ──B0, a wrong password, silence──▶ idle

Who calls brings bytes as the meter hears them (`characters.heard`), says what is to be said after its pause,
and tells when that is done. Instants (`at_ms`) are of a counter of the caller, and no dates.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from emulator.faces.locking import PasswordLock
from emulator.faces.optical.messages import (
    ACK,
    BAUDS,
    END,
    FIRST_BAUD,
    NAK,
    Command,
    DataSet,
    Message,
    OptionSelect,
    Sign,
    SignOn,
    answer_block,
    command_block,
    data_sets_in,
    readout_block,
    take,
)
from emulator.faces.optical.objects import date_of, readings, value_of
from emulator.faces.view import FaceView
from protocols.instants import UtcMs

# The reaction time must be from 200 to 1500 ms. While options are chosen readers switch their speed in it.
REACTION_MS: Final = 250
SWITCH_REACTION_MS: Final = 1_200
# How long between two characters of one message, and for the choice of options or a NAK after the last one.
CHARACTER_MS_MAX: Final = 1_500
ANSWER_MS_MAX: Final = 2_200
# The programming mode ends after a silence of 60 to 120 s.
SILENCE_MS_MAX: Final = 60_000
REPEATS_MAX: Final = 3
PASSWORD_CHARS_MAX: Final = 32
DEFAULT_PASSWORD: Final = "00000000"  # noqa: S105 # what readers try first; the port is behind a seal

_SPEED: Final = "5"
_ERROR: Final = DataSet("", "ERROR")
_BREAK: Final = "B0"


def is_password(text: str) -> bool:
    """Whether a text can be a password of the port: a reader must be able to send it."""
    return (
        0 < len(text) <= PASSWORD_CHARS_MAX
        and data_sets_in(f"({text})") == (DataSet("", text),)
        and text.isascii()
        and text.isprintable()
    )


class Phase(Enum):
    IDLE = auto()
    SELECTING = auto()
    READING_OUT = auto()
    PROGRAMMING = auto()


@dataclass(frozen=True, slots=True)
class Say:
    """Say these characters after a pause, at this speed."""

    data: bytes
    baud: int
    reaction_ms: int = REACTION_MS


@dataclass(frozen=True, slots=True)
class BringDate:
    """Bring the meter this date, which nobody has signed."""

    time_ms: UtcMs


Deed = Say | BringDate


class OpticalSession:
    """One port. `baud`: at which speed it listens. `due_ms`: when `wait` has something to do; None: never."""

    def __init__(self, password: str = DEFAULT_PASSWORD) -> None:
        self.phase = Phase.IDLE
        self.baud = FIRST_BAUD
        self.due_ms: int | None = None
        self._lock = PasswordLock(password.encode("ascii"))
        self._is_open = False
        self._buffer = b""
        self._heard_at_ms = 0
        self._last: Say | None = None
        self._repeats = 0

    def hear(self, data: bytes, at_ms: int, view: FaceView) -> tuple[Deed, ...]:
        """Bytes have come, as this meter hears them. At most one answer is in what is to be done."""
        if at_ms - self._heard_at_ms > CHARACTER_MS_MAX:
            self._buffer = b""
        if data:
            self._heard_at_ms = at_ms
        self._buffer += data
        while True:
            selecting = self.phase is Phase.SELECTING
            message, self._buffer = take(self._buffer, selecting=selecting)
            if message is None:
                return ()
            deeds = self._answer(message, at_ms, view)
            if deeds:
                # A reader waits for the answer before it says more: what came with it is noise.
                self._buffer = b""
                return deeds

    def said(self, at_ms: int) -> None:
        """The last answer is on its way whole: from now on its reader may answer."""
        if self.phase in (Phase.SELECTING, Phase.READING_OUT):
            self.due_ms = at_ms + ANSWER_MS_MAX
        elif self.phase is Phase.PROGRAMMING:
            self.due_ms = at_ms + SILENCE_MS_MAX
        else:
            self.end()

    def wait(self, at_ms: int, view: FaceView) -> tuple[Deed, ...]:
        """Time has passed. A reader that chooses nothing gets everything at the first speed."""
        if self.due_ms is None or at_ms < self.due_ms:
            return ()
        if self.phase is Phase.SELECTING:
            return self._read_out(FIRST_BAUD, view)
        self.end()
        return ()

    def end(self) -> None:
        """The session is over, however it came to that."""
        self.phase, self.baud, self.due_ms = Phase.IDLE, FIRST_BAUD, None
        self._buffer, self._last, self._is_open = b"", None, False

    def _answer(self, message: Message, at_ms: int, view: FaceView) -> tuple[Deed, ...]:
        match message:
            case SignOn():
                return self._identify(message, view)
            case OptionSelect():
                return self._select(message, at_ms, view)
            case Sign(is_good=False) if self.phase in (Phase.READING_OUT, Phase.PROGRAMMING):
                return self._repeat()
            case Sign(is_good=True) if self.phase is Phase.READING_OUT:
                self.end()
            case Command() if self.phase is Phase.PROGRAMMING:
                return self._command(message, at_ms, view)
        return ()

    def _identify(self, message: SignOn, view: FaceView) -> tuple[Deed, ...]:
        """Also in the midst of a session: the reader has begun anew."""
        if message.address and message.address.lstrip("0") != view.name.lstrip("0"):
            return ()
        self.end()
        self.phase = Phase.SELECTING
        # A capital third letter: this meter takes at least 200 ms to answer. The first character of the name
        # is a space, since one reader takes it away.
        return self._say(f"/RLC{_SPEED}\\2 {view.name[:13]}".encode("ascii") + END)

    def _select(self, message: OptionSelect, at_ms: int, view: FaceView) -> tuple[Deed, ...]:
        baud = BAUDS.get(message.speed, 0) if message.speed <= _SPEED else 0
        if message.protocol != "0" or not baud or message.mode not in ("0", "1"):
            return self._read_out(FIRST_BAUD, view)
        if message.mode == "0":
            return self._read_out(baud, view)
        self.baud = baud
        if self._lock.is_shut(at_ms):
            return self._break_off()
        self.phase = Phase.PROGRAMMING
        return self._say(command_block("P0", "()"), SWITCH_REACTION_MS)

    def _read_out(self, baud: int, view: FaceView) -> tuple[Deed, ...]:
        self.phase, self.baud, self.due_ms = Phase.READING_OUT, baud, None
        return self._say(readout_block(readings(view)), SWITCH_REACTION_MS)

    def _command(self, command: Command, at_ms: int, view: FaceView) -> tuple[Deed, ...]:
        if not command.is_sound:
            # The answer before is still the one that a NAK asks for.
            return (Say(NAK, self.baud),)
        if command.name == _BREAK:
            self.end()
            return ()
        data_sets = data_sets_in(command.text or "")
        if command.name == "P1":
            return self._open(data_sets, at_ms)
        if not self._is_open or data_sets is None or len(data_sets) != 1:
            return self._say(answer_block(_ERROR))
        if command.name in ("R1", "R5"):
            return self._say(answer_block(value_of(data_sets[0].address, view) or _ERROR))
        time_ms = date_of(data_sets[0], view) if command.name in ("W1", "W5") else None
        if time_ms is None:
            return self._say(answer_block(_ERROR))
        return (BringDate(time_ms), *self._say(ACK))

    def _open(self, data_sets: tuple[DataSet, ...] | None, at_ms: int) -> tuple[Deed, ...]:
        """The password. The last wrong try locks the port."""
        given = data_sets[0].value if data_sets and not data_sets[0].address else ""
        self._is_open = self._lock.opens(given.encode("ascii"), at_ms)
        return self._say(ACK) if self._is_open else self._break_off()

    def _break_off(self) -> tuple[Deed, ...]:
        """Say that the session is over; it ends when that is said."""
        self.phase = Phase.IDLE
        return self._say(command_block(_BREAK))

    def _repeat(self) -> tuple[Deed, ...]:
        if self._last is None or self._repeats >= REPEATS_MAX:
            self.end()
            return ()
        self._repeats += 1
        return (self._last,)

    def _say(self, data: bytes, reaction_ms: int = REACTION_MS) -> tuple[Deed, ...]:
        self._last, self._repeats, self.due_ms = Say(data, self.baud, reaction_ms), 0, None
        return (self._last,)
