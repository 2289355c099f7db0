"""A clerk's key for a shift: closed by the count of ticks, and when its shift has ended."""

from pathlib import Path

import pytest

from cardreader.issuing.practice import HOLDERS, practice_signer
from cardreader.kiosk.clerks_key import KeyClosedError, open_for_shift
from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.home import practice_home
from cardreader.kiosk.shifts import close_shift, open_shift
from cardreader.kiosk.store import open_kiosk_store, writing_kiosk
from protocols.documents.kind_rule import Role
from protocols.errors import RefusedError
from protocols.instants import MINUTE_MS, UtcMs
from protocols.reasons import Language
from tests.cardreader.kiosk.till_bench import home_of

NOW_MS = UtcMs(1_593_720_060_000)
PRIVATE = practice_signer("practice", HOLDERS[Role.PROTECT][0])


@pytest.fixture
def kiosk(tmp_path: Path) -> Kiosk:
    return Kiosk(practice_home("practice", 1), open_kiosk_store(tmp_path / "till.db"), "k")


def test_it_is_open_for_its_minutes_by_ticks_whatever_the_date(kiosk: Kiosk) -> None:
    ticks = [7]
    key = open_for_shift(kiosk, PRIVATE, 2, lambda: ticks[0])
    ticks[0] = 6 + 2 * MINUTE_MS
    assert key.signer(kiosk) is PRIVATE
    ticks[0] += 1
    with pytest.raises(KeyClosedError, match="its time is over"):
        key.signer(kiosk)
    assert "private" not in repr(key)


def test_the_end_of_its_shift_closes_it_and_the_next_shift_opens_it_not(kiosk: Kiosk) -> None:
    def shift(clerk: str) -> None:
        with writing_kiosk(kiosk.engine) as session:
            open_shift(session, clerk, Language.FRENCH, 0, NOW_MS)

    shift("anna")
    key = open_for_shift(kiosk, PRIVATE, 60, lambda: 0)
    assert key.signer(kiosk) is PRIVATE
    with writing_kiosk(kiosk.engine) as session:
        close_shift(session, 0, NOW_MS)
    for _ in range(2):
        with pytest.raises(KeyClosedError, match="its shift has ended"):
            key.signer(kiosk)
        shift("anna")


def test_a_real_kiosk_opens_none_without_a_shift(tmp_path: Path) -> None:
    kiosk = Kiosk(home_of("k1"), open_kiosk_store(tmp_path / "till.db"), "k1")
    with pytest.raises(RefusedError, match="no shift is open"):
        open_for_shift(kiosk, PRIVATE, 60, lambda: 0)
