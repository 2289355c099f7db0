"""Recovery cards: who may sign them, their numbers, and until when each may be put in."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.files.documents import Words
from cardreader.files.layout import REPORTS
from cardreader.host.transport import InProcess
from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.recovering import NUMBER_STEP_MAX, end_of_last_day_ms, reactivate, recover
from protocols.documents.bodies import Named
from protocols.documents.orders import presented_until_ms
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS, UtcMs
from protocols.limits import REV_MAX
from tests.cardreader.kiosk.till_bench import CARD, SIGNERS, Till
from tests.cardreader.meter_holdings import holdings
from tests.cardreader.one_card import METER, METER_KEYS, NOW_MS, session

ANNA = practice_signer("1", "anna")
ZONE = "Europe/Brussels"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till("k1", tmp_path)
    yield made
    made.engine.dispose()


@pytest.mark.parametrize(
    ("now", "hours", "until"),
    [
        ("2020-07-02T20:00:00+02:00", 24, "2020-07-04T00:00:00+02:00"),  # Thursday: until Friday's end
        ("2020-07-02T00:00:00+02:00", 24, "2020-07-04T00:00:00+02:00"),
        ("2020-07-01T23:59:00+02:00", 24, "2020-07-03T00:00:00+02:00"),
        ("2020-07-02T20:00:00+02:00", 240, "2020-07-13T00:00:00+02:00"),
        ("2020-10-24T12:00:00+02:00", 24, "2020-10-26T00:00:00+01:00"),  # the day of 25 hours
        ("2020-03-28T12:00:00+01:00", 24, "2020-03-30T00:00:00+02:00"),  # the day of 23 hours
        ("2020-12-31T12:00:00+01:00", 48, "2021-01-03T00:00:00+01:00"),
    ],
)
def test_a_card_is_good_until_the_end_of_its_last_local_day(now: str, hours: int, until: str) -> None:
    assert end_of_last_day_ms(ms(now), hours, ZONE) == ms(until)


def test_each_release_has_a_number_above_those_before(till: Till) -> None:
    memory = WholeMemory(CARD)
    for number in (1, 2, 3):
        with till.serving(memory) as card:
            done = recover(till.kiosk, card, ANNA, 72, UtcMs(NOW_MS))
        assert (done.order.rev, done.order.object) == (number, f"release/{ANNA.keyid}")
        assert done.present_until_ms == end_of_last_day_ms(NOW_MS, 72, ZONE)
        assert done.order.scope.meters == (card.meter,)


def saying(number: int) -> WholeMemory:
    """The household's card, on which its meter, or somebody, says that it holds this release of anna."""
    memory = WholeMemory(CARD)
    held = Named(object=f"release/{ANNA.keyid}", floor=number)
    word = msgspec.json.encode(msgspec.structs.replace(holdings(METER), protections=(held,)))
    slot = session(InProcess(SmartCard(memory)), METER_KEYS)
    slot.write(REPORTS, Words((word,)).encode())
    slot.commit()
    return memory


def given(till: Till, memory: WholeMemory) -> int:
    with till.serving(memory) as card:
        return recover(till.kiosk, card, ANNA, 72, UtcMs(NOW_MS)).order.rev


def test_a_release_is_above_what_the_meter_holds(till: Till) -> None:
    assert given(till, saying(5_000)) == 5_001
    assert given(till, saying(0)) == 5_002


@pytest.mark.parametrize("said", [REV_MAX // 2 - 1, REV_MAX // 2, REV_MAX // 2 + 1, REV_MAX])
def test_a_card_that_lies_leaves_the_key_its_numbers_for_that_meter(
    till: Till, tmp_path: Path, said: int
) -> None:
    other = Till("k2", tmp_path)
    with suppress(RefusedError):
        given(till, saying(said))
    # The meter has carried out what the household's own card brought then.
    holds = given(till, WholeMemory(CARD))
    assert holds <= NUMBER_STEP_MAX + 2
    for kiosk in (till, other):
        tries = [given(kiosk, saying(holds)) for _ in range(2)]
        assert tries[-1] > holds
    other.engine.dispose()


@hypothesis_given(said=st.lists(st.integers(0, REV_MAX), max_size=8))
def test_every_number_is_above_the_last_and_no_lie_is_worth_more_than_a_step(said: list[int]) -> None:
    with TemporaryDirectory() as folder:
        till, last = Till("k1", Path(folder)), 0
        for number in said:
            with suppress(RefusedError):
                found = given(till, saying(number))
                assert last < found <= last + NUMBER_STEP_MAX + 1
                last = found
        assert given(till, saying(0)) == last + 1
        till.engine.dispose()


@pytest.mark.parametrize("ahead_ms", [0, DAY_MS, -60 * DAY_MS])
@pytest.mark.parametrize("tells_time", [False, True])
def test_a_kiosk_dates_a_card_by_the_clock_that_it_has_judged_or_not_at_all(
    till: Till, ahead_ms: int, *, tells_time: bool
) -> None:
    till.kiosk = replace(till.kiosk, tells_time=tells_time, ahead_ms=ahead_ms if tells_time else 0)
    with till.serving(WholeMemory(CARD)) as card:
        done = recover(till.kiosk, card, ANNA, 72, till.kiosk.now_ms(NOW_MS + ahead_ms))
    assert done.is_judged == tells_time
    if tells_time:
        assert presented_until_ms(done.order) == done.present_until_ms == end_of_last_day_ms(NOW_MS, 72, ZONE)
    else:
        assert presented_until_ms(done.order) is None


def test_only_a_clerks_own_key_of_role_protect_gives_supply_back(till: Till) -> None:
    with till.serving(WholeMemory(CARD)) as card:
        for signer in (SIGNERS["k1"], practice_signer("1", "dora")):
            with pytest.raises(RefusedError, match="not one of role protect"):
                recover(till.kiosk, card, signer, 72, UtcMs(NOW_MS))
            with pytest.raises(RefusedError, match="not one of role protect"):
                reactivate(till.kiosk, card, signer, "c1", UtcMs(NOW_MS))
        with pytest.raises(InputError, match="--hours: 25; allowed: 24, 48, 72, 240"):
            recover(till.kiosk, card, ANNA, 25, UtcMs(NOW_MS))
