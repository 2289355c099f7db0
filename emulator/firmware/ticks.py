"""Ticks: the only time that a meter has of its own.

A tick is a millisecond as the meter's crystal counts it, from the meter's first power-up on. It is no
millisecond of true time, since no crystal is exact, and it is no date. `Tick` and `UtcMs` (see
`protocols.instants`) are both integers at run time; the type checker refuses one in the place of the other.
Arithmetic on ticks gives plain integers: a difference is a number of ticks, and a sum is made a `Tick`
again where it leaves the function that reckoned it.
"""

from typing import Final, NewType

Tick = NewType("Tick", int)

# What the counter reads at the first power-up.
FIRST_TICK: Final = Tick(0)

# A meter's main loop runs once a second of its crystal; every due tick is a multiple of this.
STEP_MS: Final = 1_000
# Later than any tick a meter will see (146 million years): stands for "not as things are".
NEVER: Final = Tick(2**62)


def step_at_or_after(tick: Tick) -> Tick:
    """The first step of the main loop at or after `tick`."""
    return Tick(-(-tick // STEP_MS) * STEP_MS)
