"""What can be read and written over the optical port, by its OBIS code. Pure.

Codes are reduced ones (IEC 62056-61): `1.8.0` is 1-0:1.8.0. `96.50.x` are ours: the standard has no credit.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from emulator.faces.optical.messages import DataSet
from emulator.faces.view import FaceView
from protocols.cutting.zones import instants_of_wall, load_zone, wall_clock
from protocols.instants import UtcMs
from protocols.reasons import Energy
from protocols.units import eur_from_quanta

_CENTURY: Final = "20"

Reading = Callable[[FaceView], DataSet]


def readings(view: FaceView) -> tuple[DataSet, ...]:
    """Everything that is read out, in its order."""
    purse, glance = view.readout.purse, view.readout.glance
    wall = _wall(view)
    return (
        DataSet("0.0.0", view.name[:32]),
        DataSet("0.2.0", view.profile.name[:32]),
        DataSet("0.9.1", f"{wall:%H%M%S}"),
        DataSet("0.9.2", f"{wall:%y%m%d}"),
        DataSet("0.9.4", f"{wall:%y%m%d%H%M%S}"),
        *_registers(view),
        DataSet("96.3.10", str(view.breaker_state)),
        DataSet("96.50.0", eur_from_quanta(purse.balance_q), "EUR"),
        DataSet("96.50.1", eur_from_quanta(purse.emergency_left_q), "EUR"),
        DataSet("96.50.2", glance.clock),
        DataSet("96.50.3", glance.reason),
        DataSet("F.F", "00000000"),
    )


def value_of(address: str, view: FaceView) -> DataSet | None:
    """One value; None: the meter has none of this address."""
    return next((each for each in readings(view) if each.address == address), None)


def date_of(data_set: DataSet, view: FaceView) -> UtcMs | None:
    """The instant that a written date means, in the meter's zone; None: it is none, or no such address.

    `0.9.1(hhmmss)` leaves the date that the meter shows, `0.9.2(YYMMDD)` its time, `0.9.4(YYMMDDhhmmss)` is
    both. Of an hour that clocks show twice the first is meant.
    """
    digits, form = _DATES.get(data_set.address, (0, None))
    if (
        form is None
        or len(data_set.value) != digits
        or data_set.unit
        or not (data_set.value.isascii() and data_set.value.isdigit())
    ):
        return None
    wall = _wall(view)
    text = form(data_set.value, f"{wall:%y%m%d}", f"{wall:%H%M%S}")
    try:
        moment = datetime.strptime(_CENTURY + text, "%Y%m%d%H%M%S")  # noqa: DTZ007 # of a wall
    except ValueError:
        return None
    seconds = moment.hour * 3_600 + moment.minute * 60 + moment.second
    return UtcMs(instants_of_wall(moment.date(), seconds, _zone(view))[0])


# How many digits are written, and the whole: of what was written, and of date and time as they are shown.
_DATES: Final[Mapping[str, tuple[int, Callable[[str, str, str], str]]]] = {
    "0.9.1": (6, lambda written, date, _time: date + written),
    "0.9.2": (6, lambda written, _date, time: written + time),
    "0.9.4": (12, lambda written, _date, _time: written),
}


def _registers(view: FaceView) -> tuple[DataSet, ...]:
    purse = view.readout.purse
    if view.profile.energy is Energy.GAS:
        m3, dm3 = divmod(view.gas_dm3, 1_000)
        return (DataSet("3.0.0", f"{m3 % 100_000:05d}.{dm3:03d}", "m3"),)
    energies_wh = (purse.energy_wh, view.day_wh, view.night_wh)
    kw, w = divmod(min(purse.drawn_w, 99_999), 1_000)
    return (
        *(DataSet(f"1.8.{at}", _kwh(wh), "kWh") for at, wh in enumerate(energies_wh)),
        DataSet("1.7.0", f"{kw:02d}.{w:03d}", "kW"),
    )


def _kwh(energy_wh: int) -> str:
    return f"{energy_wh // 1_000 % 1_000_000:06d}.{energy_wh % 1_000:03d}"


def _wall(view: FaceView) -> datetime:
    return wall_clock(view.readout.estimate_ms, _zone(view))


def _zone(view: FaceView) -> ZoneInfo:
    return load_zone(view.profile.zone)
