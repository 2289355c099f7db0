"""The text that a telegram carries for the household (0-0:96.13.0), or none. Pure.

Everything behind a customer port reads it: a display, and the programs of others. So it names an amount only
where the household has agreed to that.
"""

from emulator.faces.view import FaceView
from emulator.firmware.credit import Emergency
from protocols.reasons import PaymentMode, Supply, SupplyReason
from protocols.units import eur_from_quanta


def message_of(view: FaceView, *, with_amounts: bool) -> str:
    """What the household should know of its credit now; empty if nothing. One line of ASCII."""
    readout = view.readout
    purse = readout.purse
    if purse.settled.mode is not PaymentMode.PREPAID:
        return ""
    text = _warning(view)
    if not text or not with_amounts:
        return text
    in_use = purse.emergency is Emergency.IN_USE
    left_q = purse.emergency_left_q if in_use else purse.balance_q
    return f"{text}: {eur_from_quanta(left_q)} EUR"


def _warning(view: FaceView) -> str:
    """The most urgent of what there is to say."""
    readout, glance = view.readout, view.readout.glance
    if glance.supply is Supply.ARMED:
        return "Supply is ready: press the button"
    if glance.supply is Supply.OFF:
        return "Credit used up: supply is off" if glance.reason is SupplyReason.CREDIT else ""
    if readout.is_warned:
        return "Supply may stop soon"
    if glance.supply is Supply.LIMITED:
        return "Supply is limited"
    if readout.purse.emergency is Emergency.IN_USE:
        return "Emergency credit in use"
    return "Credit is low" if readout.purse.balance_q <= view.profile.low_credit_q else ""
