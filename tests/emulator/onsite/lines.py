"""A line in memory, for tests of what stands at its end."""

from emulator.faces.line_format import LineFormat


class MemoryLine:
    """What was sent, and whether the reader was sent away."""

    def __init__(self) -> None:
        self.sent = b""
        self.is_open = True
        self.format: LineFormat | None = None

    def send(self, data: bytes, *, latest: bool = False) -> None:
        assert not latest
        self.sent += data

    def rest(self) -> None: ...

    def hang_up(self) -> None:
        self.is_open = False
