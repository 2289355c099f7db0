"""Which register of a tariff is charged now: switched at compiled UTC instants, by the best estimate (§4.3).

The gate never asks here. Whatever date the meter believes, all that it changes is the register, and so the
price, at which energy is charged; `credit` counts on each what was charged while it was in use. While a
deferral is in force nothing is charged: energy is counted on a name of its own, and people settle it later.
"""

from bisect import bisect_right
from operator import attrgetter
from typing import Final, NamedTuple

from emulator.firmware.credit import set_prices
from emulator.firmware.guarded.clock import earliest_ms, estimate_ms, tick_near_estimate
from emulator.firmware.guarded.memory import Deferral, Memory
from emulator.firmware.guarded.sharing import shared, shared_table
from emulator.firmware.ticks import NEVER, Tick
from protocols.documents.bodies import DeferralBody, TariffBody
from protocols.instants import UtcMs
from protocols.limits import DEFERRALS_MAX, REGISTERS_HELD_MAX

_at_ms: Final = attrgetter("at_ms")
# Stands before the name of a register while nothing is charged; alone where none is in use.
DEFERRED: Final = "deferred"


def has_room(memory: Memory, tariff: TariffBody) -> bool:
    """Whether the meter can count on these registers beside those on which it has counted already."""
    held = {name.removeprefix(DEFERRED).strip() for name in (*memory.credit.counted, memory.credit.register)}
    return len((held - {""}) | {each.obis for each in tariff.registers}) <= REGISTERS_HELD_MAX


def is_in_force(memory: Memory, tariff: TariffBody) -> bool:
    """Whether this is the tariff by which the meter charges."""
    return _tariff(memory) == tariff


def begin(memory: Memory, tariff: TariffBody, tick: Tick) -> None:
    """Charge by this tariff from now on. Its caller has settled the credit, and asked `has_room`."""
    memory.tariff = shared(tariff) if tariff.registers or memory.deferrals else None
    _charge(memory, tariff, _in_use(memory, tariff, estimate_ms(memory.clock, tick)))


def defer(memory: Memory, name: str, body: DeferralBody, tick: Tick) -> bool:
    """Charge nothing by estimates inside these bounds; they replace those of an earlier order of the name.

    False where the meter has no room for another name. Those that are surely over make room first.
    """
    held = {**memory.deferrals, name: Deferral(body.from_ms, body.until_ms)}
    if len(held) > DEFERRALS_MAX:
        low_ms = earliest_ms(memory.clock, tick)
        held = {other: each for other, each in held.items() if other == name or each.until_ms > low_ms}
    if len(held) > DEFERRALS_MAX:
        return False
    memory.tariff, memory.deferrals = _tariff(memory), shared_table(held)
    return True


def switch(memory: Memory, tick: Tick) -> None:
    """Charge on the register that is in use by the estimate, where that is another one."""
    tariff = memory.tariff
    if tariff is None:
        return
    used = _in_use(memory, tariff, estimate_ms(memory.clock, tick))
    if used.name != memory.credit.register:
        _charge(memory, tariff, used)


def due_tick(memory: Memory, since_tick: Tick) -> Tick:
    """The next tick at which `switch` could find another register; `since_tick` is when it looked last.

    It may be a few ms early, never late.
    """
    tariff = memory.tariff
    if tariff is None:
        return NEVER
    now_ms = estimate_ms(memory.clock, since_tick)
    begun = _begun(tariff, now_ms)
    edges_ms = [each.at_ms for each in tariff.switches[begun : begun + 1]]
    for deferral in memory.deferrals.values():
        edges_ms += [edge_ms for edge_ms in (deferral.from_ms, deferral.until_ms) if edge_ms > now_ms]
    if not edges_ms:
        return NEVER
    return tick_near_estimate(memory.clock, UtcMs(min(edges_ms)), since_tick)


class _InUse(NamedTuple):
    """A place among a tariff's registers, counted from 1, 0 for none; and the name that is counted on."""

    place: int
    name: str
    deferred: bool


def _tariff(memory: Memory) -> TariffBody:
    """The tariff in force. While none is stored its prices are those that are charged."""
    if memory.tariff is not None:
        return memory.tariff
    return TariffBody(memory.credit.price_ueur_per_kwh, memory.credit.fixed_ueur_per_day)


def _begun(tariff: TariffBody, instant_ms: int) -> int:
    """How many switches are at or before an instant."""
    return bisect_right(tariff.switches, instant_ms, key=_at_ms)


def _in_use(memory: Memory, tariff: TariffBody, instant_ms: int) -> _InUse:
    begun = _begun(tariff, instant_ms)
    place = tariff.switches[begun - 1].register if begun else 0
    name = tariff.registers[place - 1].obis if place else ""
    deferred = any(each.from_ms <= instant_ms < each.until_ms for each in memory.deferrals.values())
    return _InUse(place, f"{DEFERRED} {name}".strip() if deferred else name, deferred)


def _charge(memory: Memory, tariff: TariffBody, used: _InUse) -> None:
    if used.deferred:
        set_prices(memory.credit, 0, 0, register=used.name)
        return
    prices = tariff.registers[used.place - 1] if used.place else tariff
    set_prices(memory.credit, prices.price_ueur_per_kwh, prices.fixed_ueur_per_day, register=used.name)
