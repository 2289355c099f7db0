"""Which register of a tariff is charged now: switched at compiled UTC instants, by the best estimate (§4.3).

The gate never asks here. Whatever date the meter believes, all that it changes is the register, and so the
price, at which energy is charged; `credit` counts on each what was charged while it was in use.
"""

from bisect import bisect_right
from operator import attrgetter
from typing import Final

from emulator.firmware.credit import set_prices
from emulator.firmware.guarded.clock import estimate_ms, tick_near_estimate
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.guarded.sharing import shared
from emulator.firmware.ticks import NEVER, Tick
from protocols.documents.bodies import TariffBody
from protocols.instants import UtcMs
from protocols.limits import REGISTERS_HELD_MAX

_at_ms: Final = attrgetter("at_ms")


def has_room(memory: Memory, tariff: TariffBody) -> bool:
    """Whether the meter can count on these registers beside those on which it has counted already."""
    held = {*memory.credit.counted, memory.credit.register} - {""}
    return len(held | {each.obis for each in tariff.registers}) <= REGISTERS_HELD_MAX


def is_in_force(memory: Memory, tariff: TariffBody) -> bool:
    """Whether this is the tariff by which the meter charges."""
    if tariff.registers or memory.tariff is not None:
        return memory.tariff == tariff
    credit = memory.credit
    prices = (credit.price_ueur_per_kwh, credit.fixed_ueur_per_day)
    return prices == (tariff.price_ueur_per_kwh, tariff.fixed_ueur_per_day)


def begin(memory: Memory, tariff: TariffBody, tick: Tick) -> None:
    """Charge by this tariff from now on. Its caller has settled the credit, and asked `has_room`."""
    memory.tariff = shared(tariff) if tariff.registers else None
    _charge(memory, tariff, _place(tariff, estimate_ms(memory.clock, tick)))


def switch(memory: Memory, tick: Tick) -> None:
    """Charge on the register that is in use by the estimate, where that is another one."""
    tariff = memory.tariff
    if tariff is None:
        return
    place = _place(tariff, estimate_ms(memory.clock, tick))
    if _name(tariff, place) != memory.credit.register:
        _charge(memory, tariff, place)


def due_tick(memory: Memory, since_tick: Tick) -> Tick:
    """The next tick at which `switch` could find another register; `since_tick` is when it looked last.

    It may be a few ms early, never late.
    """
    tariff = memory.tariff
    if tariff is None:
        return NEVER
    begun = _begun(tariff, estimate_ms(memory.clock, since_tick))
    if begun == len(tariff.switches):
        return NEVER
    return tick_near_estimate(memory.clock, UtcMs(tariff.switches[begun].at_ms), since_tick)


def _begun(tariff: TariffBody, instant_ms: int) -> int:
    """How many switches are at or before an instant."""
    return bisect_right(tariff.switches, instant_ms, key=_at_ms)


def _place(tariff: TariffBody, instant_ms: int) -> int:
    """Which register is in use: counted from 1; 0 none."""
    begun = _begun(tariff, instant_ms)
    return tariff.switches[begun - 1].register if begun else 0


def _name(tariff: TariffBody, place: int) -> str:
    return tariff.registers[place - 1].obis if place else ""


def _charge(memory: Memory, tariff: TariffBody, place: int) -> None:
    prices = tariff.registers[place - 1] if place else tariff
    set_prices(
        memory.credit, prices.price_ueur_per_kwh, prices.fixed_ueur_per_day, register=_name(tariff, place)
    )
