"""Who gets a session: the right keys, a new challenge, tries that are left; and how keys are exchanged."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.card.keyring import KEYRING, SEQUENCE_MAX, SETS_MAX, TRIES_MAX, HeldKeys, KeyRing
from cardreader.card.store import Store, WholeMemory
from cardreader.channel.keys import KeySet, generation_key, kiosk_keys, kiosk_version, meter_keys_of_fleet
from cardreader.channel.letters import KeyLetter
from cardreader.channel.scp03 import StaticKeys
from cardreader.files.access import KeyHolder
from cardreader.files.layout import STATEMENTS
from cardreader.host.session import HostSession, NotOurCardError, ask, put_letter, select_application
from cardreader.host.transport import InProcess
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.status import StatusError
from cardreader.issuing.kit import kiosk_letter
from protocols.errors import DocumentError
from tests.cardreader.one_card import (
    FLEET_KEY,
    GENERATION,
    ISSUER,
    KIOSK,
    METER,
    METER_KEYS,
    SERIAL,
    challenge,
    issued,
    session,
)
from tests.cardreader.tearing import PowerLost, TornMemory, Way

WRONG = StaticKeys(bytes(16), bytes(16), bytes(16))
BEGIN = bytes.fromhex("8050330008") + bytes(8)


class Recorder(InProcess):
    """A channel that keeps what went over it."""

    def __init__(self, card: SmartCard) -> None:
        super().__init__(card)
        self.sent = list[bytes]()

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command)
        return super().transmit(command)


def tries(memory: WholeMemory, version: int) -> int:
    held = KeyRing.decode(Store(memory).read(KEYRING)).of_version(version)
    assert held is not None
    return held.tries


def fail(card: SmartCard) -> str:
    """One failed authentication with the kiosk's version."""
    card.process(BEGIN)
    return card.process(bytes.fromhex("8482330010") + bytes(16)).hex()


@pytest.mark.parametrize("keys", [ISSUER, KIOSK, METER_KEYS], ids=lambda each: each.holder.name)
def test_each_holder_opens_a_session_and_the_card_says_which_card_it_is(keys: KeySet) -> None:
    opened = session(InProcess(SmartCard(issued())), keys)
    assert opened.greeting[:2] == (SERIAL, 1)


def test_a_host_with_other_keys_finds_out_before_it_has_shown_anything() -> None:
    channel = Recorder(SmartCard(issued()))
    with pytest.raises(NotOurCardError, match="not have the keys"):
        session(channel, replace(KIOSK, static=WRONG))
    assert [each[1] for each in channel.sent] == [0xA4, 0x50]


def test_a_card_of_somebody_else_is_told_at_once() -> None:
    class Foreign:
        def transmit(self, command: bytes) -> bytes:
            del command
            return bytes.fromhex("6A82")

    with pytest.raises(NotOurCardError, match="not one of ours"):
        select_application(Foreign())


def test_failed_attempts_are_counted_and_block_one_set_of_keys_alone() -> None:
    memory = issued()
    card = SmartCard(memory)
    assert [fail(card) for _ in range(TRIES_MAX)] == [f"63c{n:x}" for n in range(TRIES_MAX - 1, -1, -1)]
    assert card.process(BEGIN).hex() == "6983"
    assert SmartCard(memory).process(BEGIN).hex() == "6983"
    with pytest.raises(StatusError, match="blocked"):
        session(InProcess(SmartCard(memory)))
    assert session(InProcess(SmartCard(memory)), METER_KEYS).read(STATEMENTS[0]) == b""


def test_a_successful_attempt_gives_all_tries_back() -> None:
    memory = issued()
    for _ in range(TRIES_MAX - 1):
        fail(SmartCard(memory))
    assert tries(memory, KIOSK.version) == 1
    session(InProcess(SmartCard(memory)))
    assert tries(memory, KIOSK.version) == TRIES_MAX


def test_a_letter_with_new_keys_unblocks_a_card() -> None:
    memory = issued()
    for _ in range(TRIES_MAX):
        fail(SmartCard(memory))
    letter = kiosk_letter(FLEET_KEY, SERIAL, 3, GENERATION, 0).seal(ISSUER.static.dek)
    put_letter(InProcess(SmartCard(memory)), letter)
    assert session(InProcess(SmartCard(memory))).read(STATEMENTS[0]) == b""


@pytest.mark.parametrize("way", Way)
def test_whoever_pulls_the_card_during_a_failed_attempt_gains_no_try(way: Way) -> None:
    memory = issued()
    whole = TornMemory(bytes(memory.content), way)
    fail(SmartCard(whole))
    for steps in range(0, whole.count, 7):
        torn = TornMemory(bytes(memory.content), way, steps)
        with pytest.raises(PowerLost):
            fail(SmartCard(torn))
        left = tries(WholeMemory(bytes(torn.content)), KIOSK.version)
        # Whoever was not answered has learnt nothing: the answer comes after the last step.
        assert left in (TRIES_MAX, TRIES_MAX - 1)
    assert tries(whole, KIOSK.version) == TRIES_MAX - 1


# --------------------------------------------------------------------------------------- replay, rollback


def test_a_recorded_dialogue_opens_nothing_a_second_time() -> None:
    memory = issued()
    channel = Recorder(SmartCard(memory))
    kiosk = session(channel)
    kiosk.write(STATEMENTS[0], b"recorded")
    kiosk.commit()
    session(InProcess(SmartCard(memory))).write(STATEMENTS[0], b"")
    card = SmartCard(memory)
    answers = [card.process(each).hex() for each in channel.sent]
    assert answers[0].endswith("9000")
    assert answers[2].startswith("63c")
    assert set(answers[3:]) == {"6985"}


@given(count=st.integers(2, 5))
def test_no_challenge_of_a_card_comes_twice(count: int) -> None:
    memory = issued()
    challenges = set[bytes]()
    for _ in range(count):
        card = SmartCard(memory)
        challenges.add(card.process(BEGIN)[13:21])
        card.process(bytes.fromhex("8482330010") + bytes(16))
    assert len(challenges) == count


def test_an_authentication_that_was_begun_and_left_is_not_finished_later() -> None:
    card = SmartCard(issued())
    card.process(BEGIN)
    card.process(bytes.fromhex("00CA005A00"))
    card.reset()
    assert card.process(bytes.fromhex("8482330010") + bytes(16)).hex() == "6985"


def test_only_the_full_security_level_is_taken() -> None:
    memory = issued()
    card = SmartCard(memory)
    card.process(BEGIN)
    assert card.process(bytes.fromhex("8482010010") + bytes(16)).hex() == "6a86"
    assert tries(memory, KIOSK.version) == TRIES_MAX


# ---------------------------------------------------------------------------------------------- key letters


def letter_of(number: int, generation: int, oldest: int = 0) -> bytes:
    return kiosk_letter(FLEET_KEY, SERIAL, number, generation, oldest).seal(ISSUER.static.dek)


def kiosk_of(generation: int) -> KeySet:
    return kiosk_keys(generation_key(FLEET_KEY, generation), generation, SERIAL)


def opens(memory: WholeMemory, keys: KeySet) -> bool:
    try:
        session(InProcess(SmartCard(memory)), keys)
    except (StatusError, NotOurCardError):
        return False
    return True


def test_the_controller_rotates_the_kiosks_keys_and_both_generations_open_the_card() -> None:
    memory = issued()
    put_letter(InProcess(SmartCard(memory)), letter_of(3, GENERATION + 1))
    assert opens(memory, kiosk_of(GENERATION))
    assert opens(memory, kiosk_of(GENERATION + 1))


def test_a_stolen_generation_is_shut_out_by_the_next_letter() -> None:
    memory = issued()
    put_letter(InProcess(SmartCard(memory)), letter_of(3, GENERATION + 1, oldest=GENERATION + 1))
    assert not opens(memory, kiosk_of(GENERATION))
    assert opens(memory, kiosk_of(GENERATION + 1))


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_an_old_letter_brings_no_old_keys_back(number: int) -> None:
    memory = issued()
    put_letter(InProcess(SmartCard(memory)), letter_of(3, GENERATION + 1, oldest=GENERATION + 1))
    with pytest.raises(StatusError, match="6985"):
        put_letter(InProcess(SmartCard(memory)), letter_of(number, GENERATION))
    assert not opens(memory, kiosk_of(GENERATION))


def test_the_same_letter_again_changes_nothing() -> None:
    memory = TornMemory(bytes(issued().content))
    put_letter(InProcess(SmartCard(memory)), letter_of(3, 4))
    done = memory.count
    put_letter(InProcess(SmartCard(memory)), letter_of(3, 4))
    assert memory.count == done


def test_a_letter_for_another_card_or_a_changed_one_does_not_open() -> None:
    channel = InProcess(SmartCard(issued()))
    elsewhere = kiosk_letter(FLEET_KEY, bytes(8), 9, 4, 0)
    changed = bytearray(letter_of(9, 4))
    changed[20] ^= 1
    for letter in (elsewhere.seal(ISSUER.static.dek), elsewhere.seal(bytes(16)), bytes(changed), b"short"):
        with pytest.raises(StatusError, match="6A80"):
            put_letter(channel, letter)


def test_a_letter_shows_nothing_of_its_keys() -> None:
    letter = letter_of(3, 4)
    assert kiosk_of(4).static.enc not in letter
    assert "enc=" not in repr(KeyLetter(SERIAL, 3, kiosk_of(4)))


def test_a_letter_of_an_unknown_holder_is_refused_and_not_half_taken() -> None:
    strange = KeyLetter(SERIAL, 9, replace(KIOSK, holder=9))  # type: ignore[arg-type] # of a later controller
    with pytest.raises(DocumentError, match="holder 9; allowed: 1 to 3"):
        KeyLetter.open(strange.seal(ISSUER.static.dek), ISSUER.static.dek)


def test_a_card_paired_anew_has_the_keys_of_its_new_epoch_alone() -> None:
    memory = issued()
    newer = meter_keys_of_fleet(FLEET_KEY, METER, SERIAL, 2)
    put_letter(InProcess(SmartCard(memory)), KeyLetter(SERIAL, 3, newer, 2).seal(ISSUER.static.dek))
    assert not opens(memory, METER_KEYS)
    assert session(InProcess(SmartCard(memory)), newer).greeting[:2] == (SERIAL, 2)


def test_keys_of_another_meter_card_or_epoch_are_other_keys() -> None:
    every = [
        ISSUER,
        KIOSK,
        kiosk_of(4),
        METER_KEYS,
        meter_keys_of_fleet(FLEET_KEY, METER, SERIAL, 2),
        meter_keys_of_fleet(FLEET_KEY, METER, bytes(8), 1),
        meter_keys_of_fleet(FLEET_KEY, "m00043", SERIAL, 1),
        kiosk_keys(generation_key(FLEET_KEY, GENERATION), GENERATION, bytes(8)),
    ]
    keys = [key for each in every for key in (each.static.enc, each.static.mac, each.static.dek)]
    assert len(set(keys)) == len(keys) == 24


def test_the_keys_of_one_card_on_paper() -> None:
    """Cards in people's pockets have these keys: a change of the derivation must be seen."""
    assert ISSUER.static.enc.hex() == "602ca0ddc6c788244d9edd8b17314d71"
    assert KIOSK.static.mac.hex() == "2d7e25937c8a7891039fac4609831ef3"
    assert METER_KEYS.static.dek.hex() == "7613bc133809699a47328954c4f2b555"


def put_ring(memory: WholeMemory, ring: bytes) -> SmartCard:
    Store(memory).commit({KEYRING: ring})
    return SmartCard(memory)


def test_a_card_whose_counter_is_used_up_opens_no_session_more() -> None:
    memory = issued()
    ring = replace(KeyRing.decode(Store(memory).read(KEYRING)), sequence=SEQUENCE_MAX)
    assert put_ring(memory, ring.encode()).process(BEGIN).hex() == "6985"


def test_a_card_without_readable_keys_is_a_damaged_card() -> None:
    assert put_ring(issued(), b"garbage").process(BEGIN).hex() == "6581"


def test_a_card_without_issuers_keys_takes_no_letter() -> None:
    card = put_ring(issued(), KeyRing(held=(HeldKeys(KIOSK),)).encode())
    with pytest.raises(StatusError, match="6A88"):
        put_letter(InProcess(card), letter_of(9, 4))


# ------------------------------------------------------------------------------------------------ the ring

KEY_BYTES = st.binary(min_size=16, max_size=16)
SETS = st.builds(
    HeldKeys,
    st.builds(
        KeySet,
        st.sampled_from(KeyHolder),
        st.integers(0, 255),
        st.integers(0, 65_535),
        st.builds(StaticKeys, KEY_BYTES, KEY_BYTES, KEY_BYTES),
    ),
    st.integers(0, 10),
)
RINGS = st.builds(
    KeyRing,
    st.integers(0, 2**24 - 1),
    st.integers(0, 2**32 - 1),
    st.lists(SETS, max_size=SETS_MAX).map(tuple),
)


@given(ring=RINGS)
def test_a_ring_that_is_written_is_read_again(ring: KeyRing) -> None:
    assert KeyRing.decode(ring.encode()) == ring


@pytest.mark.parametrize("data", ["", "02" + 8 * "00", "01" + 9 * "00"])
def test_another_form_of_ring_is_refused(data: str) -> None:
    with pytest.raises(DocumentError, match="key ring"):
        KeyRing.decode(bytes.fromhex(data))


@given(generations=st.lists(st.integers(0, 200), max_size=12))
def test_a_ring_holds_the_newest_generations_and_each_other_holder_once(generations: list[int]) -> None:
    ring = KeyRing(held=(HeldKeys(ISSUER), HeldKeys(METER_KEYS)))
    for number, generation in enumerate(generations, start=1):
        ring = ring.with_set(kiosk_of(generation), number, 0)
    assert len(ring.held) <= SETS_MAX
    holders = [each.keys.holder for each in ring.held]
    assert holders.count(KeyHolder.ISSUER) == holders.count(KeyHolder.METER) == 1
    kept = [each.keys.generation for each in ring.held if each.keys.holder is KeyHolder.KIOSK]
    newest = ring.of_holder(KeyHolder.KIOSK)
    assert (newest is None) == (not generations)
    if newest is not None:
        assert newest.keys.generation == max(kept)
        assert all(each.keys.version == kiosk_version(each.keys.generation) for each in ring.held[2:])


def test_what_anybody_may_ask_says_how_many_tries_are_left_and_no_key() -> None:
    memory = issued()
    fail(SmartCard(memory))
    channel = InProcess(SmartCard(memory))
    select_application(channel)
    assert ask(channel, iso.DATA_TRIES).hex() == "100a200a3309"
    assert KIOSK.static.enc not in ask(channel, iso.DATA_KEYS)


def test_a_challenge_is_an_argument_and_another_one_gives_another_session() -> None:
    memory = issued()
    first, second = Recorder(SmartCard(memory)), Recorder(SmartCard(memory))
    HostSession.open(first, KIOSK, challenge())
    HostSession.open(second, KIOSK, challenge())
    assert first.sent[1] != second.sent[1]
