"""A meter leaves while nobody can say what time it is: no clock says then that it is silent."""

import msgspec
import pytest
from sqlalchemy import Engine

from controller.connections.removing import remove_meter
from controller.connections.replacing import OldDisplay, Replaced, Wanted, replace_meter
from controller.database.engine import writing
from controller.database.tables import MeterRow
from controller.orders.acting import acting
from controller.timing.comparing import Here
from controller.timing.store import ClockWritten, write_clock
from protocols.errors import RefusedError
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.reasons import Voice
from protocols.timing import State, claim, hear, judge, judgement
from tests.controller.connections.bench import ANNA, EUR, NOW_MS, account, reports
from tests.controller.households.households import ean, stored
from tests.emulator.firmware.guarded.workbench import ROOT

BOTH = (Voice.SYSTEM, Voice.TIMESERVER)
AHEAD = Here(NOW_MS + 2 * HOUR_MS, 1, "here")


def speaks(engine: Engine, at_ms: int) -> None:
    with writing(engine) as session:
        session.get_one(MeterRow, "m1").last_seen_ms = at_ms


def service_believes(engine: Engine, at_ms: int, *voices: Voice, boot: str) -> None:
    """The row of a service that wrote at this instant, in this boot; without voices it doubts its clock."""
    state = State(boot)
    for voice in voices:
        state = hear(state, voice, claim(at_ms, 1, at_ms, 1))
    with writing(engine) as session:
        write_clock(session, ClockWritten(judged=judgement(judge(state, 1), 1, at_ms), shares_machine=None))


def replaced_where(engine: Engine, here: Here, **more: object) -> Replaced:
    wanted = msgspec.structs.replace(Wanted(old="m1", new="m9", ean=ean(1)), **more)
    with acting(engine, ROOT, ANNA, here.now_ms, "work order 7", here=here) as act:
        return replace_meter(act, wanted)


@pytest.mark.parametrize("voices", [BOTH, ()])
def test_by_a_clock_that_is_ahead_or_doubted_no_meter_is_silent(
    peopled: Engine, voices: tuple[Voice, ...]
) -> None:
    """It spoke a minute ago, and goes on using its 50 EUR."""
    reports(peopled, "m1", 50 * EUR)
    speaks(peopled, NOW_MS - MINUTE_MS)
    service_believes(peopled, NOW_MS, *voices, boot="elsewhere")
    before = stored(peopled)
    with pytest.raises(RefusedError, match=r'"m1": may still speak: .*`relance doctor`.*--balance-eur'):
        replaced_where(peopled, AHEAD)
    with pytest.raises(RefusedError, match="credit would be in two meters"):
        replaced_where(peopled, AHEAD, still_speaks=True)
    assert stored(peopled) == before


@pytest.mark.parametrize("now_ms", [AHEAD.now_ms, NOW_MS - DAY_MS])
def test_a_broken_meter_is_replaced_by_a_doubted_clock_once_its_display_was_read(
    peopled: Engine, now_ms: int
) -> None:
    """A household without supply does not wait for a clock, whether it is ahead or behind."""
    reports(peopled, "m1", 50 * EUR)
    speaks(peopled, NOW_MS - 2 * HOUR_MS)
    service_believes(peopled, NOW_MS, boot="elsewhere")
    done = replaced_where(peopled, Here(now_ms, 1, "here"), display=OldDisplay(49 * EUR))
    assert (done.retired.worth_ueur, done.retired.payment) == (49 * EUR, "carried.1")


def test_what_a_person_says_still_speaks_is_not_paid_twice_by_a_doubted_clock(peopled: Engine) -> None:
    reports(peopled, "m1", EUR, account(EUR, 0))
    speaks(peopled, NOW_MS - MINUTE_MS)
    service_believes(peopled, NOW_MS, *BOTH, boot="elsewhere")
    done = replaced_where(peopled, AHEAD, still_speaks=True)
    assert (done.retired.worth_ueur, done.retired.payment, done.retired.spoke) == (EUR, None, True)


def test_on_the_services_machine_its_own_clock_tells_who_is_silent(peopled: Engine) -> None:
    """The system clock is two hours ahead, and the service knows better."""
    reports(peopled, "m1", 50 * EUR)
    service_believes(peopled, NOW_MS, *BOTH, boot="here")
    speaks(peopled, NOW_MS - MINUTE_MS)
    with pytest.raises(RefusedError, match="still speaks, 1 min ago"):
        replaced_where(peopled, AHEAD)
    speaks(peopled, NOW_MS - HOUR_MS - MINUTE_MS)
    assert replaced_where(peopled, AHEAD).new


def test_by_a_clock_that_is_doubted_it_leaves_only_where_a_person_says_so(peopled: Engine) -> None:
    service_believes(peopled, NOW_MS, boot="elsewhere")
    here = Here(NOW_MS, 1, "here")
    with (
        acting(peopled, ROOT, ANNA, NOW_MS, "work order 8", here=here) as act,
        pytest.raises(RefusedError, match=r"may still speak: .* says more\), or with --still-speaks"),
    ):
        remove_meter(act, "m1")
    with acting(peopled, ROOT, ANNA, NOW_MS, "work order 8", here=here) as act:
        assert remove_meter(act, "m1", still_speaks=True).new
