"""A kit as a file: for one kiosk, and worth nothing to anybody else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.issuing.kit_files import NONCE_BYTES, open_kit, read_kit_facts, seal_kit
from protocols.errors import DocumentError
from tests.cardreader.one_card import METER, SERIAL, kit_of

WORDS_KEY = 32 * b"w"
KIT = kit_of()
FILE = seal_kit(KIT, "k1", WORDS_KEY, bytes(NONCE_BYTES))


def test_the_kiosk_that_it_is_for_opens_it() -> None:
    assert open_kit(FILE, "k1", WORDS_KEY) == KIT
    facts = read_kit_facts(FILE)
    assert (facts.kiosk, facts.card, facts.meter, facts.epoch) == ("k1", SERIAL.hex(), METER, 1)


def test_no_key_and_no_letter_can_be_read_in_it() -> None:
    keys = KIT.issuer.static
    secrets = [keys.enc, keys.mac, keys.dek, *(letter for _number, letter in KIT.letters)]
    assert not [each for each in secrets if each in FILE or each.hex().encode() in FILE]


@pytest.mark.parametrize(("kiosk", "key"), [("k2", WORDS_KEY), ("k1", 32 * b"x")])
def test_another_kiosk_does_not(kiosk: str, key: bytes) -> None:
    with pytest.raises(DocumentError, match=r"for kiosk k1|not made by the office of this kiosk"):
        open_kit(FILE, kiosk, key)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("meter", "m2"),
        ("epoch", 2),
        ("card", 16 * "0"),
        ("energy", "gas"),
        ("kiosk", "k2"),
    ],
)
def test_what_is_read_beside_the_keys_is_bound_to_them(name: str, value: str | int) -> None:
    told = json.loads(FILE)
    told["facts"][name] = value
    with pytest.raises(DocumentError, match="changed"):
        open_kit(json.dumps(told).encode(), told["facts"]["kiosk"], WORDS_KEY)


@given(st.integers(0, len(FILE) - 2), st.integers(1, 255))
def test_no_changed_byte_makes_another_card(place: int, change: int) -> None:
    changed = bytearray(FILE)
    changed[place] ^= change
    try:
        found = open_kit(bytes(changed), "k1", WORDS_KEY)
    except DocumentError:
        return
    assert found == KIT


@given(st.binary(max_size=300))
def test_garbage_is_no_kit(data: bytes) -> None:
    with pytest.raises(DocumentError):
        open_kit(data, "k1", WORDS_KEY)
