"""Recovery cards: who may sign them, their numbers, and until when each may be put in."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from cardreader.card.store import WholeMemory
from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.recovering import end_of_last_day_ms, reactivate, recover
from protocols.documents.orders import presented_until_ms
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS, UtcMs
from tests.cardreader.kiosk.till_bench import CARD, SIGNERS, Till
from tests.cardreader.one_card import NOW_MS

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
