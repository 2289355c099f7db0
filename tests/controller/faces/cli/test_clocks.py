"""A command beside a service that has written what it believes of the time: `doctor`, and row by row."""

from pathlib import Path
from typing import Final

import pytest

from controller.database.engine import open_store, writing
from controller.timing.store import ClockWritten, write_clock
from protocols.instants import DAY_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import Voice
from protocols.rim.clocks import boot_id, now_ms, tick_ms
from protocols.timing import State, claim, hear, judge, judgement
from tests.controller.faces.cli.invocation import call

BOTH: Final = (Voice.SYSTEM, Voice.TIMESERVER)


def service_believes(
    home: Path, off_ms: int, *voices: Voice, shares: bool | None = None, boot: str = ""
) -> None:
    """Write the row of a service whose voices are so far from this machine's clock; `boot`: elsewhere."""
    tick, at_ms = tick_ms(), now_ms() + off_ms
    state = State(boot or boot_id())
    for voice in voices:
        state = hear(state, voice, claim(at_ms - SECOND_MS, tick, at_ms + SECOND_MS, tick))
    judged = judgement(judge(state, tick), tick, at_ms)
    store = open_store(f"sqlite:///{home / 'relance.db'}")
    with writing(store) as session:
        write_clock(session, ClockWritten(judged=judged, shares_machine=shares))
    store.dispose()


def test_doctor_says_that_no_service_has_ever_run(home: Path) -> None:
    ended = call(home, "doctor")
    assert ended.status == 1
    assert "has never run on this store" in ended.out
    assert call(home, "doctor", "--json").found["clock"]["standing"] is None


def test_doctor_says_with_whom_the_service_compared_and_who_shares_a_machine(home: Path) -> None:
    service_believes(home, 0, *BOTH, shares=True)
    ended = call(home, "doctor")
    assert ended.status == 0, ended
    for said in (
        "The service trusts its clock.",
        "the system clock agrees; the timeserver agrees; the fleet is silent",
        "runs on the same machine",
        "This machine's clock agrees with the service's.",
    ):
        assert said in ended.out
    found = call(home, "doctor", "--json").found["clock"]
    assert (found["standing"], found["shares_machine"], found["silent"]) == ("trusted", True, ["fleet"])
    assert found["this_machine"] == {"same_boot": True, "offset_ms": 0, "differs": False}


def test_doctor_says_why_the_service_doubts_and_what_it_does_not_do(home: Path) -> None:
    service_believes(home, 0, Voice.SYSTEM)
    ended = call(home, "doctor")
    assert ended.status == 1
    assert "doubts its clock: fewer than two clocks have been heard; not done meanwhile" in ended.out


@pytest.mark.parametrize("off_ms", [10 * MINUTE_MS, DAY_MS, 400 * DAY_MS, -10 * MINUTE_MS, -400 * DAY_MS])
def test_protection_is_issued_by_the_services_clock_and_the_command_says_that_they_differ(
    home: Path, off_ms: int
) -> None:
    service_believes(home, off_ms, *BOTH)
    for verb in (("release", "m00001"), ("moratorium", "declare", "mora", "--until", "2098-01-01T00:00Z")):
        ended = call(home, *verb, "--json")
        assert ended.status == 0, ended
        assert f"{'behind' if off_ms > 0 else 'ahead of'} what the service last knew" in ended.err
        order = ended.found["orders"][0] if "orders" in ended.found else ended.found
        assert abs(order["issued_at_ms"] - now_ms() - off_ms) < MINUTE_MS


@pytest.mark.parametrize("off_ms", [2 * MINUTE_MS, -2 * MINUTE_MS, 60 * DAY_MS])
def test_harm_is_refused_where_clocks_differ_and_where_the_service_doubts_its_own(
    home: Path, off_ms: int
) -> None:
    drafted = call(home, "flag", "clear", "m00001", "medical", "--as", "anne", "--json")
    assert drafted.status == 0, drafted
    sign = ("orders", "sign", str(drafted.found["id"]), "--as", "bart")
    service_believes(home, off_ms, *BOTH)
    for verb in (sign, ("flag", "clear", "m00002", "medical")):
        ended = call(home, *verb)
        assert ended.status == 1
        assert "this machine's clock and the service's differ" in ended.err
    service_believes(home, 0, Voice.SYSTEM)
    ended = call(home, *sign)
    assert ended.status == 1
    assert "the service doubts its clock" in ended.err
    service_believes(home, 0, *BOTH)
    assert call(home, *sign).status == 0


@pytest.mark.parametrize("boot", ["", "another"])
def test_no_clock_that_differs_says_how_long_a_root_lasts(home: Path, boot: str) -> None:
    """A machine decades ahead made a root that lasts as long; to drop a key no clock is in the way."""
    service_believes(home, -20 * 365 * DAY_MS, *BOTH, boot=boot)
    ended = call(home, "root", "propose")
    assert ended.status == 1
    assert "root: this machine's clock and the service's differ" in ended.one_line()
    assert call(home, "root", "propose", "--drop", "carl").status == 0
    service_believes(home, 0, *BOTH, boot=boot)
    assert call(home, "root", "propose").status == 0
