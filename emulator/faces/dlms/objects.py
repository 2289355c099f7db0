"""The objects of a meter: names, clock, registers and breaker (IEC 62056-6-2). Pure."""

from collections.abc import Callable
from functools import cache
from typing import Final

from emulator.faces.dlms.calendars import CALENDARS
from emulator.faces.dlms.clock import CLOCK
from emulator.faces.dlms.deeds import ClockPreset, GivenValue, Outcome, refused_and_told
from emulator.faces.dlms.limiter import LIMITER
from emulator.faces.dlms.model import MAKER, CosemObject, constant, logical_name
from emulator.faces.dlms.prepayment import ACCOUNT, CHARGES, CREDITS
from emulator.faces.dlms.profiles import profiles_of
from emulator.faces.dlms.services import DlmsResult
from emulator.faces.dlms.tokens import TOKEN_GATEWAY
from emulator.faces.dlms.values import Datum, Tag, array, bounded, octets, structure
from emulator.faces.view import NIGHT_REGISTER, FaceView
from protocols.reasons import Energy, Supply

LOGICAL_DEVICE: Final = 1
_CUBIC_METRE, _WATT, _WATT_HOUR = 13, 27, 30
_DISCONNECT, _RECONNECT = 1, 2
_CLOSED: Final = 1
# Blue Book, class 70: remote connection leads to "ready", and a person connects (3); or connects at once (4).
_MODE_ARMS, _MODE_CLOSES = 3, 4
_NAME_BYTES: Final = 16


def device_name(view: FaceView) -> bytes:
    """The logical device name: at most 16 bytes, the first three the maker's."""
    return (MAKER + view.name.encode())[:_NAME_BYTES]


def objects_of(view: FaceView) -> tuple[CosemObject, ...]:
    """Everything that this kind of meter has, but the association itself: for each kind one tuple."""
    return _objects_of_kind(view.profile.energy, view.profile.has_limiter)


@cache
def _objects_of_kind(energy: Energy, has_limiter: bool) -> tuple[CosemObject, ...]:  # noqa: FBT001 # a key
    registers = _GAS if energy is Energy.GAS else _ELECTRICITY
    limited = (LIMITER,) if has_limiter else ()
    switched = (BREAKER, *limited, *CALENDARS)
    named = (*_NAMES, CLOCK, *registers, *switched, ACCOUNT, *CREDITS, *CHARGES, TOKEN_GATEWAY)
    return (*named, *profiles_of(energy))


def _data(code: str, read: Callable[[FaceView], bytes], *, is_public: bool = False) -> CosemObject:
    return CosemObject(1, 0, logical_name(code), {2: lambda view: octets(read(view))}, is_public=is_public)


def _register(code: str, scale: int, unit: int, read: Callable[[FaceView], int]) -> CosemObject:
    """`scale`: the power of ten that the value is to be multiplied with."""
    scaler_unit = structure(Datum(Tag.INTEGER, scale), Datum(Tag.ENUM, unit))
    readings = {
        2: lambda view: bounded(Tag.LONG64_UNSIGNED, read(view)),
        3: constant(scaler_unit),
    }
    return CosemObject(3, 0, logical_name(code), readings)


def _sap_list(view: FaceView) -> Datum:
    return array(structure(Datum(Tag.LONG_UNSIGNED, LOGICAL_DEVICE), octets(device_name(view))))


def _reconnect(given: GivenValue, view: FaceView, preset: ClockPreset) -> Outcome:
    """Reconnection is for whoever has had a signed release, which the firmware carries out when it comes.

    Where the supply is still off there was none, or a person must first clear a fault at the meter.
    """
    if view.readout.glance.supply is not Supply.OFF:
        return DlmsResult.SUCCESS, None
    return refused_and_told(given, view, preset)


_NAMES: Final = (
    _data("0-0:42.0.0", device_name, is_public=True),
    _data("0-0:96.1.0", lambda view: view.name.encode(), is_public=True),
    CosemObject(17, 0, logical_name("0-0:41.0.0"), {2: _sap_list}, is_public=True),
)
_ELECTRICITY: Final = (
    _register("1-0:1.8.0", 0, _WATT_HOUR, lambda view: view.readout.purse.energy_wh),
    _register("1-0:1.8.1", 0, _WATT_HOUR, lambda view: view.day_wh),
    _register(NIGHT_REGISTER, 0, _WATT_HOUR, lambda view: view.night_wh),
    _register("1-0:1.7.0", 0, _WATT, lambda view: view.readout.purse.drawn_w),
)
_GAS: Final = (_register("7-0:3.0.0", -3, _CUBIC_METRE, lambda view: view.gas_dm3),)
BREAKER: Final = CosemObject(
    70,
    0,
    logical_name("0-0:96.3.10"),
    {
        2: lambda view: Datum(Tag.BOOLEAN, view.breaker_state == _CLOSED),
        3: lambda view: Datum(Tag.ENUM, view.breaker_state),
        4: lambda view: Datum(Tag.ENUM, _MODE_ARMS if view.profile.arms else _MODE_CLOSES),
    },
    methods={_DISCONNECT: refused_and_told, _RECONNECT: _reconnect},
)
