"""New keys and the roots on their way by card: to the kiosk of the card, and gone once the meter has them."""

from hashlib import sha256

from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import Session

from cardreader.files.meter_state import MeterState, state_word
from cardreader.issuing.practice import practice_signer
from controller.database.engine import writing
from controller.database.kiosk_tables import KioskRow
from controller.database.tables import MeterRow
from controller.exchange.key_book import KeyBook, ProvenKey
from controller.exchange.proven_keys import load_book, store_proven
from controller.exchange.purses import PursesHeard
from controller.kiosks.documents import refresh_documents
from controller.kiosks.intake import hear_kiosk, take_kiosk_words
from controller.kiosks.store import documents_after
from controller.office.root_chain import ChainedRoot, RootChain
from controller.orders.store import draw_sheet, submit
from controller.rekeying.acts import Generation, halves_of
from controller.rekeying.views import view_keys
from protocols.documents import drafting
from protocols.documents.envelope import document_digest, seal
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, Order, write_document
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.link.agreement import OF_METERS, agreed_by_office, drawn_public, vouch
from protocols.link.keys import meter_key
from protocols.link.kiosk_words import write_card_heard
from protocols.link.messages import KeyTold, Receipt, write_report
from protocols.link.topics import Channel
from protocols.reasons import Did, OrderVerdict
from tests.controller.kiosks.office import FLEET, KIOSK, NOW_MS, ROOT, add_kiosk, item, root_sent, take
from tests.controller.kiosks.test_cards import SERIAL, brought, state

SECRETS = {1: FLEET, 2: sha256(b"2").digest()}
DRAWN = sha256(b"drawn").digest()
NEW_KEY = agreed_by_office(SECRETS[2], drawn_public(DRAWN), OF_METERS, "m9")
PUBLIC = drawn_public(DRAWN)
TOLD = KeyTold(2, PUBLIC, (vouch(meter_key(FLEET, "m9"), "m9", 2, PUBLIC),))


def ordered(session: Session) -> tuple[Order, bytes]:
    order = drafting.keys(
        draw_sheet(session, Kind.KEYS, "fleet", NOW_MS, "lost"), "fleet", halves_of(Generation(2, SECRETS[2]))
    )
    people = [practice_signer("office", name) for name in ("dora", "eric")]
    envelope = seal(write_document(order), ORDER_TYPE, people)
    submit(session, envelope, ROOT, "dora", NOW_MS)
    return order, envelope


def said_under_the_new_key(order: Order, envelope: bytes, told: KeyTold = TOLD) -> bytes:
    """What the card brings back from m9, which has drawn. There was room for state and receipt alone."""
    receipt = Receipt(
        meter="m9",
        order=order.id,
        kind=order.kind,
        object=order.object,
        rev=order.rev,
        verdict=OrderVerdict.ACCEPTED,
        reason=Did.KEYS,
        number=9,
        document=document_digest(envelope),
        epoch=7,
    )
    said: MeterState = replace(state(number=8), key=told)
    word = state_word(said, NEW_KEY).encode()
    return write_card_heard(SERIAL, "m9", word, [], [write_report(receipt, NEW_KEY)])


def hear(session: Session, book: KeyBook, body: bytes, number: int) -> int:
    """Take in what a card has brought; how many words were refused."""
    arrival = item(body, number, Channel.KIOSK_RECEIPTS)
    said = hear_kiosk(arrival, FLEET)
    assert not isinstance(said, str)
    words = [(arrival.place.channel, said)]
    return take_kiosk_words(session, words, book, root_sent(), NOW_MS, PursesHeard()).refused.total()


def objects(session: Session) -> list[str]:
    """What the kiosk is to put onto cards."""
    kiosk = session.get_one(KioskRow, KIOSK)
    refresh_documents(session, kiosk, FLEET, root_sent(), NOW_MS)
    return [each.object for each in documents_after(session, KIOSK, 0, 99) if each.digest]


def test_new_keys_wait_for_the_card_until_the_meter_has_proved_its_own(engine: Engine) -> None:
    add_kiosk(engine, meters=())
    book = KeyBook(SECRETS)
    with writing(engine) as session:
        take(session, item(brought(), 1, Channel.KIOSK_RECEIPTS))
        session.get_one(MeterRow, "m9").root_version = 1
        order, envelope = ordered(session)
        assert objects(session) == ["keys/fleet"]
        found = view_keys(session)
        assert (found.waiting, found.by_card) == (("m9",), 1)
        forged = said_under_the_new_key(order, envelope, replace(TOLD, vouches=("0" * 32,)))
        assert hear(session, book, forged, 2) == 1
        assert hear(session, book, said_under_the_new_key(order, envelope), 3) == 0
        assert hear(session, book, brought(30), 4) == 1, "under its old key it says nothing any more"
        store_proven(session, book)
        found = view_keys(session)
        assert (found.meters, found.waiting, found.by_card) == ({2: 1}, (), 0)
        assert objects(session) == []
        kept = load_book(session, SECRETS, lambda _generation: None)
        assert kept.meter_key("m9") == NEW_KEY
        # A store that was put back to before hears it again, by the key that vouches for it.
        again = KeyBook(SECRETS)
        assert hear(session, again, said_under_the_new_key(order, envelope), 5) == 0
        assert again.unstored == {"meter/m9": ProvenKey(2, PUBLIC)}


def test_a_card_gets_each_root_that_its_meter_has_missed(engine: Engine) -> None:
    """Each of them leads one step only: the people of a root are known to the one before it alone."""
    add_kiosk(engine, meters=())
    sent = root_sent()
    people = [practice_signer("office", name) for name in ("rita", "sami")]
    chained = [ChainedRoot(ROOT, sent.envelope)]
    for version in (2, 3, 4):
        after = replace(ROOT, version=version)
        chained.append(ChainedRoot(after, seal(write_root(after), ROOT_TYPE, people)))
    unknown = RootChain(chained[1:])
    with writing(engine) as session:
        take(session, item(brought(), 1, Channel.KIOSK_RECEIPTS))
        session.get_one(MeterRow, "m9").root_version = 1
        kiosk = session.get_one(KioskRow, KIOSK)
        root = replace(sent, version=4, envelope=chained[3].envelope, chain=unknown)
        refresh_documents(session, kiosk, FLEET, root, NOW_MS)
        kept = {each.object: each.envelope for each in documents_after(session, KIOSK, 0, 99)}
        assert kept == {
            "root": chained[1].envelope,
            "root/1": chained[2].envelope,
            "root/2": chained[3].envelope,
        }
