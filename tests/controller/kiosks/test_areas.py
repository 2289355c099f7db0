"""A kiosk keeps documents for its areas: who comes from elsewhere, or first, gets them at once."""

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from controller.database.engine import writing
from controller.database.kiosk_tables import CardMeterRow, KioskRow
from controller.database.tables import HouseholdRow, LinkRow, MeterRow
from controller.kiosks.areas import areas_of, documents_too_large, meters_in_areas, set_areas
from controller.kiosks.documents import refresh_documents
from controller.kiosks.rules import CARD_DOCUMENT_BYTES_MAX
from controller.kiosks.store import documents_after, put_documents
from controller.kiosks.views import show_kiosk
from protocols.errors import InputError, RefusedError
from protocols.link.topics import Channel
from tests.controller.kiosks.office import FLEET, KIOSK, NOW_MS, add_kiosk, item, root_sent, take
from tests.controller.kiosks.test_cards import brought
from tests.controller.kiosks.test_holds_on_cards import declared
from tests.controller.kiosks.test_refunds import act_of


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """A kiosk that saw m9 last; m1 was seen elsewhere, m2 nowhere; m5 never spoke, m6 will have a link."""
    add_kiosk(engine)
    with writing(engine) as session:
        take(session, item(brought(), 1, Channel.KIOSK_RECEIPTS))
        seen = session.get_one(CardMeterRow, "m9")
        values = {name: getattr(seen, name) for name in CardMeterRow.model_fields}
        session.add(CardMeterRow(**(values | {"meter": "m1", "kiosk": "k2", "seen_ms": NOW_MS - 5})))
        for place, (meter, area, link) in enumerate(
            [
                ("m1", "Namur", None),
                ("m2", "Namur", None),
                ("m5", "Namur", None),
                ("m6", "Namur", "link-1"),
                ("m7", "Mons", None),
                ("m9", "Namur", None),
            ]
        ):
            session.add(HouseholdRow(ean=f"{place:018}", meter=meter, area=area, link=link))
    return engine


def kept(session: Session) -> dict[str, set[str]]:
    """The documents that the kiosk is to keep, by meter."""
    found: dict[str, set[str]] = {}
    for row in documents_after(session, KIOSK, 0, 1_000):
        if row.digest:
            found.setdefault(row.meter, set()).add(row.object)
    return found


def chosen(session: Session) -> dict[str, set[str]]:
    refresh_documents(session, session.get_one(KioskRow, KIOSK), FLEET, root_sent(), NOW_MS)
    return kept(session)


def test_the_meters_of_an_area_get_their_documents_before_their_first_visit(engine: Engine) -> None:
    with writing(engine) as session:
        order, _ = declared(session)
        name = f"{order.object}/{order.id}"
        assert chosen(session).keys() == {"m9"}
        assert set_areas(act_of(session), KIOSK, ("Namur",))
        assert not set_areas(act_of(session), KIOSK, ("Namur", "Namur"))
        found = chosen(session)
        assert found.keys() == {"m1", "m2", "m5", "m9"}
        assert all(name in each for each in found.values())
        # Who never spoke has no issuers yet either.
        assert "issuers" in found["m5"]
        assert list(meters_in_areas(session, session.get_one(KioskRow, KIOSK)).spoke) == ["m2", "m5", "m1"]
        assert chosen(session) == found
        set_areas(act_of(session), KIOSK, ())
        assert chosen(session).keys() == {"m9"}
        assert areas_of(session, KIOSK) == ()


def test_a_meter_that_a_link_reaches_or_whose_card_went_elsewhere_has_none_there(engine: Engine) -> None:
    with writing(engine) as session:
        declared(session)
        set_areas(act_of(session), KIOSK, ("Namur",))
        assert chosen(session).keys() == {"m1", "m2", "m5", "m9"}
        session.add(LinkRow(id="link-1", state="online", sequence=1, meters=1, seen_ms=NOW_MS))
        session.flush()
        session.get_one(MeterRow, "m2").link = "link-1"
        session.get_one(CardMeterRow, "m9").kiosk = "k2"
        session.flush()
        assert chosen(session).keys() == {"m1", "m5", "m9"}
        set_areas(act_of(session), KIOSK, ("Mons",))
        assert chosen(session).keys() == {"m7"}


def test_what_has_no_room_is_said_and_comes_in_turn(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.kiosks.areas.AREA_METERS_MAX", 2)
    with writing(engine) as session:
        declared(session)
        set_areas(act_of(session), KIOSK, ("Namur",))
        assert chosen(session).keys() == {"m2", "m5", "m9"}
        view = show_kiosk(session, KIOSK)
        assert (view.areas, view.near, view.left_out) == (("Namur",), 2, 1)


def test_a_document_that_no_card_holds_is_named(engine: Engine) -> None:
    with writing(engine) as session:
        kiosk = session.get_one(KioskRow, KIOSK)
        sizes = {"calendar/a": CARD_DOCUMENT_BYTES_MAX, "calendar/b": CARD_DOCUMENT_BYTES_MAX + 1}
        put_documents(session, kiosk, "m9", {name: b"x" * size for name, size in sizes.items()})
        assert documents_too_large(session, KIOSK) == [("m9", "calendar/b")]
        assert show_kiosk(session, KIOSK).too_large == (("m9", "calendar/b"),)


def test_an_area_of_nobody_and_a_kiosk_that_is_not_there_are_refused(engine: Engine) -> None:
    with writing(engine) as session:
        with pytest.raises(InputError, match="is of no household; allowed: Mons, Namur"):
            set_areas(act_of(session), KIOSK, ("Namur", "Liege"))
        with pytest.raises(RefusedError, match="no such kiosk"):
            set_areas(act_of(session), "k7", ("Namur",))
        assert areas_of(session, KIOSK) == ()
