"""The options of `relance demo`, checked."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """The options of `relance demo`. `broker` is the text for the report; `own_broker`: it is embedded."""

    meters: int
    seed: int
    out: Path
    fast: bool
    broker: str
    own_broker: bool
