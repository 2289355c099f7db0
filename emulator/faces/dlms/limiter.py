"""Limiter, class 71: the power to which a household is held in place of darkness (IEC 62056-6-2). Pure."""

from typing import Final

from emulator.faces.dlms.dates import NOT_SPECIFIED
from emulator.faces.dlms.deeds import ClockPreset, GivenValue, Outcome, unsigned_date
from emulator.faces.dlms.model import CosemObject, constant, logical_name
from emulator.faces.dlms.open_dates import meant_by
from emulator.faces.dlms.values import Datum, Tag, array, bounded, octets, structure
from emulator.faces.view import FaceView
from protocols.reasons import Supply

# A threshold that no household reaches: as the customer port shows a limiter that is not engaged.
NOT_ENGAGED_W: Final = 999_999
_PROFILE_ITEMS: Final = 3
_NO_DURATION: Final = constant(Datum(Tag.DOUBLE_LONG_UNSIGNED))


def _threshold(view: FaceView) -> Datum:
    is_engaged = view.readout.glance.supply is Supply.LIMITED
    return bounded(Tag.LONG64_UNSIGNED, view.profile.limiter_w if is_engaged else NOT_ENGAGED_W)


def _emergency_profile(given: GivenValue, view: FaceView, _preset: ClockPreset) -> Outcome:
    """A number, when it begins, and for how long: the date of it is brought, and nothing is kept."""
    items = given.value.items if given.value.tag is Tag.STRUCTURE else ()
    return unsigned_date(meant_by(items[1], view) if len(items) == _PROFILE_ITEMS else None)


_NO_SCRIPT: Final = structure(octets(bytes(6)), Datum(Tag.LONG_UNSIGNED))
_POWER: Final = structure(
    Datum(Tag.LONG_UNSIGNED, 3), octets(logical_name("1-0:1.7.0")), Datum(Tag.INTEGER, 2)
)

LIMITER: Final = CosemObject(
    71,
    0,
    logical_name("0-0:17.0.0"),
    {
        2: constant(_POWER),
        3: _threshold,
        4: lambda view: bounded(Tag.LONG64_UNSIGNED, view.profile.limiter_w),
        5: constant(Datum(Tag.LONG64_UNSIGNED, NOT_ENGAGED_W)),
        6: _NO_DURATION,
        7: _NO_DURATION,
        8: constant(
            structure(Datum(Tag.LONG_UNSIGNED), octets(NOT_SPECIFIED), Datum(Tag.DOUBLE_LONG_UNSIGNED))
        ),
        9: constant(array()),
        10: constant(Datum(Tag.BOOLEAN)),
        11: constant(structure(_NO_SCRIPT, _NO_SCRIPT)),
    },
    writes={8: _emergency_profile},
)
