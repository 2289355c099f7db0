"""A meter of which every order about money is in use: what such a meter takes in memory."""

from typing import Final

from msgspec.structs import replace

from benchmarks.households import FLEET, START_MS, keyring
from emulator.firmware.events import Document
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import (
    Body,
    DebtBody,
    DeferralBody,
    ParametersBody,
    PaymentBody,
    RefundBody,
    RegisterPrice,
    Switch,
    TariffBody,
)
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, Scope
from protocols.instants import DAY_MS, HOUR_MS
from protocols.units import UEUR_PER_EUR

_REGISTERS: Final = (RegisterPrice("1-0:1.8.1", 280_000, 0), RegisterPrice("1-0:1.8.2", 200_000, 0))
_SWITCHES: Final = tuple(
    Switch(START_MS + 7 * HOUR_MS + half * DAY_MS // 2, 1 + half % 2) for half in range(120)
)
_DEFERRED_MS: Final = (START_MS + 3 * DAY_MS, START_MS + 6 * DAY_MS)
# The deferral ends on the sixth day, and the payment of the eighth is shared with the debt.
DAYS_LIVED: Final = 9


def bring_money_orders(meter: GuardedMeter, number: int) -> None:
    """The five kinds, and a payment: tariff and deferral are the fleet's, the rest is this meter's alone."""
    cents = number * UEUR_PER_EUR // 100
    orders = (
        FLEET.order(Kind.TARIFF, "tariff/social", TariffBody(250_000, 100_000, _REGISTERS, _SWITCHES)),
        FLEET.order(Kind.DEFERRAL, "deferral/winter", DeferralBody(*_DEFERRED_MS)),
        _of_one(
            *(meter, Kind.DEBT),
            DebtBody(80 * UEUR_PER_EUR + cents, 200, 20 * UEUR_PER_EUR, 30 * UEUR_PER_EUR),
        ),
        _of_one(meter, Kind.REFUND, RefundBody(UEUR_PER_EUR + cents)),
        _of_one(meter, Kind.PARAMETERS, ParametersBody(START_MS, None, ("area-1", "winter"))),
    )
    for order in orders:
        meter.handle(Document(keyring().seal_order(order, 2)), Tick(0))
    paid = PaymentBody("controller", 1, 40 * UEUR_PER_EUR + cents, 1)
    at = Tick((DAYS_LIVED - 1) * DAY_MS + number)
    meter.handle(Document(keyring().seal_statement(_of_one(meter, Kind.PAYMENT, paid), 1)), at)
    meter.advance(Tick(DAYS_LIVED * DAY_MS))


def _of_one(meter: GuardedMeter, kind: Kind, body: Body) -> Order:
    name = meter.identity.id
    order = FLEET.order(kind, f"{kind}/{name}", body)
    return replace(order, scope=Scope(meters=(name,)))
