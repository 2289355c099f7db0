"""Sets prices, and the registers that are charged by hours of local time; two people sign (design §4.3)."""

from collections.abc import Sequence

from controller.orders.acting import Act
from controller.orders.status import OrderStatus
from protocols.cutting.switches import RegisterPlan, plan_tariff
from protocols.documents.drafting import FLEET, deferral
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope


def set_tariff(
    act: Act,
    name: str,
    prices_ueur: tuple[int, int],
    plans: Sequence[RegisterPlan],
    clock: tuple[str, str],
    span_ms: tuple[int, int],
    meters: tuple[str, ...] = (),
) -> OrderStatus:
    """Set a tariff for these meters, or for the fleet: a draft, until a second person has signed.

    `prices_ueur`: per kWh and a day, where no register is in use. `clock`: zone and holidays of the rules,
    over `span_ms`. Raises InputError where the registers make no tariff.
    """
    scope = Scope(meters=meters) if meters else FLEET
    sheet = act.sheet(Kind.TARIFF, name)
    return act.submit(plan_tariff(sheet, name, prices_ueur, plans, clock, span_ms, scope))


def defer(act: Act, name: str, span_ms: tuple[int, int], meters: tuple[str, ...] = ()) -> OrderStatus:
    """Charge nothing over `[from, until)`, of these meters or the fleet: a draft, until a second signs.

    What is delivered is counted, and settled later. Raises InputError for an empty span.
    """
    scope = Scope(meters=meters) if meters else FLEET
    return act.submit(deferral(act.sheet(Kind.DEFERRAL, name), name, *span_ms, scope))
