"""Deferrals: energy that is delivered and counted, and charged by nobody here (design §4.3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.guarded.image import decode_image
from protocols.documents.accounts import differences
from protocols.documents.bodies import DeferralBody, RegisterPrice, Switch, TariffBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.limits import DEFERRALS_MAX
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.programs import Step, balances_q, live, programs
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, PROFILE, ROOT, Workbench

KWH_MJ = 3_600_000_000
RICH_Q = 10_000 * QUANTA_PER_EUR


def defers(bench: Workbench, from_ms: int, until_ms: int, name: str = "covid") -> str:
    """From and until these offsets to Monday 00:00."""
    return bench.give(Kind.DEFERRAL, name, DeferralBody(MONDAY_MS + from_ms, MONDAY_MS + until_ms)).reason


def kwh(bench: Workbench) -> dict[str, float]:
    return {each.obis: int(each.energy_mj) / KWH_MJ for each in bench.meter.purse.account.registers}


@settings(max_examples=200)
@given(balance_q=balances_q, program=programs)
def test_what_is_deferred_costs_nothing_and_all_adds_up(balance_q: int, program: list[Step]) -> None:
    bench = Workbench(balance_q=balance_q)
    defers(bench, -HOUR_MS, 60_000)
    live(bench, program)
    account = bench.meter.purse.account
    assert differences(account) == ()
    assert all(each.charged_mq == "0" for each in account.registers if each.obis.startswith("deferred"))
    assert sum(int(each.energy_mj) for each in account.registers) <= bench.meter.purse.energy_mj


@given(
    from_s=st.integers(-100, 3_000),
    length_s=st.integers(1, 3_000),
    beside_ms=st.sampled_from([0, 1, 999]),
    load_w=st.sampled_from([0, 1, 2_000]),
)
def test_each_second_is_charged_or_deferred_by_the_estimate_in_it(
    from_s: int, length_s: int, beside_ms: int, load_w: int
) -> None:
    bench = Workbench(balance_q=RICH_Q, load_w=load_w)
    from_ms = from_s * SECOND_MS + beside_ms
    defers(bench, from_ms, from_ms + length_s * SECOND_MS)
    # The order is looked at in the second that follows it, which is the first of all.
    bench.wait(4_000 * SECOND_MS)
    within = [
        MONDAY_MS + from_ms
        <= bench.meter.estimate_ms(type(bench.tick)(second * SECOND_MS))
        < MONDAY_MS + from_ms + length_s * SECOND_MS
        for second in range(4_000)
    ]
    charged_s = within.count(False)
    assert RICH_Q - bench.meter.purse.balance_q == charged_s * load_w * 300_000 * 3
    assert bench.meter.purse.energy_mj == 4_000 * load_w * 1_000


def test_credit_stands_still_and_the_energy_is_counted_by_register() -> None:
    peak = RegisterPrice("1-0:1.8.1", 400_000, 86_400)
    bench = Workbench(balance_q=QUANTA_PER_EUR)
    switches = (Switch(MONDAY_MS + 2 * HOUR_MS, 1), Switch(MONDAY_MS + 4 * HOUR_MS, 0))
    bench.give(Kind.TARIFF, "m1", TariffBody(300_000, 0, (peak,), switches))
    defers(bench, HOUR_MS, 3 * HOUR_MS)
    bench.wait(5 * HOUR_MS)
    assert kwh(bench) == {"1-0:1.8.1": 1, "deferred": 1, "deferred 1-0:1.8.1": 1}
    # An hour at 0.30 before and one after, and an hour of peak with its share of the day.
    assert bench.meter.purse.balance_q == QUANTA_PER_EUR * (10_000 - 6_000 - 4_036) // 10_000


def test_a_tariff_that_comes_meanwhile_counts_afterwards() -> None:
    bench = Workbench(balance_q=QUANTA_PER_EUR)
    defers(bench, 0, 2 * HOUR_MS)
    bench.wait(HOUR_MS)
    bench.give(Kind.TARIFF, "m1", TariffBody(500_000, 0))
    bench.wait(2 * HOUR_MS)
    assert bench.meter.purse.balance_q == QUANTA_PER_EUR // 2
    assert kwh(bench) == {"deferred": 2}


def test_a_later_order_of_the_name_replaces_the_bounds_and_another_name_adds() -> None:
    bench = Workbench(balance_q=RICH_Q)
    assert defers(bench, 0, DAY_MS) == "stored"
    assert defers(bench, 0, HOUR_MS) == "stored"
    assert defers(bench, HOUR_MS, 2 * HOUR_MS, "storm") == "stored"
    bench.wait(4 * HOUR_MS)
    assert kwh(bench) == {"deferred": 2}


def test_a_ninth_name_is_refused_until_one_is_surely_over() -> None:
    bench = Workbench()
    for number in range(DEFERRALS_MAX):
        assert defers(bench, 0, (number + 1) * HOUR_MS, f"d{number}") == "stored"
    assert defers(bench, 0, DAY_MS, "ninth") == "too_many"
    bench.wait(HOUR_MS + 2 * SECOND_MS)
    assert defers(bench, 0, DAY_MS, "ninth") == "stored"


def test_a_deferral_holds_nothing_and_takes_no_supply() -> None:
    """An empty purse is cut as ever: what holds is a moratorium."""
    bench = Workbench(balance_q=0)
    bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS))
    defers(bench, 0, DAY_MS)
    bench.wait(2 * HOUR_MS)
    assert bench.supply == "off"


def test_deferrals_survive_a_power_cut() -> None:
    bench = Workbench()
    defers(bench, HOUR_MS, 2 * HOUR_MS)
    before = bench.meter
    assert decode_image(before.image()) == before.memory
    after = type(before).restore(
        before.identity, PROFILE, ROOT, before.image(), load_w=1000, head=before.journal.head
    )
    for meter in (before, after):
        meter.advance(type(bench.tick)(3 * HOUR_MS))
    assert after.purse.account == before.purse.account


@pytest.mark.parametrize("signers", [("dora",), ("anna", "bert")])
def test_one_person_and_those_who_may_only_protect_defer_nothing(signers: tuple[str, ...]) -> None:
    bench = Workbench()
    order = bench.order(Kind.DEFERRAL, "covid", DeferralBody(bench.now_ms, bench.now_ms + 1))
    assert bench.send(order, signers).reason == "too_few_signers"
