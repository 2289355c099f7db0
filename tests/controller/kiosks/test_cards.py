"""What a meter says on a card: known by its own MAC alone, and answered by what goes onto its card."""

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import Session

from cardreader.files.meter_state import MeterState, state_word
from controller.database.engine import writing
from controller.database.kiosk_tables import CardMeterRow, KioskRow
from controller.database.tables import MeterRow
from controller.exchange.purses import PursesHeard
from controller.exchange.words import IntakeRefusal
from controller.kiosks.answering import answers_to
from controller.kiosks.documents import refresh_documents
from controller.kiosks.store import documents_after, generations_in, keep_generations
from controller.kiosks.views import list_kiosks, reconcile
from controller.meters.registry import BY_CARD
from controller.payments.store import payments_of
from protocols.link.keys import kiosk_key, meter_key
from protocols.link.kiosk_words import KioskOrders, KioskStatus, read_word, unwrap_cards_key, write_card_heard
from protocols.link.messages import Reported, StatementHeld, write_report
from protocols.link.topics import Channel
from protocols.reasons import ClockStatus, Supply, SupplyReason
from protocols.units import UEUR_PER_EUR
from tests.controller.kiosks.office import (
    EPOCH,
    FLEET,
    KIOSK,
    NOW_MS,
    OFFICE,
    add_kiosk,
    item,
    root_sent,
    said,
    statement,
    take,
)

E = UEUR_PER_EUR
SERIAL = "0102030405060708"
WAY = f"card/{SERIAL}"


def report(meter: str = "m9", number: int = 2, total_eur: int = 0, way: str = WAY) -> Reported:
    """A meter's report on a card."""
    return Reported(
        meter=meter,
        number=number,
        journal=5,
        supply=Supply.ON,
        reason=SupplyReason.NONE,
        clock=ClockStatus.TRUSTED,
        earliest_ms=NOW_MS,
        latest_ms=NOW_MS + 1_000,
        time_ms=NOW_MS,
        balance_ueur=total_eur * E,
        emergency_ueur=0,
        next_possible_ms=None,
        dispute_nonce="",
        code="9",
        link=way,
        totals=(StatementHeld(OFFICE, 1, total_eur * E, EPOCH),),
        epoch=7,
    )


def state(meter: str = "m9", number: int = 1, total_eur: int = 0) -> MeterState:
    """What stands in EF.STATE."""
    return MeterState(
        card=SERIAL,
        pairing=1,
        meter=meter,
        epoch=7,
        number=number,
        time_ms=NOW_MS,
        energy_wh=1,
        balance_ueur=total_eur * E,
        emergency_ueur=0,
        supply=Supply.ON,
        reason=SupplyReason.NONE,
        code="9",
        clock=ClockStatus.TRUSTED,
        earliest_ms=NOW_MS,
        latest_ms=NOW_MS + 1_000,
        journal=5,
        journal_hash="ab" * 32,
        totals=(StatementHeld(OFFICE, 1, total_eur * E, EPOCH),),
    )


def brought(number: int = 1, total_eur: int = 0, *, key: bytes | None = None, card: str = SERIAL) -> bytes:
    """The body of an item: what a card has brought from meter m9."""
    key = key or meter_key(FLEET, "m9")
    word = state_word(state(number=number, total_eur=total_eur), key).encode()
    said_report = write_report(report(number=number + 1, total_eur=total_eur), key)
    return write_card_heard(card, "m9", word, [said_report], [])


def test_a_meter_that_only_cards_reach_is_known_and_its_money_is_booked(engine: Engine) -> None:
    add_kiosk(engine, meters=())
    purses = PursesHeard()
    with writing(engine) as session:
        take(session, item(statement("m9", 1, 20), 1))
        assert [each.kind for each in reconcile(session)] == ["unknown_meter"]
        taken = take(session, item(brought(), 2, Channel.KIOSK_RECEIPTS), purses=purses)
        assert not taken.refused
        row = session.get_one(MeterRow, "m9")
        assert (row.link, row.supply, row.clock, row.report_number) == (BY_CARD, "on", "trusted", 0)
        assert [each.total_ueur for each in payments_of(session)] == [20 * E]
        assert [each.kind for each in reconcile(session)] == ["not_credited"]
        take(session, item(brought(3, 20), 3, Channel.KIOSK_RECEIPTS))
        assert session.get_one(CardMeterRow, "m9").journal_hash == "ab" * 32
        assert (reconcile(session), row.balance_ueur) == ([], 20 * E)


def test_an_earlier_image_of_a_card_changes_nothing(engine: Engine) -> None:
    add_kiosk(engine, meters=())
    with writing(engine) as session:
        for number, total in ((3, 20), (1, 0)):
            take(session, item(brought(number, total), number, Channel.KIOSK_RECEIPTS))
        assert session.get_one(MeterRow, "m9").balance_ueur == 20 * E
        assert session.get_one(CardMeterRow, "m9").number == 3


def test_a_card_that_its_meter_has_not_read_since_is_seen_where_it_came_last(engine: Engine) -> None:
    add_kiosk(engine, meters=())
    with writing(engine) as session:
        for place, (number, at) in enumerate(((3, 1), (3, 2), (1, 3)), 1):
            word = item(brought(number), place, Channel.KIOSK_RECEIPTS)
            take(session, word, now_ms=NOW_MS + at)
            if place == 1:
                session.get_one(CardMeterRow, "m9").kiosk = "another"
        row = session.get_one(CardMeterRow, "m9")
        assert (row.kiosk, row.number, row.seen_ms) == (KIOSK, 3, NOW_MS + 2)


def test_money_that_only_the_meter_knows_of_is_listed(engine: Engine) -> None:
    """A statement that never came: the kiosk was stolen with it, or a thief has signed."""
    add_kiosk(engine, meters=())
    with writing(engine) as session:
        take(session, item(brought(1, 30), 1, Channel.KIOSK_RECEIPTS))
        (found,) = reconcile(session)
        assert (found.kind, found.meter, found.ledger_ueur, found.found_ueur) == (
            "meter_ahead",
            "m9",
            0,
            30 * E,
        )


def test_a_statement_over_the_limits_is_booked_when_the_meter_has_credited_it(engine: Engine) -> None:
    add_kiosk(engine, meters=("m9",))
    with writing(engine) as session:
        session.get_one(MeterRow, "m9").epoch = 7
        take(session, item(statement("m9", 1, 400), 1))
        assert [each.kind for each in reconcile(session)] == ["over_limits"]
        take(session, item(brought(1, 400), 2, Channel.KIOSK_RECEIPTS))
        assert reconcile(session) == []
        assert [each.total_ueur for each in payments_of(session)] == [400 * E]


@pytest.mark.parametrize(
    "body",
    [
        brought(key=meter_key(FLEET, "m1")),
        brought(key=kiosk_key(FLEET, KIOSK)),
        brought(card="0908070605040302"),
        write_card_heard(SERIAL, "m8", *(b"", [write_report(report(), meter_key(FLEET, "m9"))], [])),
        write_card_heard(SERIAL, "m9", b"", [write_report(report(way="link-1"), meter_key(FLEET, "m9"))], []),
        brought().replace(b'"balance_ueur":0', b'"balance_ueur":9'),
    ],
)
def test_what_a_kiosk_changes_of_a_meters_words_counts_for_nothing(engine: Engine, body: bytes) -> None:
    add_kiosk(engine, meters=())
    with writing(engine) as session:
        taken = take(session, item(body, 1, Channel.KIOSK_RECEIPTS))
        assert taken.refused[IntakeRefusal.NOT_AUTHENTIC] > 0
        assert session.get(MeterRow, "m9") is None
        assert session.get(CardMeterRow, "m9") is None


def answered(session: Session, status: KioskStatus) -> list[KioskOrders]:
    row = session.get_one(KioskRow, KIOSK)
    found = []
    for payload in answers_to(session, row, status, [], FLEET, root_sent(), echo=True):
        orders = read_word(payload, KioskOrders, KIOSK, kiosk_key(FLEET, KIOSK))
        assert isinstance(orders, KioskOrders)
        found.append(orders)
    return found


def test_a_kiosk_put_back_after_its_line_had_ended_is_answered_and_told_to_count_on(engine: Engine) -> None:
    """Its copy begins the connection whose end the controller has heard: no status of that one is news."""
    add_kiosk(engine, meters=())
    first = KioskStatus(kiosk=KIOSK, online=True, sequence=2, count=1, nonce="n", limits=1, root=1, issuers=2)
    ended = KioskStatus(kiosk=KIOSK, online=False, sequence=2)
    with writing(engine) as session:
        take(session, *(said(each, Channel.KIOSK_STATUS) for each in (first, ended)))
        copy = replace(first, nonce="copy")
        taken = take(session, said(copy, Channel.KIOSK_STATUS))
        assert taken.greeted == {KIOSK: copy}
        (orders,) = answered(session, copy)
        assert (orders.echo, orders.heard) == ("copy", 3)
        take(session, said(replace(copy, sequence=orders.heard + 1), Channel.KIOSK_STATUS))
        assert session.get_one(KioskRow, KIOSK).online == 1
        (orders,) = answered(session, copy)
        assert orders.heard == 4


def test_after_a_revocation_kiosks_get_new_card_keys_and_cards_their_letters(engine: Engine) -> None:
    add_kiosk(engine, meters=())
    status = KioskStatus(
        kiosk=KIOSK, online=True, sequence=1, count=1, nonce="n", limits=1, root=1, issuers=2, generation=1
    )
    with writing(engine) as session:
        take(session, item(brought(), 1, Channel.KIOSK_RECEIPTS), said(status, Channel.KIOSK_STATUS))
        assert [each.cards for each in answered(session, status)] == [None]
        session.get_one(MeterRow, "m9").root_version = 1
        generations = generations_in(session).revoked()
        keep_generations(session, generations)
        generation = generations.newest
        row = session.get_one(KioskRow, KIOSK)
        refresh_documents(session, row, FLEET, root_sent(), NOW_MS)
        assert [each.object for each in documents_after(session, KIOSK, 0, 9)] == [f"letter/{SERIAL}"]
        first, second = answered(session, status)
        assert first.cards is not None
        assert first.cards.generation == generation
        assert len(unwrap_cards_key(first.cards, kiosk_key(FLEET, KIOSK))) == 32
        (letter,) = second.documents
        assert (letter.meter, letter.object) == ("m9", f"letter/{SERIAL}")
        assert letter.letter
        done = replace(status, taken=letter.number, generation=generation)
        assert [(each.cards, each.documents) for each in answered(session, done)] == [(None, ())]
        assert list_kiosks(session)[0].meters == 1


def test_a_revoked_kiosk_hears_that_and_nothing_else(engine: Engine) -> None:
    add_kiosk(engine)
    with writing(engine) as session:
        row = session.get_one(KioskRow, KIOSK)
        row.revoked_ms = NOW_MS
        held = KioskStatus(kiosk=KIOSK, online=True, sequence=1)
        # By whatever number it obeys: its status does not say whether it has heard that it is revoked.
        for version in (0, 1, 5):
            (orders,) = answered(session, replace(held, limits=version))
            assert (orders.echo, orders.acks, orders.documents) == ("", (), ())
            assert orders.limits is not None


def test_garbage_is_acknowledged_so_that_no_queue_is_held_up(engine: Engine) -> None:
    add_kiosk(engine)
    with writing(engine) as session:
        for number, body in enumerate((b"{}", b"[]", msgspec.json.encode({"payloadType": "x"}))):
            for channel in (Channel.KIOSK_RECEIPTS, Channel.KIOSK_STATEMENTS):
                assert len(take(session, item(body, number, channel)).acks[KIOSK]) == 1
        assert payments_of(session) == []
