"""A moratorium on its way by card: unknown, then kept for the card at home, then stored."""

from sqlalchemy import Engine
from sqlmodel import Session

from cardreader.files.meter_state import state_word
from cardreader.issuing.practice import practice_signer
from controller.database.engine import writing
from controller.database.kiosk_tables import KioskRow
from controller.kiosks.documents import refresh_documents
from controller.kiosks.store import put_documents
from controller.moratoriums.views import list_holds
from controller.orders.store import draw_sheet, submit
from protocols.cutting.planning import plan_calendar
from protocols.documents.drafting import FLEET as FLEET_SCOPE
from protocols.documents.drafting import CalendarRule, Sheet, declare_moratorium, lease
from protocols.documents.envelope import document_digest, seal
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, Order, write_document
from protocols.instants import DAY_MS
from protocols.limits import LEASE_MS_MAX
from protocols.link.keys import meter_key
from protocols.link.kiosk_words import write_card_heard
from protocols.link.messages import Receipt, write_report
from protocols.link.topics import Channel
from protocols.reasons import Did, OrderVerdict
from tests.controller.kiosks.office import FLEET, KIOSK, NOW_MS, ROOT, add_kiosk, item, root_sent, take
from tests.controller.kiosks.test_cards import SERIAL, brought, state


def reached(session: Session) -> tuple[int, int, int]:
    """Of the one moratorium: stored, card at home, unknown."""
    (hold,) = list_holds(session)
    return hold.progress.stored, hold.on_cards, hold.progress.unknown - hold.on_cards


def declared(session: Session) -> tuple[Order, bytes]:
    sheet = draw_sheet(session, Kind.HOLD, "frost", NOW_MS, "decree")
    order = declare_moratorium(sheet, "frost", NOW_MS, NOW_MS + DAY_MS)
    envelope = seal(write_document(order), ORDER_TYPE, [practice_signer("office", "anna")])
    submit(session, envelope, ROOT, "anna", NOW_MS)
    return order, envelope


def receipt_on_card(order: Order, envelope: bytes) -> bytes:
    """What the card brings back: the meter's own word that it has stored the order."""
    key = meter_key(FLEET, "m9")
    receipt = Receipt(
        meter="m9",
        order=order.id,
        kind=order.kind,
        object=order.object,
        rev=order.rev,
        verdict=OrderVerdict.ACCEPTED,
        reason=Did.STORED,
        number=9,
        document=document_digest(envelope),
        epoch=7,
    )
    word = state_word(state(number=8), key).encode()
    return write_card_heard(SERIAL, "m9", word, [], [write_report(receipt, key)])


def test_a_hold_waits_for_the_card_at_home_until_the_meter_says_on_it_that_it_has_it(engine: Engine) -> None:
    # m1 and m2 are meters on cards of which no kiosk has seen the card.
    add_kiosk(engine)
    with writing(engine) as session:
        take(session, item(brought(), 1, Channel.KIOSK_RECEIPTS))
        order, envelope = declared(session)
        assert reached(session) == (0, 0, 3)
        kiosk = session.get_one(KioskRow, KIOSK)
        assert refresh_documents(session, kiosk, FLEET, root_sent(), NOW_MS)
        assert reached(session) == (0, 1, 2)
        said = item(receipt_on_card(order, envelope), 2, Channel.KIOSK_RECEIPTS)
        assert not take(session, said).refused
        assert reached(session) == (1, 0, 2)


def test_what_a_kiosk_keeps_no_more_is_unknown_again(engine: Engine) -> None:
    add_kiosk(engine, meters=())
    with writing(engine) as session:
        take(session, item(brought(), 1, Channel.KIOSK_RECEIPTS))
        declared(session)
        kiosk = session.get_one(KioskRow, KIOSK)
        refresh_documents(session, kiosk, FLEET, root_sent(), NOW_MS)
        assert reached(session) == (0, 1, 0)
        put_documents(session, kiosk, "m9", {})
        assert reached(session) == (0, 0, 1)


def leased(session: Session, meters: tuple[str, ...], life_ms: int, at_ms: int) -> None:
    """A lease as the service issues it to these meters."""
    sheet = draw_sheet(session, Kind.LEASE, "fleet", at_ms, "lease")
    order = lease(sheet, meters, season(at_ms), (), life_ms)
    envelope = seal(write_document(order), ORDER_TYPE, [practice_signer("office", "service")])
    submit(session, envelope, ROOT, "service", at_ms)


def season(at_ms: int) -> Order:
    """A calendar for a lease to name."""
    rule = CalendarRule("mon-thu 09:00-12:00", "Europe/Brussels", "BE")
    span_ms = (at_ms, at_ms + 30 * DAY_MS)
    return plan_calendar(Sheet("o999", 1, at_ms, "season"), "season", rule, span_ms, FLEET_SCOPE)


def test_it_is_said_until_when_a_lease_from_before_a_moratorium_permits_a_cut(engine: Engine) -> None:
    add_kiosk(engine)
    with writing(engine) as session:
        take(session, item(brought(), 1, Channel.KIOSK_RECEIPTS))
        leased(session, ("m1", "m9"), LEASE_MS_MAX, NOW_MS - 5 * DAY_MS)
        leased(session, ("m1",), LEASE_MS_MAX, NOW_MS - 3 * DAY_MS)
        order, envelope = declared(session)
        assert leases_before(session) == (2, NOW_MS + 28 * DAY_MS)
        leased(session, ("m2",), LEASE_MS_MAX, NOW_MS + 1)
        assert leases_before(session) == (2, NOW_MS + 28 * DAY_MS)
        take(session, item(receipt_on_card(order, envelope), 2, Channel.KIOSK_RECEIPTS))
        assert leases_before(session) == (1, NOW_MS + 28 * DAY_MS)


def leases_before(session: Session) -> tuple[int, int | None]:
    """Of the one moratorium: meters that an earlier lease may still permit to be cut, and until when."""
    (hold,) = list_holds(session)
    return hold.leased.meters, hold.leased.until_ms
