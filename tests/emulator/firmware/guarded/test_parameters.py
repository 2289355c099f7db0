"""Parameters: dated versions of mode and groups, in force when their date has surely come (design §4.3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.events import TicksLost
from emulator.firmware.guarded.image import decode_image
from protocols.documents.bodies import LimiterBody, ParametersBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.limits import PARAMETER_SETS_MAX
from protocols.reasons import PaymentMode, Source
from tests.emulator.firmware.guarded.programs import Step, programs_with
from tests.emulator.firmware.guarded.workbench import MINUTE_MS, MONDAY_MS, Workbench

PREPAID, CREDIT = PaymentMode.PREPAID, PaymentMode.CREDIT


def sets(
    bench: Workbench,
    mode: PaymentMode | None = None,
    *,
    from_ms: int | None = None,
    groups: tuple[str, ...] | None = None,
    back_to: int | None = None,
) -> str:
    body = ParametersBody(bench.now_ms if from_ms is None else from_ms, mode, groups, back_to)
    return bench.give(Kind.PARAMETERS, "m1", body).reason


def in_force(bench: Workbench) -> int:
    held = bench.meter.memory.parameters
    return 0 if held is None else held.in_force


def mode_of(bench: Workbench) -> PaymentMode:
    return bench.meter.point.credit.mode


@settings(max_examples=200)
@given(
    liar=st.sampled_from(Source),
    from_ms=st.sampled_from([1, MINUTE_MS, 20 * MINUTE_MS, HOUR_MS]),
    data=st.data(),
)
def test_no_lie_of_one_source_puts_a_version_in_force_before_its_date(
    liar: Source, from_ms: int, data: st.DataObject
) -> None:
    bench = Workbench(mode=CREDIT)
    sets(bench, PREPAID, from_ms=MONDAY_MS + from_ms)
    program: list[Step] = data.draw(programs_with(liar))
    for wait_ms, name, act in program:
        bench.wait(wait_ms)
        if not name.startswith("parameters"):
            act(bench)
        assert in_force(bench) == 0 or bench.now_ms >= MONDAY_MS + from_ms
        assert mode_of(bench) is (PREPAID if in_force(bench) else CREDIT)


@given(
    versions=st.lists(
        st.tuples(st.integers(0, 90), st.sampled_from([PREPAID, CREDIT, None])), min_size=1, max_size=3
    ),
    asked_s=st.integers(0, 120),
)
def test_the_highest_version_whose_date_has_come_is_in_force(
    versions: list[tuple[int, PaymentMode | None]], asked_s: int
) -> None:
    """By an envelope of a second on either side: a date has surely come two seconds later at most."""
    bench = Workbench()
    for later_s, mode in versions:
        assert sets(bench, mode, from_ms=MONDAY_MS + later_s * SECOND_MS) == "stored"
    bench.wait(asked_s * SECOND_MS)
    surely = [n for n, (later_s, _) in enumerate(versions, 1) if later_s <= asked_s - 3]
    perhaps = [n for n, (later_s, _) in enumerate(versions, 1) if later_s <= asked_s]
    assert max(surely, default=0) <= in_force(bench) <= max(perhaps, default=0)
    wanted = versions[in_force(bench) - 1][1] if in_force(bench) else None
    assert mode_of(bench) is (wanted or PREPAID)


def test_credit_gives_the_supply_back_and_prepaid_warns_before_it_cuts() -> None:
    bench = Workbench(balance_q=0)
    bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS))
    bench.wait(2 * HOUR_MS)
    assert bench.supply == "off"
    sets(bench, CREDIT)
    bench.wait(3 * SECOND_MS)
    assert bench.supply_changes()[-1][1:] == ("on", "credit")
    sets(bench, PREPAID)
    bench.wait(HOUR_MS)
    assert bench.supply == "on"
    bench.wait(10 * SECOND_MS)
    assert bench.supply_changes()[-1][1:] == ("off", "credit")


def test_a_roll_back_is_a_new_version_with_the_values_of_an_earlier_one() -> None:
    bench = Workbench()
    sets(bench, CREDIT, groups=("south",))
    bench.wait(MINUTE_MS)
    sets(bench, PREPAID)
    bench.wait(MINUTE_MS)
    sets(bench, back_to=1)
    bench.wait(MINUTE_MS)
    held = bench.meter.memory.parameters
    assert held is not None
    assert (held.in_force, held.groups, mode_of(bench)) == (3, ("south",), CREDIT)
    sets(bench, back_to=0)
    bench.wait(MINUTE_MS)
    assert (in_force(bench), mode_of(bench)) == (4, PREPAID)


def test_a_version_that_is_not_held_is_no_way_back() -> None:
    bench = Workbench()
    assert sets(bench, back_to=1) == "out_of_range"
    assert bench.meter.memory.parameters is None


def test_of_more_versions_than_it_keeps_the_oldest_goes_and_never_the_one_in_force() -> None:
    bench = Workbench()
    sets(bench, CREDIT)
    bench.wait(MINUTE_MS)
    for _ in range(PARAMETER_SETS_MAX):
        sets(bench, PREPAID, from_ms=MONDAY_MS + 20 * DAY_MS)
    held = bench.meter.memory.parameters
    assert held is not None
    assert [each.version for each in held.sets] == [0, 1, 4, 5]
    assert mode_of(bench) is CREDIT


def test_groups_of_the_parameters_replace_those_of_the_commissioning() -> None:
    bench = Workbench()

    def limited(group: str) -> str:
        order = bench.order(Kind.LIMITER, "g", LimiterBody(True), scope=Scope(group=group))
        return bench.send(order).verdict

    assert (limited("north"), limited("south")) == ("accepted", "refused")
    sets(bench, groups=("south",))
    bench.wait(MINUTE_MS)
    assert (limited("north"), limited("south")) == ("refused", "accepted")
    sets(bench)
    bench.wait(MINUTE_MS)
    assert (limited("north"), limited("south")) == ("accepted", "refused")


def test_what_is_in_force_stays_when_the_ticks_are_lost_and_nothing_more_comes_until_the_clock_is_back() -> (
    None
):
    bench = Workbench(mode=CREDIT)
    sets(bench, PREPAID)
    sets(bench, CREDIT, from_ms=MONDAY_MS + HOUR_MS)
    bench.wait(MINUTE_MS)
    bench.do(TicksLost())
    bench.wait(2 * HOUR_MS)
    assert (in_force(bench), mode_of(bench)) == (1, PREPAID)
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source)
    bench.wait(SECOND_MS)
    assert (in_force(bench), mode_of(bench)) == (2, CREDIT)


def test_parameters_survive_a_power_cut() -> None:
    bench = Workbench()
    sets(bench, CREDIT, groups=("south", "gas"))
    bench.wait(MINUTE_MS)
    assert decode_image(bench.meter.image()) == bench.meter.memory


@pytest.mark.parametrize("signers", [("dora",), ("anna", "bert")])
def test_one_person_and_those_who_may_only_protect_set_nothing(signers: tuple[str, ...]) -> None:
    bench = Workbench()
    order = bench.order(Kind.PARAMETERS, "m1", ParametersBody(bench.now_ms, CREDIT))
    assert bench.send(order, signers).reason == "too_few_signers"
    assert bench.meter.memory.parameters is None
