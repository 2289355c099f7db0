"""A card says what it holds, and is not read again for nothing; what is staged is verified first."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.card.store import Store, WholeMemory
from cardreader.channel.keys import KeySet, generation_key, kiosk_keys
from cardreader.files.access import KeyHolder
from cardreader.files.inventory import contents_digest
from cardreader.files.layout import IN_ADF, LOG, ORDERS, PAIRING, STATE, STATEMENTS, CardFile, stored_as
from cardreader.files.visits import Deed, Visit
from cardreader.host.secure import NotOurCardError
from cardreader.host.session import HostSession, select_application
from cardreader.host.transport import InProcess
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.loading.contents import read_contents
from cardreader.loading.memory import CardMemory
from cardreader.loading.staging import stage
from protocols.errors import RefusedError
from tests.cardreader.one_card import (
    FLEET_KEY,
    GENERATION,
    KIOSK,
    METER_KEYS,
    SERIAL,
    challenge,
    issued,
    session,
)

VISIT = Visit(KeyHolder.KIOSK, Deed.WRITTEN, 1, "kiosk-1")
ISSUED = bytes(issued().content)
SLOT, OTHER = STATEMENTS[0], ORDERS[3]
CONTENT = st.binary(max_size=600)


class CardOfBefore(SmartCard):
    """A card that does not say what it holds."""

    def _data(self, tag: int, who: KeyHolder | None) -> bytes:
        if tag in (iso.DATA_INVENTORY, iso.DATA_FINGERPRINT):
            raise StatusError(StatusWord.NOT_FOUND)
        return super()._data(tag, who)


class Counting(InProcess):
    """Counts the commands."""

    commands = 0

    def transmit(self, command: bytes) -> bytes:
        self.commands += 1
        return super().transmit(command)


def holding(contents: Mapping[CardFile, bytes]) -> WholeMemory:
    memory = WholeMemory(ISSUED)
    Store(memory).commit({stored_as(file): data for file, data in contents.items()})
    return memory


def all_files(memory: WholeMemory) -> dict[CardFile, bytes]:
    """What the store holds, looked at without the card."""
    store = Store(memory)
    return {file: data for file in IN_ADF if (data := store.read(stored_as(file)))}


@given(first=CONTENT, second=CONTENT, staged=st.none() | CONTENT)
def test_inventory_and_fingerprint_are_those_of_what_lies_there_and_what_is_staged(
    first: bytes, second: bytes, staged: bytes | None
) -> None:
    memory = holding({SLOT: first, OTHER: second})
    kiosk = session(InProcess(SmartCard(memory)))
    expected = all_files(memory)
    if staged is not None:
        kiosk.write(SLOT, staged)
        expected = {file: data for file, data in {**expected, SLOT: staged}.items() if data}
    inventory, told = kiosk.inventory(), kiosk.fingerprint()
    assert inventory is not None
    assert told is not None
    assert inventory.lengths == {file: len(data) for file, data in expected.items()}
    assert list(inventory.lengths) == sorted(inventory.lengths, key=lambda each: each.sfi)
    assert told.digest == contents_digest(expected)
    assert inventory.free_bytes == told.free_bytes == int.from_bytes(kiosk.ask(iso.DATA_FREE_BYTES))


@given(first=CONTENT, second=CONTENT)
def test_a_card_of_before_is_read_alike(first: bytes, second: bytes) -> None:
    memory = holding({SLOT: first, OTHER: second})
    new, old = Counting(SmartCard(memory)), Counting(CardOfBefore(memory))
    found, before = read_contents(session(new)), read_contents(session(old))
    assert before.inventory is None
    assert found.raw == before.raw == all_files(memory)
    assert (found.documents, found.pairing, found.visits) == (before.documents, before.pairing, before.visits)
    assert new.commands < old.commands


@given(held=CONTENT, content=CONTENT.filter(bool), old=st.booleans())
def test_what_is_staged_is_what_a_commit_makes_true(held: bytes, content: bytes, old: bool) -> None:
    memory = holding({SLOT: held, OTHER: b"stays"})
    kiosk = session(InProcess((CardOfBefore if old else SmartCard)(memory)))
    written = stage(kiosk, read_contents(kiosk), {SLOT: content}, VISIT)
    assert all_files(memory)[OTHER] == b"stays"
    assert all_files(memory).get(SLOT, b"") == held
    kiosk.commit()
    assert all_files(memory) == written
    assert written[SLOT] == content
    assert read_contents(kiosk).visits[0] == VISIT


@pytest.mark.parametrize("card", [SmartCard, CardOfBefore])
@given(at=st.integers(0, 299), bit=st.integers(0, 7))
def test_a_card_that_stages_another_byte_is_found_out(card: type[SmartCard], at: int, bit: int) -> None:
    memory = holding({SLOT: b"held"})
    spoiling = card(memory)
    kiosk = session(InProcess(spoiling))
    found = read_contents(kiosk)
    honest = spoiling._files._stage  # a card whose working memory fails

    def stages(file: CardFile, data: bytes) -> None:
        spoiled = bytearray(data)
        if file is SLOT and at < len(data):
            spoiled[at] |= 1 << bit
        honest(file, bytes(spoiled))

    spoiling._files._stage = stages  # type: ignore[method-assign]
    with pytest.raises(RefusedError, match="STATEMENT-1: what was read back"):
        stage(kiosk, found, {SLOT: bytes(300)}, VISIT)
    assert all_files(memory)[SLOT] == b"held"


def test_what_somebody_has_staged_before_is_no_error_and_is_read_back() -> None:
    kiosk = session(InProcess(SmartCard(holding({}))))
    found = read_contents(kiosk)
    kiosk.write(OTHER, b"staged before")
    stage(kiosk, found, {SLOT: b"statement"}, VISIT)
    kiosk.commit()
    assert kiosk.read(SLOT) == b"statement"


def test_a_card_that_has_not_changed_is_not_read_again() -> None:
    memory, known = holding({SLOT: bytes(700)}), CardMemory()
    first = read_contents(session(InProcess(SmartCard(memory))), known)
    channel = Counting(SmartCard(memory))
    opened = session(channel)
    before = channel.commands
    assert read_contents(opened, known) == first
    assert channel.commands == before + 1


@given(
    file=st.sampled_from([each for each in IN_ADF if each is not LOG]),
    content=st.binary(min_size=1, max_size=16),
)
def test_any_change_by_anybody_is_seen(file: CardFile, content: bytes) -> None:
    memory, known = holding(dict.fromkeys((SLOT, STATE), b"1")), CardMemory()
    first = read_contents(session(InProcess(SmartCard(memory))), known)
    Store(memory).commit({stored_as(file): content})
    second = read_contents(session(InProcess(SmartCard(memory))), known)
    assert second.raw == all_files(memory)
    assert (second == first) == (first.raw.get(file) == content)


def test_a_line_of_the_log_alone_is_a_change() -> None:
    memory, known = holding({}), CardMemory()
    read_contents(session(InProcess(SmartCard(memory))), known)
    meter = session(InProcess(SmartCard(memory)), METER_KEYS)
    meter.append(LOG, VISIT.encode())
    meter.commit()
    assert read_contents(session(InProcess(SmartCard(memory))), known).visits[0] == VISIT


def test_an_earlier_image_is_read_as_it_is() -> None:
    """Also one whose counter of authentications stands where it would stand: that is not asked."""
    memory, known = holding({SLOT: b"older"}), CardMemory()
    image = bytes(memory.content)
    Store(memory).commit({stored_as(SLOT): b"newer"})
    read_contents(session(InProcess(SmartCard(memory))), known)
    found = read_contents(session(InProcess(SmartCard(WholeMemory(image)))), known)
    assert found.documents == {SLOT: b"older"}


def test_the_memory_forgets_the_oldest_of_many_cards() -> None:
    known = CardMemory()
    assert not known
    cards = [{SLOT: bytes((number,))} for number in range(5)]
    for each in cards:
        known.keep(each)
    assert [known.known(contents_digest(each)) for each in cards] == [None, None, *cards[2:]]


def test_a_session_by_the_serial_of_the_greeting_is_that_of_the_card() -> None:
    generation = generation_key(FLEET_KEY, GENERATION)
    asked = list[bytes]()

    def keys_of(serial: bytes) -> KeySet:
        asked.append(serial)
        return kiosk_keys(generation, GENERATION, serial)

    channel = InProcess(SmartCard(holding({})))
    select_application(channel)
    assert HostSession.open_by_serial(channel, KIOSK.version, keys_of, challenge()).read(PAIRING)
    assert asked == [SERIAL]
    honest = channel.transmit
    # Somebody in the line names another card: the keys of that one open nothing.
    channel.transmit = lambda command: b"\xff" + honest(command)[1:]  # type: ignore[method-assign]
    with pytest.raises(NotOurCardError, match="does not have the keys"):
        HostSession.open_by_serial(channel, KIOSK.version, keys_of, challenge())
