"""A service lives by its beats: on its machine by the time since boot, elsewhere by their going on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.service.liveness import SILENT_MS, LifeSign, ServiceState, Uptime, age_ms, presence_of

SIGN = LifeSign(
    run="r1",
    host="h",
    boot_id="boot",
    began_tick_ms=0,
    tick_ms=1_000_000,
    beat=5,
    broker="mqtt://b:1883",
    connected=1,
)
HERE = Uptime("boot", 1_000_000)


def test_no_sign_is_no_service() -> None:
    assert presence_of(None, HERE) is ServiceState.ABSENT


@given(st.integers(0, 10**9))
def test_on_the_same_boot_the_age_decides(old_ms: int) -> None:
    here = Uptime("boot", SIGN.tick_ms + old_ms)
    assert age_ms(SIGN, here) == old_ms
    assert presence_of(SIGN, here) is (ServiceState.SERVING if old_ms < SILENT_MS else ServiceState.SILENT)
    # What another reader sees later changes nothing there.
    assert presence_of(SIGN, here, replace(SIGN, beat=9)) is presence_of(SIGN, here)


@given(st.integers(-(10**9), 10**9))
def test_elsewhere_only_the_beats_decide_whatever_the_ticks(ticks: int) -> None:
    here = Uptime("another", SIGN.tick_ms + ticks)
    assert age_ms(SIGN, here) is None
    assert presence_of(SIGN, here, SIGN) is ServiceState.SILENT
    assert presence_of(SIGN, here, None) is ServiceState.SILENT
    assert presence_of(SIGN, here, replace(SIGN, beat=6)) is ServiceState.SERVING
    assert presence_of(SIGN, here, replace(SIGN, run="r2", beat=5)) is ServiceState.SERVING


@pytest.mark.parametrize("here", [HERE, Uptime("another", 0)])
def test_a_service_without_its_broker_does_not_serve(here: Uptime) -> None:
    lonely = replace(SIGN, connected=0)
    assert presence_of(lonely, here, replace(lonely, beat=6)) is ServiceState.NO_BROKER
