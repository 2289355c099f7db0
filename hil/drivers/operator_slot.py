"""The meter's slot where a person moves the card."""

from collections.abc import Callable
from pathlib import Path

from hil.capabilities import BenchError


class OperatorSlot:
    """`MeterSlot` by a person. `ask` shows a sentence and returns once that is done, or raises BenchError."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        self._ask = ask
        self._is_in = False

    def put_in(self, card: Path | None, pull_after_ms: int | None = None) -> None:
        """As `MeterSlot`. Raises BenchError for a card of a file: a person has cards of plastic."""
        if card is not None:
            raise BenchError(f"card slot: the meter's own card expected; found: the file {card}")
        torn = "" if pull_after_ms is None else f", and pull it out after {pull_after_ms} ms"
        self._ask(f"Put the meter's card into its slot{torn}.")
        self._is_in = pull_after_ms is None

    def take_out(self) -> None:
        """As `MeterSlot`."""
        if self._is_in:
            self._ask("Take the card out of the meter.")
            self._is_in = False
