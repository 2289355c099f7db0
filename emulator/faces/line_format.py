"""How the other end of a serial line has set its port. Pure."""

from typing import NamedTuple


class LineFormat(NamedTuple):
    """How the other end has set its port. `data_bits` and `parity` (N, E, O) None: it cannot be seen."""

    baud: int
    data_bits: int | None = None
    parity: str | None = None
