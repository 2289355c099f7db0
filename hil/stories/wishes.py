"""What a story wants to begin with, and how it ends where the meter does not fulfil it. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from hil.bench_spec import SUMMER_MORNING
from protocols.errors import RelanceError
from protocols.reasons import Energy


class StoryFailedError(RelanceError):
    """The meter did something else than the story expects: what was expected, and what was found."""


@dataclass(frozen=True, slots=True)
class MeterWish:
    """The meter that a story wants to begin with; only a bench with a `Factory` can fulfil it.

    `start`: ISO 8601 with an offset. `load_w` None: a household's. None elsewhere: as the bench has it.
    """

    start: str = SUMMER_MORNING
    balance_eur: Decimal = Decimal(20)
    load_w: int | None = 200
    energy: Energy | None = None
    profile: str | None = None
    drift_ppm: int = 0
