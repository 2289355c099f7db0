"""The office makes a kit: for a meter's next card, with the keys that this meter opens, and written down."""

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from cardreader.card.card import SmartCard
from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import generation_key, issuer_keys, kiosk_keys, meter_keys_of_fleet
from cardreader.files.identity import CardState, Pairing
from cardreader.host.transport import InProcess
from cardreader.issuing.kit import IssuingKit
from cardreader.issuing.kit_files import NONCE_BYTES, open_kit
from cardreader.issuing.personalising import personalise
from controller.database.engine import writing
from controller.database.kiosk_tables import CardMeterRow, KioskRow
from controller.database.tables import HouseholdRow, MeterRow
from controller.exchange.key_book import KeyBook
from controller.exchange.proven_keys import load_book, store_proven
from controller.kiosks.acts import rotate_card_keys
from controller.kiosks.kits import KitMade, KitWish, make_kiosk_kit
from controller.kiosks.store import generations_in
from controller.office.audit import AuditAct, recent
from protocols.errors import InputError, RefusedError
from protocols.link.keys import kiosk_key, meter_key
from protocols.link.topics import Channel
from protocols.reasons import Energy
from tests.cardreader.one_card import challenge
from tests.cardreader.one_card import session as card_session
from tests.controller.kiosks.office import FLEET, KIOSK, NOW_MS, add_kiosk, item, take
from tests.controller.kiosks.test_cards import SERIAL, brought
from tests.controller.kiosks.test_new_keys_on_cards import SECRETS, hear, ordered, said_under_the_new_key
from tests.controller.kiosks.test_refunds import act_of

NEW = bytes.fromhex("00000000000000aa")
OTHER = bytes.fromhex("00000000000000bb")


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """Meter m9 has read a card of pairing epoch 1; m5 of the DSO's file never spoke."""
    add_kiosk(engine, meters=())
    with writing(engine) as session:
        take(session, item(brought(), 1, Channel.KIOSK_RECEIPTS))
        assert session.get_one(CardMeterRow, "m9").pairing == 1
        session.get_one(MeterRow, "m9").energy = "electricity"
        session.add(HouseholdRow(ean="5" * 18, meter="m5", energy="gas"))
    return engine


def made(session: Session, meter: str = "m9", serial: bytes = NEW, **more: object) -> KitMade:
    wish = KitWish(**({"kiosk": KIOSK, "meter": meter, "serial": serial} | more))  # type: ignore[arg-type] # as a person says it
    return make_kiosk_kit(act_of(session), wish, SECRETS, bytes(NONCE_BYTES))


def opened(kit: KitMade) -> IssuingKit:
    """What the kiosk finds in it."""
    return open_kit(kit.data, KIOSK, kiosk_key(FLEET, KIOSK))


def test_the_next_card_of_a_meter_is_looked_up_and_who_made_it_written_down(engine: Engine) -> None:
    with writing(engine) as session:
        kit = made(session, reference="5414000000042")
        assert (kit.meter, kit.epoch, kit.before, kit.energy) == ("m9", 2, 1, Energy.ELECTRICITY)
        assert opened(kit).pairing == Pairing(CardState.PAIRED, 2, "m9", "5414000000042")
        assert made(session).epoch == 2, "the same card again"
        assert made(session, serial=OTHER).epoch == 3
        assert made(session, serial=OTHER, epoch=7).epoch == 7
        assert made(session).epoch == 8, "its first kit is void beside a later card"
        acts = [each.act for each in recent(session, subject="meter/m9") if each.act.act == AuditAct.KIT]
        assert [each.detail["epoch"] for each in acts] == [8, 7, 3, 2, 2]
        assert {(each.actor, each.detail["kiosk"]) for each in acts} == {("dora", KIOSK)}


def test_the_first_card_of_a_household_that_never_spoke(engine: Engine) -> None:
    with writing(engine) as session:
        for name in ("m5", "5" * 18):
            kit = made(session, name)
            assert (kit.meter, kit.epoch, kit.before, kit.energy) == ("m5", 1, 0, Energy.GAS)
            assert kit.fleet_generation == 2, "new meters are made with the last one"
        assert made(session, "m5", fleet_generation=1).fleet_generation == 1


@pytest.mark.parametrize("generation", [1, 2])
def test_its_meter_opens_the_card(engine: Engine, generation: int) -> None:
    """A meter that was made with a later generation of the fleet's key opens cards with that one for good."""
    book = KeyBook(SECRETS)
    with writing(engine) as session:
        book.note_proof("m9", meter_key(SECRETS[generation], "m9"))
        store_proven(session, book)
        book = load_book(session, SECRETS, lambda _generation: None)
        kit = made(session)
        assert kit.fleet_generation == generation
    memory = WholeMemory()
    make_blank_card(memory, NEW, issuer_keys(FLEET, NEW))
    personalise(InProcess(SmartCard(memory)), opened(kit), challenge(), KIOSK, NOW_MS)
    card_session(InProcess(SmartCard(memory)), meter_keys_of_fleet(SECRETS[generation], "m9", NEW, 2))
    card_session(InProcess(SmartCard(memory)), kiosk_keys(generation_key(FLEET, 1), 1, NEW))


def test_a_meter_that_has_drawn_a_key_keeps_that_of_its_manufacture_for_cards(engine: Engine) -> None:
    book = KeyBook(SECRETS)
    with writing(engine) as session:
        order, envelope = ordered(session)
        assert hear(session, book, said_under_the_new_key(order, envelope), 2) == 0
        store_proven(session, book)
        assert load_book(session, SECRETS, lambda _generation: None).meter_key("m9") != meter_key(FLEET, "m9")
        assert made(session).fleet_generation == 1


def test_a_kiosk_without_the_newest_card_keys_gets_a_card_that_it_can_open(engine: Engine) -> None:
    with writing(engine) as session:
        rotate_card_keys(act_of(session))
        assert generations_in(session).newest == 2
        kit = made(session)
    memory = WholeMemory()
    make_blank_card(memory, NEW, issuer_keys(FLEET, NEW))
    personalise(InProcess(SmartCard(memory)), opened(kit), challenge(), KIOSK, NOW_MS)
    card_session(InProcess(SmartCard(memory)), kiosk_keys(generation_key(FLEET, 2), 2, NEW))


def test_what_is_refused(engine: Engine) -> None:
    with writing(engine) as session:
        with pytest.raises(RefusedError, match=r"has read a card of 1, .* allowed: 2 to 65535"):
            made(session, epoch=1)
        assert made(session, serial=bytes.fromhex(SERIAL), epoch=1).epoch == 1, "the card that it has"
        with pytest.raises(RefusedError, match="no such meter"):
            made(session, "m77")
        with pytest.raises(RefusedError, match="no such kiosk"):
            made(session, kiosk="k7")
        with pytest.raises(InputError, match="--fleet-generation: 3; allowed: 1 to 2"):
            made(session, fleet_generation=3)
        session.get_one(MeterRow, "m9").energy = None
        with pytest.raises(InputError, match="--energy: missing"):
            made(session)
        assert made(session, energy=Energy.GAS).energy is Energy.GAS
        session.get_one(KioskRow, KIOSK).revoked_ms = NOW_MS
        with pytest.raises(RefusedError, match="is revoked"):
            made(session)
