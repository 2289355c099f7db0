"""Account, credits and charges: classes 111, 112 and 113 (IEC 62056-6-2). Pure.

Amounts are in cents, rounded half to even. The standard's bit 0 of a bit string is the first that is sent.
"""

from collections.abc import Callable
from itertools import count
from typing import Final

from emulator.faces.dlms.dates import NOT_SPECIFIED
from emulator.faces.dlms.model import CosemObject, Reading, constant, logical_name
from emulator.faces.dlms.values import Datum, Tag, array, bits, bounded, octets, structure
from emulator.faces.view import WH_PER_DM3, FaceView
from emulator.firmware.credit import Emergency, can_start_emergency
from emulator.firmware.profile import EmergencyStart
from protocols.reasons import Energy, PaymentMode
from protocols.units import QUANTA_PER_EUR

_CENTS_SCALE: Final = -2
_QUANTA_PER_CENT: Final = QUANTA_PER_EUR // 100
_MONETARY: Final = 2
_ACTIVE: Final = 2
# As many kilowatt hours to a cubic metre as watt hours to a cubic decimetre.
_KWH_PER_M3: Final = WH_PER_DM3
_DAY_S: Final = 86_400
_UEUR_SCALE: Final = -6
_LONG_MAX: Final = 0x7FFF
# States of a credit.
_ENABLED, _SELECTABLE, _IN_USE, _CONSUMED = 0, 1, 3, 4

_ACCOUNT_NAME: Final = logical_name("0-0:19.0.0")
_TOKEN_NAME: Final = logical_name("0-0:19.10.0")
_EMERGENCY_NAME: Final = logical_name("0-0:19.10.1")
_ENERGY_CHARGE_NAME: Final = logical_name("0-0:19.20.0")
_FIXED_CHARGE_NAME: Final = logical_name("0-0:19.20.1")
_NO_DATE: Final = constant(octets(NOT_SPECIFIED))
_ZERO: Final = constant(Datum(Tag.DOUBLE_LONG))


def _cents(quanta: int) -> Datum:
    whole, rest = divmod(quanta, _QUANTA_PER_CENT)
    is_more = 2 * rest > _QUANTA_PER_CENT or (2 * rest == _QUANTA_PER_CENT and whole % 2 == 1)
    return bounded(Tag.DOUBLE_LONG, whole + is_more)


def _amount(quanta: Callable[[FaceView], int]) -> Reading:
    return lambda view: _cents(quanta(view))


def _available_q(view: FaceView) -> int:
    """What can be spent before anything else happens."""
    purse = view.readout.purse
    drawn_q = purse.emergency_left_q if purse.emergency is Emergency.IN_USE else 0
    return max(purse.balance_q, 0) + drawn_q


def _owed_q(view: FaceView) -> int:
    """What a payment must bring first: the emergency credit that was drawn, and what is below zero."""
    purse = view.readout.purse
    return purse.settled.emergency_limit_q - purse.emergency_left_q + max(-purse.balance_q, 0)


def _is_prepaid(view: FaceView) -> bool:
    return view.readout.purse.settled.mode is PaymentMode.PREPAID


def _credit_status(view: FaceView) -> Datum:
    """Bits: 0 in credit, 1 low, 2 next enabled, 3 next selectable, 5 selectable in use, 6 out of credit."""
    purse, available_q = view.readout.purse, _available_q(view)
    is_ready = purse.emergency is Emergency.READY and purse.settled.emergency_limit_q > 0
    flags = {
        0: available_q > 0,
        1: _is_prepaid(view) and purse.balance_q <= view.profile.low_credit_q,
        2: is_ready and not can_start_emergency(purse.settled),
        3: can_start_emergency(purse.settled),
        5: purse.emergency is Emergency.IN_USE,
        6: _is_prepaid(view) and available_q <= 0,
    }
    return bits(8, *(bit for bit, is_set in flags.items() if is_set))


def _mode(view: FaceView) -> Datum:
    return structure(Datum(Tag.ENUM, 2 if _is_prepaid(view) else 1), Datum(Tag.ENUM, _ACTIVE))


def _in_use(view: FaceView) -> Datum:
    """Which entry of the list of credits, counted from 0."""
    return Datum(Tag.UNSIGNED, int(view.readout.purse.emergency is Emergency.IN_USE))


def _collections() -> Datum:
    """The energy is charged while it flows, the fixed charge also while nothing can."""
    rows = ((_ENERGY_CHARGE_NAME, bits(3, 1, 2)), (_FIXED_CHARGE_NAME, bits(3, 0, 1, 2)))
    return array(
        *(
            structure(octets(credit), octets(charge), when)
            for credit in (_TOKEN_NAME, _EMERGENCY_NAME)
            for charge, when in rows
        )
    )


_CURRENCY: Final = structure(
    Datum(Tag.UTF8_STRING, octets=b"EUR"), Datum(Tag.INTEGER, _CENTS_SCALE), Datum(Tag.ENUM, _MONETARY)
)

ACCOUNT: Final = CosemObject(
    111,
    0,
    _ACCOUNT_NAME,
    {
        2: _mode,
        3: _in_use,
        4: _credit_status,
        5: _amount(_available_q),
        6: _amount(_owed_q),
        7: _ZERO,
        8: _amount(lambda view: view.readout.purse.settled.debt_q),
        9: constant(array(octets(_TOKEN_NAME), octets(_EMERGENCY_NAME))),
        10: constant(array(octets(_ENERGY_CHARGE_NAME), octets(_FIXED_CHARGE_NAME))),
        11: constant(_collections()),
        12: constant(array(structure(octets(_TOKEN_NAME), Datum(Tag.UNSIGNED, 100)))),
        13: _NO_DATE,
        14: _NO_DATE,
        15: constant(_CURRENCY),
        16: _amount(lambda view: view.profile.low_credit_q),
        17: _ZERO,
        18: constant(Datum(Tag.LONG_UNSIGNED)),
        19: _ZERO,
    },
)


def _token_status(view: FaceView) -> Datum:
    is_spent = _is_prepaid(view) and view.readout.purse.balance_q <= 0
    return Datum(Tag.ENUM, _CONSUMED if is_spent else _IN_USE)


def _emergency_status(view: FaceView) -> Datum:
    purse = view.readout.purse
    if purse.emergency is Emergency.READY:
        return Datum(Tag.ENUM, _SELECTABLE if can_start_emergency(purse.settled) else _ENABLED)
    return Datum(Tag.ENUM, _IN_USE if purse.emergency is Emergency.IN_USE else _CONSUMED)


def _emergency_configuration(view: FaceView) -> Datum:
    """It is shown, must be paid back, and waits for a button where the profile says so."""
    must_confirm = view.profile.emergency_start is EmergencyStart.BUTTON
    return bits(5, 0, 2, *((1,) if must_confirm else ()))


CREDITS: Final = (
    CosemObject(
        112,
        0,
        _TOKEN_NAME,
        {
            2: _amount(lambda view: view.readout.purse.balance_q),
            3: constant(Datum(Tag.ENUM, 0)),
            4: constant(Datum(Tag.UNSIGNED, 1)),
            5: _amount(lambda view: view.profile.low_credit_q),
            6: _ZERO,
            7: constant(bits(5, 0, 4)),
            8: _token_status,
            9: _ZERO,
            10: _ZERO,
            11: _NO_DATE,
        },
    ),
    CosemObject(
        112,
        0,
        _EMERGENCY_NAME,
        {
            2: _amount(lambda view: view.readout.purse.emergency_left_q),
            3: constant(Datum(Tag.ENUM, 2)),
            4: constant(Datum(Tag.UNSIGNED, 2)),
            5: _ZERO,
            6: _ZERO,
            7: _emergency_configuration,
            8: _emergency_status,
            9: _amount(lambda view: view.readout.purse.settled.emergency_limit_q),
            10: _ZERO,
            11: _NO_DATE,
        },
    ),
)


def _unit_charge(commodity_scale: int, reference: Datum, price_ueur: int | None) -> Datum:
    """A price in the finest scale that its 16 bits hold; None: there is none."""
    price, scale = _scaled(price_ueur or 0)
    row = structure(octets(b""), Datum(Tag.LONG, price))
    return structure(
        structure(Datum(Tag.INTEGER, commodity_scale), Datum(Tag.INTEGER, scale)),
        reference,
        array() if price_ueur is None else array(row),
    )


def _scaled(price_ueur: int) -> tuple[int, int]:
    """A price as a number of 16 bits and the finest power of ten that it goes with. Rounded once, half up."""
    for digits in count():
        unit = 10**digits
        price = (price_ueur + unit // 2) // unit
        if abs(price) <= _LONG_MAX:
            return price, _UEUR_SCALE + digits
    raise AssertionError("every price has a last digit")


def _reference(class_id: int, name: bytes, attribute: int) -> Datum:
    return structure(Datum(Tag.LONG_UNSIGNED, class_id), octets(name), Datum(Tag.INTEGER, attribute))


def _energy_price(view: FaceView, *, is_active: bool) -> Datum:
    """By the kilowatt hour; of a gas meter, whose register has cubic metres, by the cubic metre."""
    price_ueur = view.readout.purse.settled.price_ueur_per_kwh
    if view.profile.energy is Energy.GAS:
        reference, scale, price_ueur = (
            _reference(3, logical_name("7-0:3.0.0"), 2),
            0,
            price_ueur * _KWH_PER_M3,
        )
    else:
        reference, scale = _reference(3, logical_name("1-0:1.8.0"), 2), 3
    return _unit_charge(scale, reference, price_ueur if is_active else None)


def _fixed_price(view: FaceView, *, is_active: bool) -> Datum:
    price_ueur = view.readout.purse.settled.fixed_ueur_per_day
    return _unit_charge(0, _reference(0, bytes(6), 0), price_ueur if is_active else None)


def _charge(
    name: bytes,
    kind: int,
    paid_mq: Callable[[FaceView], int],
    price: Callable[[FaceView, bool], Datum],
    period_s: int,
) -> CosemObject:
    """A charge that is collected all the time, so that no last collection can be named."""
    readings: dict[int, Reading] = {
        2: _amount(lambda view: paid_mq(view) // 1_000),
        3: constant(Datum(Tag.ENUM, kind)),
        4: constant(Datum(Tag.UNSIGNED, kind + 1)),
        5: lambda view: price(view, True),
        6: lambda view: price(view, False),
        7: _NO_DATE,
        8: constant(Datum(Tag.DOUBLE_LONG_UNSIGNED, period_s)),
        9: constant(bits(2, 1)),
        10: _NO_DATE,
        11: _ZERO,
        12: _ZERO,
        13: constant(Datum(Tag.LONG_UNSIGNED)),
    }
    return CosemObject(113, 0, name, readings)


CHARGES: Final = (
    _charge(
        _ENERGY_CHARGE_NAME,
        0,
        lambda view: int(view.readout.purse.account.consumed_mq),
        lambda view, is_active: _energy_price(view, is_active=is_active),
        0,
    ),
    _charge(
        _FIXED_CHARGE_NAME,
        1,
        lambda view: int(view.readout.purse.account.fixed_mq),
        lambda view, is_active: _fixed_price(view, is_active=is_active),
        _DAY_S,
    ),
)
