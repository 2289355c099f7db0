"""A meter in the century after the next: "for ever" as it was said before, and dates up to 2200."""

from typing import Final

import pytest
from msgspec.structs import replace

from emulator.firmware.guarded.image import decode_image, encode_image
from protocols.documents.bodies import FlagBody, HoldBody, LiftBody, Named
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS, ms_from_iso
from protocols.limits import FOR_EVER_MS, INSTANT_MS_MAX
from protocols.reasons import FlagName
from tests.emulator.firmware.guarded import workbench
from tests.emulator.firmware.guarded.workbench import Workbench

M: Final = ms_from_iso("2150-07-06T00:00:00+02:00")


@pytest.fixture(autouse=True)
def _root_of_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench, "ROOT", replace(workbench.ROOT, expires_ms=M + 365 * DAY_MS))


def test_a_hold_for_ever_protects_in_2150_until_two_people_lift_it() -> None:
    bench = Workbench(balance_q=0, now_ms=M)
    said_ms = ms_from_iso("2020-03-18T00:00:00Z")
    hold = bench.order(Kind.HOLD, "covid", HoldBody(said_ms, FOR_EVER_MS), not_after_ms=FOR_EVER_MS)
    hold = replace(hold, issued_at_ms=said_ms, not_before_ms=said_ms)
    assert bench.send(hold).reason == "stored"
    bench.permit((M, M + 30 * DAY_MS), names=(Named("hold/covid", 0, (1,)),))
    bench.wait(9 * DAY_MS)
    assert bench.supply == "on"
    bench.meter.memory = decode_image(encode_image(bench.meter.memory))
    assert [span.until_ms for span in bench.meter.known.holds] == [INSTANT_MS_MAX]
    assert bench.send(bench.order(Kind.LIFT_HOLD, "covid", LiftBody())).reason == "stored"
    assert bench.wait(2 * HOUR_MS).supply == "off"


def test_protection_that_was_good_for_ever_is_taken_in_2150_and_harm_is_over() -> None:
    bench = Workbench(now_ms=M)
    flag = bench.order(Kind.SET_FLAG, "medical", FlagBody(FlagName.MEDICAL), not_after_ms=FOR_EVER_MS)
    before = {"issued_at_ms": M - 60 * 365 * DAY_MS, "not_before_ms": M - 60 * 365 * DAY_MS}
    assert bench.send(replace(flag, **before)).reason == "stored"
    lift = bench.order(Kind.LIFT_HOLD, "covid", LiftBody(), not_after_ms=FOR_EVER_MS)
    assert bench.send(replace(lift, **before)).reason == "expired"
    dated = bench.order(Kind.SET_FLAG, "dispute", FlagBody(FlagName.DISPUTE), not_after_ms=FOR_EVER_MS - 1)
    assert bench.send(replace(dated, **before)).reason == "expired"
