"""A meter's console, and what a bench does by typing at it (docs/console.md).

Its port is any object that sends and receives bytes. How long is waited, this machine's clock says.
"""

import time
from collections.abc import Mapping
from typing import Final, Protocol

from emulator.faces.console.answers import OK
from emulator.faces.console.grammar import RECORDS_MAX, STEP_MS_MAX
from emulator.firmware.events import ButtonName
from emulator.firmware.journal import read_body
from hil.booting import wait_for_console
from hil.byte_port import BytePort
from hil.capabilities import BenchError, Console
from hil.drivers.console_answers import one, values_by_key
from hil.drivers.wall_time import SteadyClock, WallTime
from protocols.errors import DocumentError, quoted
from protocols.instants import SECOND_MS, UtcMs, iso_from_ms
from protocols.link.records import Record

# A meter that steps through sixty days works for a while.
ANSWER_MS_MAX: Final = 5_000
STEP_ANSWER_MS_MAX: Final = 60_000
# A console that has said nothing for so long has nothing more to say.
QUIET_MS: Final = 300
ANSWER_BYTES_MAX: Final = 256 * 1024
_ERROR: Final = "error: "
_SHOWN_BYTES: Final = 80


class TypedConsole:
    """The console behind a port. Every question waits for its answer, so that an answer is its question's."""

    def __init__(self, port: BytePort, where: str) -> None:
        self._port = port
        self._where = where
        # After an answer that did not come in time: it may still come, and is not the next question's.
        self._is_one_late = False

    def ask(self, line: str, timeout_ms: int | None = None) -> Mapping[str, tuple[str, ...]]:
        """As `Console`. Raises BenchError."""
        self._settle()
        self._port.send(line.encode("ascii") + b"\r\n")
        return values_by_key(self._lines_until_the_end(line, timeout_ms or ANSWER_MS_MAX))

    def _settle(self) -> None:
        """Let a late answer go by, for some seconds at most."""
        until_s = time.monotonic() + ANSWER_MS_MAX / SECOND_MS
        while self._is_one_late and time.monotonic() < until_s:
            self._is_one_late = bool(self._port.receive(QUIET_MS))
        self._is_one_late = False
        self._port.forget()

    def _lines_until_the_end(self, line: str, timeout_ms: int) -> list[str]:
        held = b""
        until_s = time.monotonic() + timeout_ms / SECOND_MS
        while len(held) <= ANSWER_BYTES_MAX:
            lines = held.replace(b"\r", b"\n").split(b"\n")[:-1]
            texts = [
                each.decode("ascii", errors="backslashreplace").strip() for each in lines if each.strip()
            ]
            if texts and texts[-1] == OK:
                return texts[:-1]
            if texts and texts[-1].startswith(_ERROR):
                raise self._error(line, "ok", texts[-1])
            left_ms = int((until_s - time.monotonic()) * SECOND_MS)
            more = self._port.receive(left_ms) if left_ms > 0 else b""
            if not more:
                self._is_one_late = True
                found = f"{held[-_SHOWN_BYTES:]!r}" if held else "nothing"
                raise self._error(line, f"an answer that ends with ok within {timeout_ms} ms", found)
            held += more
        raise self._error(line, f"an answer of at most {ANSWER_BYTES_MAX} bytes", "more")

    def _error(self, line: str, expected: str, found: str) -> BenchError:
        return BenchError(f"console {self._where}, {quoted(line)}: {expected} expected; found: {found}")


class TypedPower:
    """`Power` by `mains on` and `mains off`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def switch(self, *, on: bool) -> None:
        """As `Power`."""
        self._console.ask(f"mains {'on' if on else 'off'}")


class SwitchedPower(Protocol):
    """A `Power` that knows how it was switched last."""

    is_on: bool | None


class TypedSupply:
    """`SupplySensor` by the meter's own word. A report says so: a contactor that sticks is not seen.

    `relay`: what switches the meter's mains, where the meter does not; while it is off the meter is not
    asked, since many are dead then. `boot_ms`: how long it may take to answer once they are back.
    """

    def __init__(self, console: Console, relay: SwitchedPower | None = None, boot_ms: int = 0) -> None:
        self._console = console
        self._relay = relay
        self._boot_ms = boot_ms
        self._may_boot = relay is not None

    def is_supplied(self) -> bool:
        """As `SupplySensor`. Raises BenchError where the meter does not say it."""
        if self._relay is not None and self._relay.is_on is False:
            self._may_boot = True
            return False
        if self._may_boot:
            clock = WallTime()
            wait_for_console(self._console, clock, clock.now_ms() + self._boot_ms)
            self._may_boot = False
        found = one(self._console.ask("supply"), "supply")
        mains = one(self._console.ask("mains"), "mains")
        return mains == "on" and found in ("on", "limited")


class TypedClockFault:
    """`ClockFault` by `clock set` and `clock lose`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def set_date(self, time_ms: UtcMs) -> None:
        """As `ClockFault`."""
        self._console.ask(f"clock set {iso_from_ms(time_ms)}")

    def lose_ticks(self) -> None:
        """As `ClockFault`."""
        self._console.ask("clock lose")


class TypedPerson:
    """`Person` by `press`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def press(self, button: ButtonName) -> None:
        """As `Person`."""
        self._console.ask(f"press {button}")


class TypedLoad:
    """`Load` by `load`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def draw(self, load_w: int) -> None:
        """As `Load`."""
        self._console.ask(f"load {load_w}")


class TypedJournal:
    """`JournalReader` by `journal`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def records(self) -> tuple[tuple[int, Record], ...]:
        """As `JournalReader`. Raises BenchError where a record is not one of ours."""
        answer = self._console.ask(f"journal {RECORDS_MAX}")
        bodies = [(number, text) for number, texts in answer.items() for text in texts]
        found = []
        for number, text in bodies:
            try:
                logged = read_body(text.encode("ascii"))
            except DocumentError as error:
                raise BenchError(
                    f"console, record {number}: one of the black box expected; {error}"
                ) from None
            found.append((int(logged.tick), logged.record))
        return tuple(found)


class TypedTime:
    """`Timebase` of a meter whose time can be stepped: `SteadyClock`, and what was stepped."""

    def __init__(self, console: TypedConsole) -> None:
        self._console = console
        self._clock = SteadyClock()
        self._stepped_ms = 0

    def now_ms(self) -> UtcMs:
        """As `Timebase`."""
        return UtcMs(self._clock.now_ms() + self._stepped_ms)

    def let_pass(self, duration_ms: int) -> None:
        """As `Timebase`, in whole seconds of the console; what is left of one is waited for."""
        left_s, rest_ms = divmod(duration_ms, SECOND_MS)
        while left_s:
            step_s = min(left_s, STEP_MS_MAX // SECOND_MS)
            self._console.ask(f"step {step_s}s", STEP_ANSWER_MS_MAX)
            self._stepped_ms += step_s * SECOND_MS
            left_s -= step_s
        time.sleep(rest_ms / SECOND_MS)
