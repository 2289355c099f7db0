"""A reader's end of IEC 62056-21, mode C, as dialogues: what to send goes out, what came goes in. Pure.

A dialogue is a generator. It yields `Send`, `Speed`, or `Receive`; to `Receive` the caller sends in the bytes
that have come, `b""` once nothing came in time. It ends with its result, or raises `OpticalError`.
"""

from collections.abc import Callable, Generator
from typing import Final, NamedTuple

from emulator.faces.optical.messages import (
    ACK,
    BAUDS,
    END,
    ETX,
    FIRST_BAUD,
    NAK,
    SOH,
    STX,
    DataSet,
    block_check,
    command_block,
    data_sets_in,
)
from protocols.errors import RelanceError

# A meter takes 1500 ms at most to answer, and as long between two characters. For the answer we wait longer;
# in the midst of a block no longer, since the meter waits 2200 ms for what asks for it again.
ANSWER_MS_MAX: Final = 2_200
CHARACTER_MS_MAX: Final = 1_500
# Neither end answers sooner.
REACTION_MS: Final = 200
# How long a reader waits before it switches its speed.
PAUSE_MS: Final = 250
TRIES_MAX: Final = 3
# A readout of some thousand values.
RECEIVED_BYTES_MAX: Final = 64 * 1024

_IDENTIFICATION_BYTES_MIN: Final = 7


class OpticalError(RelanceError):
    """The meter did not answer, or not as the standard says: what was expected, and what came."""


class Send(NamedTuple):
    """Send these bytes, after a pause."""

    data: bytes
    pause_ms: int = REACTION_MS


class Speed(NamedTuple):
    """Set the port to this speed, after a pause."""

    baud: int
    pause_ms: int = PAUSE_MS


class Receive(NamedTuple):
    """Wait for more bytes, so long at most."""

    timeout_ms: int = ANSWER_MS_MAX


class Identification(NamedTuple):
    """Who is there. `speed`: the digit of the speed that is proposed."""

    maker: str
    speed: str
    name: str


Step = Send | Speed | Receive


def read_out(address: str = "") -> Generator[Step, bytes, tuple[DataSet, ...]]:
    """Everything that a meter reads out. What comes damaged is asked for again."""
    found = yield from _sign_on(address)
    yield Send(_select(found.speed, "0"))
    yield Speed(BAUDS[found.speed])
    text = yield from _block(STX, None)
    data_sets = data_sets_in(text)
    if data_sets is None:
        raise OpticalError(f"readout: values expected; found {text[:80]!r}")
    yield Send(ACK)
    return data_sets


class Programming:
    """The programming mode. `open` first, `close` last."""

    def open(self, password: str, address: str = "") -> Generator[Step, bytes, Identification]:
        """Sign on and give the password. Raises OpticalError where it is refused."""
        found = yield from _sign_on(address)
        yield Send(_select(found.speed, "1"))
        yield Speed(BAUDS[found.speed])
        asked = yield from _block(SOH, None)
        if not asked.startswith("P0"):
            raise OpticalError(f"programming mode: P0 expected; found {asked[:80]!r}")
        yield from self._acknowledged(command_block("P1", f"({password})"), "password")
        return found

    def read(self, address: str) -> Generator[Step, bytes, DataSet]:
        """One value. Raises OpticalError where the meter has none of this address."""
        text = yield from _block(STX, command_block("R1", f"{address}()"))
        data_sets = data_sets_in(text)
        if not data_sets or len(data_sets) != 1 or not data_sets[0].address:
            raise OpticalError(f"{address}: a value expected; found {text[:80]!r}")
        return data_sets[0]

    def write(self, data_set: DataSet) -> Generator[Step, bytes, None]:
        """Write one value. Raises OpticalError where the meter does not take it."""
        yield from self._acknowledged(command_block("W1", str(data_set)), data_set.address)

    def close(self) -> Generator[Step, bytes, None]:
        """End the session."""
        yield Send(command_block("B0"))
        yield Speed(FIRST_BAUD)

    def _acknowledged(self, block: bytes, what: str) -> Generator[Step, bytes, None]:
        """Send a block until it is acknowledged. A NAK, or nothing, asks for it again."""
        for _ in range(TRIES_MAX):
            yield Send(block)
            answer = yield from _until(
                lambda data: bool(data) and (data[:1] not in (SOH, STX) or _is_whole(data))
            )
            if answer[:1] == ACK:
                return
            if answer and answer[:1] != NAK:
                raise OpticalError(f"{what}: refused: {answer[:80]!r}")
        raise OpticalError(f"{what}: not acknowledged after {TRIES_MAX} tries")


def _sign_on(address: str) -> Generator[Step, bytes, Identification]:
    yield Speed(FIRST_BAUD, 0)
    for _ in range(TRIES_MAX):
        yield Send(b"/?" + address.encode("ascii") + b"!" + END)
        line = yield from _until(lambda data: data.endswith(END))
        line = line[max(line.rfind(b"/"), 0) :]
        if line.endswith(END) and line.startswith(b"/") and len(line) >= _IDENTIFICATION_BYTES_MIN:
            text = line.decode("latin-1").removesuffix("\r\n")
            if text[4] not in BAUDS:
                raise OpticalError(f"sign-on: a speed of mode C expected; found {text[:80]!r}")
            return Identification(text[1:4], text[4], text[5:])
    raise OpticalError(f"sign-on: no identification at {FIRST_BAUD} baud after {TRIES_MAX} tries")


def _select(speed: str, mode: str) -> bytes:
    return ACK + f"0{speed}{mode}".encode("ascii") + END


def _block(first: bytes, command: bytes | None) -> Generator[Step, bytes, str]:
    """The text of the block that comes, once its check holds. `command`: what asks for it."""
    if command is not None:
        yield Send(command)
    for _ in range(TRIES_MAX):
        data = yield from _until(lambda data: data[:1] == NAK or _is_whole(data))
        data = data[max(data.find(first), 0) :]
        if _is_whole(data) and block_check(data[1:-1]) == data[-1:]:
            return data[1:-2].replace(STX, b"").decode("latin-1")
        yield Send(command if command is not None and data[:1] == NAK else NAK)
    raise OpticalError(f"no whole block after {TRIES_MAX} tries")


def _is_whole(data: bytes) -> bool:
    """Whether a block's end and its check character are there."""
    return ETX in data[:-1]


def _until(is_enough: Callable[[bytes], bool]) -> Generator[Step, bytes, bytes]:
    """What comes until it is enough, or until nothing comes."""
    data = b""
    while not is_enough(data) and len(data) < RECEIVED_BYTES_MAX:
        more = yield Receive(CHARACTER_MS_MAX if data else ANSWER_MS_MAX)
        if not more:
            break
        data += more
    return data
