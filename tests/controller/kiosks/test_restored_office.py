"""An office whose store was put back numbers on above what its kiosks hold; what is far above is a lie."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import Session

from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.home import BrokerPlace, open_home
from controller.database.kiosk_tables import KioskRow
from controller.kiosks.acts import end_card_keys, revoke_kiosk, rotate_card_keys, set_limits, sign_limits
from controller.kiosks.commissioning import HomeWish, freshen_home, make_home
from controller.kiosks.rules import CardGenerations, limits_lost
from controller.kiosks.store import generations_in, limits_of
from controller.meters.documents_held import issuers_version_held, root_version_held
from protocols.documents.kiosk_limits import KioskLimits, accept_limits
from protocols.errors import RefusedError
from protocols.limits import REV_STEP_MAX
from protocols.link.kiosk_words import KioskStatus
from protocols.link.topics import Channel
from protocols.units import UEUR_PER_EUR
from tests.controller.kiosks.office import (
    FLEET,
    KIOSK,
    LIMITS,
    OFFICE,
    ROOT,
    add_kiosk,
    issuers,
    item,
    root_sent,
    said,
    take,
)
from tests.controller.kiosks.test_refunds import act_of, answered

E = UEUR_PER_EUR
HELD = KioskLimits(kiosk=KIOSK, version=5)


@pytest.fixture
def store(engine: Engine) -> Iterator[Session]:
    """It knows limits 1 and card keys of generation 1."""
    add_kiosk(engine)
    with Session(engine) as session:
        yield session


def says(session: Session, **held: int) -> KioskStatus:
    """The kiosk says what it holds."""
    before = KioskStatus(kiosk=KIOSK, online=True, sequence=9, root=1, issuers=2, limits=5)
    status = replace(before, **held)
    take(session, said(status, Channel.KIOSK_STATUS))
    return status


def obeyed(session: Session, status: KioskStatus) -> object:
    """What the kiosk makes of the limits that it is sent."""
    (sent,) = [each.limits for each in answered(session, status) if each.limits is not None]
    assert sent is not None
    envelope = session.get_one(KioskRow, KIOSK).limits.encode()
    return accept_limits(envelope, ROOT, KIOSK, HELD)


def test_limits_that_are_set_after_a_restore_reach_the_kiosk(store: Session) -> None:
    status = says(store)
    assert [each.limits for each in answered(store, status)] == [None]
    limits = set_limits(act_of(store, "anna"), KIOSK, {"payment_max_ueur": 100 * E})
    assert (limits.version, obeyed(store, status)) == (6, limits)


def test_limits_that_the_store_has_are_said_again_where_the_kiosk_obeys_later_ones(store: Session) -> None:
    same = {"payment_max_ueur": LIMITS.payment_max_ueur}
    assert set_limits(act_of(store, "anna"), KIOSK, same).version == 1
    status = says(store)
    limits = set_limits(act_of(store, "anna"), KIOSK, same)
    assert (limits.version, obeyed(store, status)) == (6, limits)


@pytest.mark.parametrize("heard", [True, False])
def test_a_revocation_after_a_restore_reaches_the_kiosk(store: Session, *, heard: bool) -> None:
    """Also where the kiosk says only after it how late its limits are."""
    status = says(store) if heard else None
    limits = revoke_kiosk(act_of(store, "anna"), KIOSK).limits
    assert limits.version == (6 if heard else 2)
    assert obeyed(store, status or says(store)) == limits


def test_a_version_that_is_far_above_is_not_believed(store: Session) -> None:
    says(store, limits=REV_STEP_MAX + 2, root=REV_STEP_MAX + 2, issuers=REV_STEP_MAX + 3, generation=60_000)
    assert set_limits(act_of(store, "anna"), KIOSK, {"payment_max_ueur": 100 * E}).version == 2
    assert (root_version_held(store, 1), issuers_version_held(store, 2)) == (1, 2)
    assert rotate_card_keys(act_of(store, "anna")).newest == 2
    row = store.get_one(KioskRow, KIOSK)
    assert limits_lost(limits_of(row), None) == 0


def test_roots_and_issuers_are_numbered_above_what_a_kiosk_holds(store: Session) -> None:
    says(store, root=4, issuers=7)
    assert (root_version_held(store, 1), issuers_version_held(store, 2)) == (4, 7)
    assert (root_version_held(store, 6), issuers_version_held(store, 8)) == (6, 8)
    revoke_kiosk(act_of(store, "anna"), KIOSK)
    assert (root_version_held(store, 1), issuers_version_held(store, 2)) == (1, 2)


def test_new_card_keys_are_new_to_every_kiosk(store: Session) -> None:
    """The thief of a kiosk has the keys of the generation that the store has forgotten."""
    says(store, generation=2, oldest=1)
    assert rotate_card_keys(act_of(store, "anna")) == CardGenerations(3, 1, 0)
    says(store, generation=2, oldest=1)
    with pytest.raises(RefusedError, match="end those before"):
        rotate_card_keys(act_of(store, "anna"))
    store.rollback()


def test_a_kiosk_that_is_stolen_after_a_restore_has_none_of_the_next_card_keys(store: Session) -> None:
    says(store, generation=4, oldest=2)
    assert revoke_kiosk(act_of(store, "anna"), KIOSK).generation == 5
    assert generations_in(store) == CardGenerations(5, 5, 0)


def test_card_keys_end_at_no_kiosk_that_has_never_spoken(store: Session) -> None:
    """Its home has the keys of the day on which it was made."""
    assert end_card_keys(act_of(store, "anna")).newest == 1
    rotate_card_keys(act_of(store, "anna"))
    with pytest.raises(RefusedError, match="kiosk k1: without the newest card keys"):
        end_card_keys(act_of(store, "anna"))
    says(store, generation=2, oldest=1)
    assert end_card_keys(act_of(store, "anna")) == CardGenerations(2, 2, 2)


def test_a_home_keeps_what_it_has_of_a_later_version(tmp_path: Path) -> None:
    def limits(version: int) -> bytes:
        return sign_limits(practice_signer("office", "anna"), KioskLimits(kiosk=KIOSK, version=version))

    wish = HomeWish(
        kiosk=KIOSK,
        office=OFFICE,
        zone="Europe/Brussels",
        broker=BrokerPlace("localhost", 1883, tls=False),
        fleet_key=FLEET,
        generations=CardGenerations(1, 1, 0),
        root=root_sent().envelope,
        issuers=issuers(closed=True).envelope,
        limits=limits(5),
    )
    home = make_home(tmp_path / "home", wish)
    older = freshen_home(home, replace(wish, issuers=issuers().envelope), limits(4))
    assert (older.limits, older.issuers) == (limits(5), issuers(closed=True).envelope)
    newer = freshen_home(home, wish, limits(6))
    assert newer.limits == limits(6)
    assert open_home(tmp_path / "home").limits == limits(6)


# What is stored before (-: it was not counted), what comes in batches, and up to which number all is stored.
STORED = """
 0 | 1 2 3      | 3
 0 | 2; 1       | 1
 0 | 2 1        | 2
 0 | 4 5; 1 2 3 | 3
 3 | 6 7; 4; 5  | 5
 9 | 3 4; 10    | 10
 - | 7 5        | 7
"""


@pytest.mark.parametrize("line", STORED.strip().splitlines())
def test_no_item_counts_as_stored_while_one_below_it_is_missing(store: Session, line: str) -> None:
    before, batches, wanted = (part.strip() for part in line.split("|"))
    row = store.get_one(KioskRow, KIOSK)
    row.stored = None if before == "-" else int(before)
    for batch in batches.split(";"):
        numbers = map(int, batch.split())
        take(store, *(item(b"null", number, Channel.KIOSK_RECEIPTS) for number in numbers))
    assert row.stored == int(wanted)
