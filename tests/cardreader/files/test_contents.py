"""Every class of content with its vectors, and what garbage does to it; and the table of all files."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cardreader.card.keyring import KEYRING
from cardreader.files.access import KeyHolder
from cardreader.files.content import Content
from cardreader.files.identity import CardState, Pairing
from cardreader.files.inventory import Fingerprint, Inventory
from cardreader.files.layout import FILES, IN_ADF, CardFile, Structure, file_named, stored_as
from cardreader.files.meter_state import MeterState, StateWord, state_word
from protocols.errors import DocumentError
from protocols.link.agreement import OF_METERS, agreed_by_office, drawn_public, vouch
from protocols.link.keys import meter_key
from protocols.link.messages import KeyTold, StatementHeld
from protocols.link.proofs import Proof
from protocols.reasons import ClockStatus, Supply, SupplyReason

CONTENTS: list[type[Content]] = [
    *sorted({file.content for file in FILES}, key=lambda each: each.__name__),
    Inventory,
    Fingerprint,
]
VECTORS = [(content, data, value) for content in CONTENTS for data, value in content.vectors]


@pytest.mark.parametrize(("content", "data", "value"), VECTORS)
def test_each_vector_in_both_directions(content: type[Content], data: str, value: Content) -> None:
    assert content.decode(bytes.fromhex(data)) == value
    assert value.encode() == bytes.fromhex(data)


@pytest.mark.parametrize("content", CONTENTS)
def test_each_class_of_content_has_a_vector(content: type[Content]) -> None:
    assert content.vectors


@given(content=st.sampled_from(CONTENTS), data=st.binary(max_size=60))
def test_garbage_is_refused_with_one_clear_error_or_read(content: type[Content], data: bytes) -> None:
    try:
        value = content.decode(data)
    except DocumentError:
        return
    assert content.decode(value.encode()) == value


@given(vector=st.sampled_from(VECTORS), data=st.data())
def test_a_vector_that_is_cut_off_or_changed_raises_no_other_error(
    vector: tuple[type[Content], str, Content], data: st.DataObject
) -> None:
    content, hexadecimal, _value = vector
    raw = bytearray(bytes.fromhex(hexadecimal))
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(raw)[: data.draw(st.integers(0, len(raw)))]
    try:
        value = content.decode(cut)
    except DocumentError:
        return
    assert content.decode(value.encode()) == value


@pytest.mark.parametrize(
    ("state", "epoch", "meter", "reference", "why"),
    [
        (CardState.VIRGIN, 1, "", "", "virgin"),
        (CardState.VIRGIN, 0, "m1", "", "virgin"),
        (CardState.PAIRED, 0, "m1", "", "epoch from 1 on"),
        (CardState.PAIRED, 1, "", "", "a meter"),
        (CardState.PAIRED, 65_536, "m1", "", "0 to 65535"),
        (CardState.PAIRED, 1, "m/1", "", "identifier"),
        (CardState.PAIRED, 1, "m1", "541400000004", "13 digits"),
        (CardState.PAIRED, 1, "m1", "541400000004x", "13 digits"),
    ],
)
def test_a_pairing_that_cannot_be_is_refused(
    state: CardState, epoch: int, meter: str, reference: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Pairing(state, epoch, meter, reference)


# -------------------------------------------------------------------------------------- the meter's word

KEY = b"k" * 32
STATE = MeterState(
    card="0102030405060708",
    pairing=1,
    meter="m1",
    epoch=7,
    number=3,
    time_ms=1_593_720_060_000,
    energy_wh=1_234_567,
    balance_ueur=-120_000,
    emergency_ueur=10_000_000,
    supply=Supply.OFF,
    reason=SupplyReason.CREDIT,
    code="8",
    clock=ClockStatus.TRUSTED,
    earliest_ms=1_593_720_050_000,
    latest_ms=None,
    journal=41,
    journal_hash=64 * "a",
    totals=(StatementHeld("controller", 2, 20_000_000, 1),),
)


def test_what_a_meter_says_on_a_card_is_proved_by_its_key_alone() -> None:
    word = state_word(STATE, KEY)
    assert StateWord.decode(word.encode()).state == STATE
    assert word.proof(KEY) is Proof.AUTHENTIC
    assert word.proof(b"another") is Proof.FORGED


def test_a_word_that_was_said_to_one_card_proves_nothing_on_another() -> None:
    word = state_word(STATE, KEY)
    moved = StateWord(word.word.replace(b"0102030405060708", b"0102030405060709"))
    assert moved.state is not None
    assert moved.proof(KEY) is Proof.FORGED


def test_a_word_without_a_mac_is_shown_and_proves_nothing() -> None:
    word = StateWord(state_word(STATE, KEY).word.rpartition(b',"mac"')[0] + b"}")
    assert word.state == STATE
    assert word.proof(KEY) is Proof.UNVERIFIED


def test_a_card_that_no_meter_has_read_says_so() -> None:
    assert StateWord().state is None
    with pytest.raises(DocumentError, match="no meter has read"):
        StateWord().proof(KEY)


def test_the_office_proves_a_state_with_every_generation_and_with_a_key_that_was_agreed_on() -> None:
    secrets = {number: bytes([number]) * 32 for number in (1, 2, 3)}
    for number, secret in secrets.items():
        said = state_word(STATE, meter_key(secret, STATE.meter))
        assert said.proof_of_fleet(secrets) is Proof.AUTHENTIC
        others = {other: each for other, each in secrets.items() if other != number}
        assert said.proof_of_fleet(others) is Proof.FORGED
    public = drawn_public(b"d" * 32)
    key = agreed_by_office(secrets[2], public, OF_METERS, STATE.meter)
    right = vouch(meter_key(secrets[1], STATE.meter), STATE.meter, 2, public)
    for vouches, generation, proof in (
        (("0" * 32, right), 2, Proof.AUTHENTIC),
        (("0" * 32,), 2, Proof.FORGED),
        ((right,), 3, Proof.FORGED),
    ):
        told = replace(STATE, key=KeyTold(generation, public, vouches))
        assert state_word(told, key).proof_of_fleet(secrets) is proof
    with pytest.raises(DocumentError, match="no meter has read this card"):
        StateWord().proof_of_fleet(secrets)


# --------------------------------------------------------------------------------------- the table of files


def test_names_and_numbers_of_the_files_are_unique() -> None:
    for numbers in (
        [each.name for each in FILES],
        [each.fid for each in FILES],
        [stored_as(each) for each in FILES] + [KEYRING],
        [each.sfi for each in FILES if each.sfi],
    ):
        assert max(Counter(numbers).values()) == 1


def test_each_file_of_the_application_has_a_short_identifier() -> None:
    # ISO 7816-4 §7.3.1.3: 1 to 30.
    assert all(1 <= each.sfi <= 30 for each in IN_ADF)


@pytest.mark.parametrize("file", FILES, ids=lambda each: each.name)
def test_nobody_writes_without_a_key_and_only_meters_write_what_meters_say(file: CardFile) -> None:
    assert file.writers
    if file.name in {"STATE", "REPORTS", "ASKS", "PROOFS"}:
        assert file.writers == {KeyHolder.METER}
    elif file.name != "LOG":
        assert KeyHolder.METER not in file.writers


def test_only_what_says_nothing_about_a_person_is_free_to_read() -> None:
    assert {each.name for each in FILES if not each.readers} == {"DIR", "GDO", "CARD"}


def test_a_file_of_records_has_room_for_them() -> None:
    for file in FILES:
        if file.structure is not Structure.TRANSPARENT:
            assert 1 <= file.record_bytes_max <= 255
            assert file.records_max >= 1


def test_a_file_is_found_by_its_name() -> None:
    assert file_named("statement-1") is FILES[4]
    assert file_named("STATEMENT-9") is None
