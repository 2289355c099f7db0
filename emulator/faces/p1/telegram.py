"""The telegram of a Belgian customer port, as bytes. Pure.

Source: e-MUCS 1.7 (P1 for digital meters in Belgium) on DSMR 5.0.2 P1; docs/faces.md has each object, and
where we differ. One phase; nothing is ever exported. The telegram of a gas meter is that of an electricity
meter to which nothing but this gas meter is connected, on M-Bus channel 1.
"""

from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from emulator.faces.demand import QUARTER_MS, Demand, month_begins_ms
from emulator.faces.p1.crc import crc16
from emulator.faces.p1.messages import message_of
from emulator.faces.view import NIGHT_REGISTER, WH_PER_DM3, FaceView
from emulator.firmware.readout import MJ_PER_WH
from protocols.cutting.zones import load_zone
from protocols.instants import UtcMs, datetime_from_ms
from protocols.reasons import Energy, Supply

VERSION: Final = "50217"
_MILLION: Final = 1_000_000
_MILLI: Final = 1_000
_W_MAX: Final = 99_999
_VOLT: Final = 230


def telegram_of(view: FaceView, *, with_amounts: bool = False) -> bytes:
    """What the port sends in the second of the view. `with_amounts`: see `messages`."""
    zone = load_zone(view.profile.zone)
    name = view.name.encode().hex().upper()
    lines = [
        f"/FLU5\\253{_digits(view.name)}_A",
        "",
        f"0-0:96.1.4({VERSION})",
        f"0-0:96.1.1({name if view.profile.energy is Energy.ELECTRICITY else ''})",
        "0-0:96.1.2()",
        f"0-0:1.0.0({stamp(view.readout.estimate_ms, zone)})",
    ]
    text = message_of(view, with_amounts=with_amounts)
    if view.profile.energy is Energy.ELECTRICITY:
        lines += _electricity(view, zone)
    lines.append(f"0-0:96.13.0({text.encode('ascii').hex().upper()})")
    if view.profile.energy is Energy.GAS:
        lines += _gas(view, zone)
    body = "\r\n".join(lines).encode("ascii") + b"\r\n!"
    return body + b"%04X\r\n" % crc16(body)


def stamp(instant_ms: UtcMs, zone: ZoneInfo) -> str:
    """`YYMMDDhhmmssX`: what a clock on the wall shows, and S in summer time, else W (DSMR 5.0.2 P1, §6.4)."""
    wall = datetime_from_ms(instant_ms, zone)
    return f"{wall:%y%m%d%H%M%S}{'S' if wall.dst() else 'W'}"


def _electricity(view: FaceView, zone: ZoneInfo) -> list[str]:
    purse, demand, supply = view.readout.purse, view.demand, view.readout.glance.supply
    power_w = purse.drawn_w
    limit_kw, rest_w = divmod(view.profile.limiter_w, _MILLI)
    limit = f"{limit_kw:03d}.{rest_w // 100}" if supply is Supply.LIMITED else "999.9"
    peak_w, peak_ms = (0, month_begins_ms(demand, zone))
    if demand.peak is not None:
        peak_w, peak_ms = demand.peak.average_w, demand.peak.at_ms
    return [
        f"1-0:1.8.1({_kwh(view.day_wh)})",
        f"1-0:1.8.2({_kwh(view.night_wh)})",
        f"1-0:2.8.1({_kwh(0)})",
        f"1-0:2.8.2({_kwh(0)})",
        f"1-0:1.4.0({_kw(demand.average_w(purse.energy_mj))})",
        f"1-0:1.6.0({stamp(peak_ms, zone)})({_kw(peak_w)})",
        _months(demand, zone),
        f"0-0:96.14.0({'0002' if purse.settled.register == NIGHT_REGISTER else '0001'})",
        f"1-0:1.7.0({_kw(power_w)})",
        f"1-0:2.7.0({_kw(0)})",
        f"1-0:21.7.0({_kw(power_w)})",
        f"1-0:22.7.0({_kw(0)})",
        f"1-0:32.7.0({_VOLT:03d}.0*V)",
        f"1-0:31.7.0({_hundredths(power_w * 100 // _VOLT)}*A)",
        f"0-0:96.3.10({view.breaker_state})",
        f"0-0:17.0.0({limit}*kW)",
        "1-0:31.4.0(999*A)",
    ]


def _gas(view: FaceView, zone: ZoneInfo) -> list[str]:
    # A gas meter tells the host its register at the beginning of each quarter.
    dm3 = view.demand.began_mj // MJ_PER_WH // WH_PER_DM3 % (100_000 * _MILLI)
    taken_ms = UtcMs(view.demand.quarter * QUARTER_MS)
    return [
        "0-1:24.1.0(003)",
        f"0-1:96.1.1({view.name.encode().hex().upper()})",
        "0-1:96.1.2()",
        f"0-1:24.4.0({view.breaker_state})",
        f"0-1:24.2.3({stamp(taken_ms, zone)})({dm3 // _MILLI:05d}.{dm3 % _MILLI:03d}*m3)",
    ]


def _months(demand: Demand, zone: ZoneInfo) -> str:
    """The highest quarter of each month that is over, the oldest first."""
    values = "".join(
        f"({stamp(each.until_ms, zone)})"
        + (
            f"({stamp(each.until_ms, zone)})({_kw(0)})"
            if each.peak is None
            else f"({stamp(each.peak.at_ms, zone)})({_kw(each.peak.average_w)})"
        )
        for each in demand.months
    )
    return f"0-0:98.1.0({len(demand.months)})(1-0:1.6.0)(1-0:1.6.0){values}"


def _kwh(energy_wh: int) -> str:
    """Six digits and three decimals; the register rolls over."""
    kwh, wh = divmod(energy_wh % (_MILLION * _MILLI), _MILLI)
    return f"{kwh:06d}.{wh:03d}*kWh"


def _kw(power_w: int) -> str:
    kw, w = divmod(min(power_w, _W_MAX), _MILLI)
    return f"{kw:02d}.{w:03d}*kW"


def _hundredths(value: int) -> str:
    whole, rest = divmod(min(value, 99_999), 100)
    return f"{whole:03d}.{rest:02d}"


def _digits(name: str) -> str:
    """Six digits that stand for the meter in the telegram's head."""
    return f"{int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), 'big') % _MILLION:06d}"
