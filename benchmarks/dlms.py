"""DLMS of a running meter: round trips and a whole readout over TCP, and what of it is the meter's.

The meter runs in a process of its own. A bare client sends the same GET and reads the answer; dlms-cosem,
where it is installed, reads every attribute as a program would. What of the wall time is the meter's is its
processor time, as Linux counts it: a busy machine makes that share smaller. Beside it stands its share of the
processor time of both, which the machine does not change.
"""

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.faces import lone_meter
from benchmarks.figures import Figure, Goal, Progress, figure_of
from benchmarks.processes import Pipe, beside
from emulator.faces.places import FacePlace, PlaceKind
from emulator.fleet.pacing import PacedTime
from emulator.onsite.running import FaceChoice, run_with_faces

_CLIENT, _DEVICE = 2, 1
_PASSWORD: Final = b"00000000"
# By the wrapper: an AARQ with the password, and a GET of what can be spent.
_OPEN: Final = bytes.fromhex(
    "00010002000100386036a1090607608574050801018a0207808b0760857405080201ac0a8008"
    + _PASSWORD.hex()
    + "be10040e01000000065f1f0400001e1d0400"
)
_GET: Final = bytes.fromhex("000100020001000dc001c1006f0000130000ff0500")
_HEAD_BYTES: Final = 8
_SHARE: Final = Goal("at most", 0.25)
_NS: Final = 1e9


class _Readout(NamedTuple):
    """Seconds of the wall clock, and of the processor at each end."""

    taken_s: float
    meter_s: float
    client_s: float


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    round_trips: int = 1_000
    repetitions: int = 7


def measure_dlms(size: Size, progress: Progress) -> list[Figure]:
    """GETs of a bare client, and readouts of dlms-cosem."""
    with beside(_serve) as pipe:
        port, pid = pipe.recv()
        rates: list[float] = []
        readouts: list[float] = []
        shares: list[float] = []
        of_both: list[float] = []
        for number in range(size.repetitions):
            rates.append(size.round_trips / _bare(port, size.round_trips))
            found = _readout(port, pid)
            if found is not None:
                readouts.append(found.taken_s)
                shares.append(found.meter_s / found.taken_s)
                of_both.append(found.meter_s / (found.meter_s + found.client_s))
            progress(f"dlms {number + 1}/{size.repetitions}")
    figures = [figure_of("DLMS GET round trips", rates, "1/s", note="a bare client, one at a time, over TCP")]
    if readouts:
        figures += [
            figure_of("DLMS readout", readouts, "s", note="every attribute there is, by dlms-cosem"),
            figure_of(
                "the meter's share of it", shares, "×", goal=_SHARE, note="its processor time / wall time"
            ),
            figure_of("its share of the processor time of both", of_both, "×", note="meter and dlms-cosem"),
        ]
    return figures


def _serve(pipe: Pipe) -> None:
    """A meter with its face, until this process ends."""
    meter = lone_meter()
    choice = FaceChoice(dlms=FacePlace(PlaceKind.TCP, host="127.0.0.1"))

    def tell(places: Mapping[str, str]) -> None:
        pipe.send((int(places["dlms"].rpartition(":")[2]), os.getpid()))

    asyncio.run(run_with_faces(meter, PacedTime(meter.now_ms), choice, tell))


def _bare(port: int, round_trips: int) -> float:
    """Seconds that so many GETs take."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _ask(line, _OPEN)
        begun_s = time.perf_counter()
        for _ in range(round_trips):
            _ask(line, _GET)
        return time.perf_counter() - begun_s


def _ask(line: socket.socket, frame: bytes) -> None:
    line.sendall(frame)
    heard = line.recv(4_096)
    while len(heard) < _HEAD_BYTES + int.from_bytes(heard[6:_HEAD_BYTES], "big"):
        heard += line.recv(4_096)


def _readout(port: int, pid: int) -> _Readout | None:
    """A readout by dlms-cosem; None: it is not here."""
    try:
        from dlms_cosem import cosem, enumerations  # noqa: PLC0415 # a tool of the tests
        from dlms_cosem.clients.dlms_client import DlmsClient  # noqa: PLC0415 # as above
        from dlms_cosem.parsers import AssociationObjectListParser  # noqa: PLC0415 # as above
    except ImportError:
        return None
    client = DlmsClient.with_tcp_transport(
        "127.0.0.1", port, _CLIENT, _DEVICE,
        authentication_method=enumerations.AuthenticationMechanism.LLS, password=_PASSWORD,
    )  # fmt: skip
    own = cosem.CosemAttribute(enumerations.CosemInterface.ASSOCIATION_LN, cosem.Obis(0, 0, 40, 0, 0), 2)
    with client.session() as opened:
        meter_s, client_s, begun_s = _worked_s(pid), time.process_time(), time.perf_counter()
        for each in AssociationObjectListParser.parse_bytes(opened.get(own)):
            for attribute in each.attribute_access_rights:
                opened.get(cosem.CosemAttribute(each.interface, each.logical_name, attribute))
        taken_s = time.perf_counter() - begun_s
        return _Readout(taken_s, _worked_s(pid) - meter_s, time.process_time() - client_s)


def _worked_s(pid: int) -> float:
    """Processor time of a process so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / _NS
