"""An office for tests of kiosks: practice keys, a kiosk that is an issuer, its words, meters with cards."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Engine
from sqlmodel import Session

from cardreader.issuing.practice import practice_root, practice_signer
from controller.database.engine import writing
from controller.database.kiosk_tables import KioskRow
from controller.exchange.key_book import KeyBook
from controller.exchange.purses import PursesHeard
from controller.exchange.sync_answer import RootSent
from controller.kiosks.intake import KioskTaken, hear_kiosk, take_kiosk_words
from controller.meters.registry import place_at_cards
from controller.office.issuers_store import IssuersSealed, put_issuers_in_force
from protocols.documents.drafting import Sheet, payment_statement
from protocols.documents.envelope import Signer, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuer, Issuers, write_issuers
from protocols.documents.kiosk_limits import KIOSK_LIMITS_TYPE, KioskLimits, write_limits
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.link.carriage import Arrival
from protocols.link.keys import kiosk_key
from protocols.link.kiosk_words import KioskItem, KioskWord, write_word
from protocols.link.topics import Channel, Place
from protocols.units import UEUR_PER_EUR

NOW_MS = 1_700_000_000_000
FLEET = bytes(range(32))
KIOSK, OFFICE, EPOCH = "k1", "namur", 2
KEY = Signer.from_seed(bytes([7]) * 32)
THIEF = Signer.from_seed(bytes([8]) * 32)
ROOT = practice_root("office", NOW_MS * 2)
_PEOPLE = [practice_signer("office", name) for name in ("dora", "eric", "anna", "rita", "sami")]
LIMITS = KioskLimits(kiosk=KIOSK, version=1)


def issuers(*, closed: bool = False, epoch: int = EPOCH) -> IssuersSealed:
    """The issuers document; with the kiosk's issuer closed where that is asked."""
    named = () if closed else ((OFFICE, epoch, KEY),)
    found = Issuers(
        version=2 + closed,
        issuers=tuple(
            Issuer(
                name=name, epoch=number, public=key.public.hex(), allowance_ueur_per_day=250 * UEUR_PER_EUR
            )
            for name, number, key in (("controller", 1, THIEF), *named)
        ),
    )
    return IssuersSealed(found, seal(write_issuers(found), ISSUERS_TYPE, _PEOPLE))


def root_sent(sealed: IssuersSealed | None = None) -> RootSent:
    """What a service answers with."""
    return RootSent(1, seal(write_root(ROOT), ROOT_TYPE, _PEOPLE), sealed or issuers())


def add_kiosk(engine: Engine, limits: KioskLimits = LIMITS, *, meters: Iterable[str] = ("m1", "m2")) -> None:
    """The kiosk in the store, and these meters as known by their cards."""
    with writing(engine) as session:
        put_issuers_in_force(session, issuers().envelope)
        envelope = seal(write_limits(limits), KIOSK_LIMITS_TYPE, _PEOPLE).decode()
        row = KioskRow(
            id=KIOSK, office=OFFICE, public=KEY.public.hex(), limits=envelope, added_by="anna", added_ms=0
        )
        session.add(row)
        for meter in meters:
            place_at_cards(session, meter, 1, NOW_MS)


def statement(
    meter: str, number: int, total_eur: int, *, epoch: int = EPOCH, key: Signer = KEY, issuer: str = OFFICE
) -> bytes:
    """A payment statement as the kiosk's key signs it."""
    sheet = Sheet(f"{KIOSK}.{number}", number, NOW_MS, "payment")
    order = payment_statement(sheet, meter, issuer, number, total_eur * UEUR_PER_EUR, epoch=epoch)
    return seal(write_document(order), ORDER_TYPE, [key])


def item(
    body: bytes,
    number: int = 1,
    channel: Channel = Channel.KIOSK_STATEMENTS,
    *,
    kiosk: str = KIOSK,
    fleet_key: bytes = FLEET,
) -> Arrival:
    """An item as it arrives."""
    word = KioskItem(kiosk=kiosk, number=number, at_ms=NOW_MS, body=msgspec.Raw(body))
    return said(word, channel, fleet_key=fleet_key)


def said(word: KioskWord, channel: Channel, *, fleet_key: bytes = FLEET) -> Arrival:
    """A word as it arrives."""
    return Arrival(Place(channel, kiosk=word.kiosk), write_word(word, kiosk_key(fleet_key, word.kiosk)))


def take(
    session: Session,
    *arrivals: Arrival,
    root: RootSent | None = None,
    now_ms: int = NOW_MS,
    purses: PursesHeard | None = None,
) -> KioskTaken:
    """Take arrivals in; a word that is not authentic is refused before."""
    heard = [(each.place.channel, hear_kiosk(each, FLEET)) for each in arrivals]
    words = [(channel, word) for channel, word in heard if not isinstance(word, str)]
    return take_kiosk_words(
        session, words, KeyBook.of(FLEET), root or root_sent(), now_ms, purses or PursesHeard()
    )
