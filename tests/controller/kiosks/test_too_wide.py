"""Lists say of a meter on cards that its clock is too wide to cut, and of no other."""

import pytest
from sqlalchemy import Engine

from controller.database.engine import reading, writing
from controller.database.tables import LinkRow, MeterRow
from controller.meters.by_card import count_too_wide, is_too_wide
from controller.meters.registry import BY_CARD
from protocols.instants import HOUR_MS
from tests.controller.kiosks.office import NOW_MS, add_kiosk


@pytest.mark.parametrize(
    ("link", "earliest_ms", "latest_ms", "wide"),
    [
        (BY_CARD, None, None, False),
        (BY_CARD, NOW_MS, NOW_MS + 8 * HOUR_MS, False),
        (BY_CARD, NOW_MS, NOW_MS + 8 * HOUR_MS + 1, True),
        (BY_CARD, NOW_MS, None, True),
        ("link-1", NOW_MS, None, False),
    ],
)
def test_only_a_meter_on_cards_is_too_wide(
    engine: Engine, link: str, earliest_ms: int | None, latest_ms: int | None, wide: bool
) -> None:
    add_kiosk(engine, meters=("m1",))
    with writing(engine) as session:
        session.add(LinkRow(id="link-1", state="online", sequence=1, meters=1, seen_ms=0))
        session.flush()
        row = session.get_one(MeterRow, "m1")
        row.link, row.earliest_ms, row.latest_ms = link, earliest_ms, latest_ms
    assert is_too_wide(link, earliest_ms, latest_ms) == wide
    with reading(engine) as session:
        assert count_too_wide(session) == wide
