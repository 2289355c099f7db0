"""What went over a wire, as text for a report: `> ` for what the bench sent, `< ` for what came."""

from collections import deque
from typing import Final

# A story of some minutes on a console is some hundred lines; of a meter that chatters the end is kept.
LINES_MAX: Final = 5_000
_LINE_CHARS_MAX: Final = 400


class WireLog:
    """The log of one wire. Bytes that are no printable ASCII stand as escapes: it is text in any case."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lines: deque[str] = deque(maxlen=LINES_MAX)
        self._lines_ever = 0
        self._held: dict[str, bytes] = {}

    def sent(self, data: bytes) -> None:
        """The bench sent bytes."""
        self._take("> ", data)

    def received(self, data: bytes) -> None:
        """Bytes came."""
        self._take("< ", data)

    def text(self) -> str:
        """Everything that is kept, and how many lines are not."""
        lines = [*self._lines, *(sign + _shown(held) for sign, held in self._held.items() if held)]
        lost = self._lines_ever - len(self._lines)
        return "\n".join([f"({lost} earlier lines are not kept)"] * (lost > 0) + lines)

    def take(self) -> str:
        """As `text`, and begins anew: of a wire that several stories use, each has its own part."""
        text = self.text()
        self._lines.clear()
        self._held.clear()
        self._lines_ever = 0
        return text

    def _take(self, sign: str, data: bytes) -> None:
        # What one side says ends the other side's line: the order is part of the log.
        for other in [each for each, held in self._held.items() if each != sign and held]:
            self._keep(other, self._held.pop(other))
        *ended, rest = (self._held.get(sign, b"") + data).split(b"\n")
        for line in ended:
            self._keep(sign, line + b"\n")
        if len(rest) > _LINE_CHARS_MAX:
            self._keep(sign, rest)
            rest = b""
        self._held[sign] = rest

    def _keep(self, sign: str, line: bytes) -> None:
        self._lines_ever += 1
        self._lines.append(sign + _shown(line)[:_LINE_CHARS_MAX])


def _shown(data: bytes) -> str:
    text = data.removesuffix(b"\n").removesuffix(b"\r").decode("latin-1")
    return "".join(each if " " <= each <= "~" else f"\\x{ord(each):02x}" for each in text)
