"""Registers of a tariff: what is charged on which, by the best estimate and never by the gate (§4.3)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.credit import account_of
from emulator.firmware.events import SetLoad, TicksLost
from emulator.firmware.guarded.image import decode_image
from protocols.documents.accounts import differences
from protocols.documents.bodies import RegisterPrice, Switch, TariffBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.reasons import Source
from protocols.units import QUANTA_PER_EUR
from tests.emulator.firmware.guarded.programs import Step, live, programs
from tests.emulator.firmware.guarded.workbench import MINUTE_MS, MONDAY_MS, PROFILE, ROOT, Workbench

PEAK, NIGHT = RegisterPrice("1-0:1.8.1", 400_000, 0), RegisterPrice("1-0:1.8.2", 200_000, 86_400)
KWH_MJ = 3_600_000_000
RICH_Q = 10_000 * QUANTA_PER_EUR


def counted(bench: Workbench) -> dict[str, tuple[int, int]]:
    """Energy and charge of each register."""
    account = bench.meter.purse.account
    return {each.obis: (int(each.energy_mj), int(each.charged_mq)) for each in account.registers}


def energy_kwh(bench: Workbench) -> dict[str, float]:
    return {name: energy_mj / KWH_MJ for name, (energy_mj, _) in counted(bench).items()}


def tariff(*switches: tuple[int, int]) -> TariffBody:
    """Of peak and night, switched at these offsets from Monday 00:00."""
    return TariffBody(
        300_000, 0, (PEAK, NIGHT), tuple(Switch(MONDAY_MS + later_ms, place) for later_ms, place in switches)
    )


@settings(max_examples=200)
@given(program=programs)
def test_no_energy_is_on_two_registers_and_every_balance_adds_up(program: list[Step]) -> None:
    bench = Workbench(balance_q=RICH_Q)
    bench.give(Kind.TARIFF, "m1", tariff((1_500, 1), (60_000, 2), (90_000, 0), (120_001, 2)))
    live(bench, program)
    purse, sums = bench.meter.purse, counted(bench).values()
    assert differences(purse.account) == ()
    assert sum(energy for energy, _ in sums) <= purse.energy_mj
    assert all(energy >= 0 and charged >= 0 for energy, charged in sums)


@settings(max_examples=200)
@given(lies_ms=st.lists(st.sampled_from([0, 30_000, -30_000, DAY_MS, -DAY_MS]), max_size=4), program=programs)
def test_a_wrong_date_moves_charges_between_registers_and_cuts_nobody(
    lies_ms: list[int], program: list[Step]
) -> None:
    """Of two meters with credit enough, one has registers: both do the same."""
    plain, dual = (Workbench(balance_q=RICH_Q) for _ in range(2))
    plain.give(Kind.TARIFF, "m1", TariffBody(300_000, 0))
    dual.give(Kind.TARIFF, "m1", tariff((1_500, 1), (60_000, 2), (90_000, 0)))
    for bench in (plain, dual):
        for lie_ms in lies_ms:
            bench.witness(Source.HEADEND, lie_ms)
            bench.witness(Source.TIMESERVER, lie_ms)
        live(bench, [step for step in program if not step[1].startswith("tariff")])
    assert plain.supply_changes() == dual.supply_changes()
    assert plain.meter.memory.warned == dual.meter.memory.warned


@given(
    pauses_s=st.lists(st.integers(1, 4_000), min_size=1, max_size=8),
    load_w=st.sampled_from([0, 1, 777, 20_000]),
    drift_ppm=st.sampled_from([0, 50, -50]),
)
def test_a_day_of_switches_is_charged_as_if_each_second_were_charged_alone(
    pauses_s: list[int], load_w: int, drift_ppm: int
) -> None:
    """The oracle looks at the estimate in each second, and charges the second that follows by it."""
    bench = Workbench(balance_q=RICH_Q, load_w=load_w, drift_ppm=drift_ppm)
    edges, at_ms = [], 0
    for number, pause_s in enumerate(pauses_s):
        at_ms += pause_s * SECOND_MS + 250
        edges.append((at_ms, (number + 1) % 3))
    body = tariff(*edges)
    bench.give(Kind.TARIFF, "m1", body)
    wanted_mq, seconds = {"": 0, PEAK.obis: 0, NIGHT.obis: 0}, (sum(pauses_s) + 60)
    for second in range(seconds):
        estimate_ms = bench.meter.estimate_ms(type(bench.tick)(second * SECOND_MS))
        past = [place for at_ms, place in body.switches if at_ms <= estimate_ms]
        prices = (body, PEAK, NIGHT)[past[-1] if past else 0]
        charge_mq = load_w * prices.price_ueur_per_kwh * 3_000 + prices.fixed_ueur_per_day * 125_000
        wanted_mq[prices.obis if isinstance(prices, RegisterPrice) else ""] += charge_mq
    bench.effects.extend(bench.meter.advance(type(bench.tick)(seconds * SECOND_MS)))
    account = account_of(bench.meter.point.credit)
    found_mq = {each.obis: int(each.charged_mq) for each in account.registers}
    assert {name: found_mq.get(name, 0) for name in (PEAK.obis, NIGHT.obis)} == {
        name: charge for name, charge in wanted_mq.items() if name
    }
    assert int(account.consumed_mq) + int(account.fixed_mq) == sum(wanted_mq.values())


def test_an_hour_each() -> None:
    """1 kW: an hour on none, an hour of peak at 0.40, an hour of night at 0.20 and 0.0864 a day."""
    bench = Workbench(balance_q=QUANTA_PER_EUR)
    bench.give(Kind.TARIFF, "m1", tariff((HOUR_MS, 1), (2 * HOUR_MS, 2), (3 * HOUR_MS, 0)))
    bench.wait(4 * HOUR_MS)
    assert energy_kwh(bench) == {PEAK.obis: 1.0, NIGHT.obis: 1.0}
    charged_eur = [charged / 1_000 / QUANTA_PER_EUR for _, charged in counted(bench).values()]
    assert charged_eur == [0.4, 0.2036]
    assert bench.meter.purse.balance_q == QUANTA_PER_EUR * (10_000 - 3_000 - 4_000 - 2_036 - 3_000) // 10_000


def test_a_meter_that_believes_tomorrow_charges_tomorrows_register() -> None:
    bench = Workbench(balance_q=RICH_Q)
    bench.do(TicksLost())
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source, DAY_MS)
    bench.give(Kind.TARIFF, "m1", tariff((-HOUR_MS, 1), (DAY_MS, 2)))
    bench.wait(HOUR_MS)
    assert energy_kwh(bench) == {NIGHT.obis: 1.0}
    assert bench.supply_changes() == []


def test_a_date_that_goes_back_goes_back_to_the_register() -> None:
    """Two witnesses move the estimate over a switch and, after lost ticks, before it again."""
    bench = Workbench(balance_q=RICH_Q)
    bench.give(Kind.TARIFF, "m1", tariff((0, 1), (HOUR_MS, 2)))
    bench.wait(2 * HOUR_MS)
    assert bench.meter.memory.credit.register == NIGHT.obis
    bench.do(TicksLost())
    bench.wait(SECOND_MS)
    # The estimate is what two witnesses vouched for last: the commissioning.
    assert bench.meter.memory.credit.register == ""


def test_a_later_tariff_replaces_registers_and_what_was_counted_stays() -> None:
    bench = Workbench(balance_q=RICH_Q)
    bench.give(Kind.TARIFF, "m1", tariff((0, 1)))
    bench.wait(HOUR_MS + SECOND_MS)
    before = counted(bench)
    bench.give(Kind.TARIFF, "m1", TariffBody(300_000, 0))
    bench.wait(DAY_MS)
    assert counted(bench) == before
    assert bench.meter.memory.tariff is None


def test_the_same_tariff_is_repeated_and_another_of_its_number_refused() -> None:
    bench = Workbench()
    bench.give(Kind.TARIFF, "m1", tariff((0, 1)))
    again = bench.order(Kind.TARIFF, "m1", tariff((0, 1)), rev=1)
    other = bench.order(Kind.TARIFF, "m1", tariff((0, 2)), rev=1)
    plain = bench.order(Kind.TARIFF, "m1", TariffBody(300_000, 0), rev=1)
    assert [bench.send(order).reason for order in (again, other, plain)] == [
        "repeated",
        "stale_rev",
        "stale_rev",
    ]


def test_a_ninth_register_is_refused_and_changes_nothing() -> None:
    bench = Workbench()
    for number in range(4):
        names = [f"1-0:1.8.{2 * number + place}" for place in (1, 2)]
        registers = tuple(RegisterPrice(name, 1, 0) for name in names)
        edges = tuple(Switch(bench.now_ms + place * MINUTE_MS, place) for place in (1, 2))
        assert bench.give(Kind.TARIFF, "m1", TariffBody(1, 0, registers, edges)).reason == "tariff"
        bench.wait(3 * MINUTE_MS)
    before = bench.meter.memory.tariff
    ninth = TariffBody(1, 0, (RegisterPrice("1-0:1.8.9", 1, 0),), (Switch(bench.now_ms, 1),))
    assert bench.give(Kind.TARIFF, "m1", ninth).reason == "too_many"
    assert bench.meter.memory.tariff is before


def test_registers_survive_a_power_cut() -> None:
    bench = Workbench()
    bench.give(Kind.TARIFF, "m1", tariff((0, 1), (HOUR_MS, 2)))
    bench.wait(2 * HOUR_MS)
    before = bench.meter
    after = type(before).restore(
        before.identity, PROFILE, ROOT, before.image(), load_w=1000, head=before.journal.head
    )
    assert decode_image(before.image()) == before.memory
    after.advance(bench.tick)
    assert after.purse.account == before.purse.account
    for meter in (before, after):
        meter.advance(type(bench.tick)(bench.tick + HOUR_MS))
    assert after.purse.account == before.purse.account


@pytest.mark.parametrize("load_w", [0, 1_000])
def test_a_switch_between_two_seconds_waits_for_the_next_one(load_w: int) -> None:
    bench = Workbench(balance_q=RICH_Q, load_w=0)
    bench.give(Kind.TARIFF, "m1", tariff((10_400, 1)))
    bench.wait(10_900)
    bench.do(SetLoad(load_w))
    assert bench.meter.memory.credit.register == ""
    bench.wait(200)
    assert bench.meter.memory.credit.register == PEAK.obis
    assert counted(bench) == {PEAK.obis: (load_w * 100, load_w * 100 * PEAK.price_ueur_per_kwh * 3)}


def test_profiles_without_a_tariff_count_on_no_register() -> None:
    bench = Workbench(profile=replace(PROFILE, fixed_ueur_per_day=1_000_000)).wait(DAY_MS)
    assert counted(bench) == {}
