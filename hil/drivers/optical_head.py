"""The optical head of a bench: `Optical` over `hil.optical`, each act a session of its own."""

from collections.abc import Generator
from typing import Final, TypeVar

from emulator.faces.optical.messages import DataSet
from hil.bench_spec import OpticalSpec
from hil.capabilities import BenchError
from hil.optical.dialogue import OpticalError, Programming, Step, read_out
from hil.optical.port import OpticalPort
from hil.wire_log import WireLog
from protocols.errors import UnreachableError

R = TypeVar("R")
_WHERE: Final = "optical port"


class OpticalHead:
    """Every act is a session of its own: a story that fails leaves no meter in programming mode."""

    def __init__(self, spec: OpticalSpec) -> None:
        self.log = WireLog("optical")
        self._password = spec.password
        try:
            self._port = OpticalPort(spec.port, self.log)
        except UnreachableError as error:
            raise BenchError(f"{_WHERE} {error}") from None
        self._name = spec.port

    def read_out(self) -> tuple[DataSet, ...]:
        """As `Optical`. Raises BenchError."""
        return self._run(read_out())

    def read(self, address: str) -> DataSet:
        """As `Optical`. Raises BenchError."""
        programming = Programming()
        return self._in_session(programming, programming.read(address))

    def write(self, data_set: DataSet) -> None:
        """As `Optical`. Raises BenchError."""
        programming = Programming()
        self._in_session(programming, programming.write(data_set))

    def close(self) -> None:
        """Close the port."""
        self._port.__exit__(None, None, None)

    def _in_session(self, programming: Programming, act: Generator[Step, bytes, R]) -> R:
        self._run(programming.open(self._password))
        try:
            return self._run(act)
        finally:
            self._run(programming.close())

    def _run(self, dialogue: Generator[Step, bytes, R]) -> R:
        try:
            return self._port.run(dialogue)
        except (OpticalError, UnreachableError) as error:
            raise BenchError(f"{_WHERE} {self._name}: {error}") from None
