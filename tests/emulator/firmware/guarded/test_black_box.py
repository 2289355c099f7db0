"""What the black box says of money: each change with its cause and with what was left then (design §4.4)."""

from collections.abc import Callable

import pytest

from emulator.firmware.effects import RecordEmitted
from emulator.firmware.events import Button, ButtonName
from protocols.documents.bodies import EmergencyCreditBody, TariffBody
from protocols.documents.kind_rule import Kind
from protocols.instants import HOUR_MS
from protocols.link.records import CreditChanged
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.workbench import Workbench

EUR = 1_000_000


def by_button(bench: Workbench) -> None:
    bench.do(Button(ButtonName.RED))


def by_order(bench: Workbench) -> None:
    bench.give(Kind.EMERGENCY_CREDIT, "m1", EmergencyCreditBody())


@pytest.mark.parametrize(
    ("balance_eur", "act", "found"),
    [
        (5, lambda bench: bench.pay(1, 20 * EUR), [("top_up", 24.7, 12.0)]),
        (5, lambda bench: bench.pay(1, 0), []),
        (5, lambda bench: bench.give(Kind.TARIFF, "m1", TariffBody(200_000, 0)), [("tariff", 4.7, 12.0)]),
        (0, by_button, [("emergency_start", -0.3, 12.0)]),
        (0, by_order, [("emergency_start", -0.3, 12.0)]),
        (5, by_button, []),
    ],
    ids=["paid", "paid nothing", "new tariff", "by button", "by order", "not needed"],
)
def test_what_an_hour_of_a_kilowatt_leaves_is_noted_with_each_change(
    balance_eur: int, act: Callable[[Workbench], object], found: list[tuple[str, float, float]]
) -> None:
    bench = Workbench(balance_q=balance_eur * QUANTA_PER_EUR, load_w=1_000).wait(HOUR_MS)
    bench.effects.clear()
    act(bench)
    noted = [each.record for each in bench.effects if isinstance(each, RecordEmitted)]
    assert [
        (each.cause, each.balance_ueur / EUR, each.emergency_ueur / EUR)
        for each in noted
        if isinstance(each, CreditChanged)
    ] == found
