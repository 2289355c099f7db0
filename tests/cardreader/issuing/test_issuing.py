"""A card from the factory to a household, its replacement and its end; pulled out anywhere, begun again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import meter_keys_of_fleet
from cardreader.files.identity import EPOCH_MAX, CardIdentity, CardState, Pairing, next_epoch
from cardreader.files.layout import CARD, LOG, PAIRING
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import NotOurCardError
from cardreader.host.transport import InProcess
from cardreader.iso7816.apdu import CardGoneError
from cardreader.issuing.kit import IssuingKit
from cardreader.issuing.personalising import block_card, letters_held, personalise
from protocols.errors import RefusedError
from protocols.reasons import Energy
from tests.cardreader.one_card import (
    FLEET_KEY,
    ISSUER,
    METER,
    METER_KEYS,
    NOW_MS,
    SERIAL,
    WANTED,
    blank,
    challenge,
    issued,
    kit_of,
    session,
)

PAIRED = Pairing(CardState.PAIRED, 1, METER, "5414000000042")


def virgin() -> WholeMemory:
    memory = WholeMemory()
    blank(memory)
    return memory


def issue(memory: WholeMemory, letters: int = 0) -> bool:
    return personalise(
        InProcess(SmartCard(memory)), kit_of(letters_held=letters), challenge(), "office-1", NOW_MS
    )


def test_a_card_gets_its_reference_later_and_keeps_the_one_that_it_has() -> None:
    memory, unknown = virgin(), replace(kit_of(), pairing=Pairing(CardState.PAIRED, 1, METER))

    def make(kit: IssuingKit) -> bool:
        return personalise(InProcess(SmartCard(memory)), kit, challenge(), "office-1", NOW_MS)

    assert make(unknown)
    assert issue(memory)
    opened = session(InProcess(SmartCard(memory)), METER_KEYS)
    assert Pairing.decode(opened.read(PAIRING)) == PAIRED
    other = replace(PAIRED, reference="5414000000059")
    for kit in (
        unknown,
        replace(kit_of(), pairing=other),
        replace(kit_of(), pairing=replace(PAIRED, epoch=2)),
    ):
        with pytest.raises(RefusedError, match="customer 5414000000042; allowed: a virgin card"):
            make(kit)
    assert not issue(memory)


def test_an_issued_card_says_whose_it_is_and_meter_and_kiosk_open_it() -> None:
    memory = virgin()
    assert issue(memory)
    for keys in (METER_KEYS, ISSUER):
        opened = session(InProcess(SmartCard(memory)), keys)
        assert Pairing.decode(opened.read(PAIRING)) == PAIRED
        assert CardIdentity.decode(opened.read(CARD)) == CardIdentity(SERIAL, Energy.ELECTRICITY)
        (visit,) = map(Visit.decode, opened.records(LOG))
        assert (visit.deed, visit.at_ms, visit.station) == (Deed.ISSUED, NOW_MS, "office-1")


def test_a_card_that_is_issued_already_is_left_as_it_is() -> None:
    memory = issued()
    before = session(InProcess(SmartCard(memory)), ISSUER).records(LOG)
    assert not issue(memory)
    assert session(InProcess(SmartCard(memory)), ISSUER).records(LOG) == before


def test_a_card_of_another_household_is_refused_and_left_as_it_is() -> None:
    memory = issued()
    other = kit_of(replace(WANTED, meter="m00043"))
    with pytest.raises(
        RefusedError,
        match="belongs to meter m00042, pairing epoch 1, customer 5414000000042; allowed: a virgin card",
    ):
        personalise(InProcess(SmartCard(memory)), other, challenge(), "office-1", NOW_MS)
    assert Pairing.decode(session(InProcess(SmartCard(memory)), METER_KEYS).read(PAIRING)) == PAIRED


def test_a_kit_makes_no_other_card() -> None:
    memory = WholeMemory()
    make_blank_card(memory, bytes(8), ISSUER)
    with pytest.raises(RefusedError, match="0000000000000000 is not the one of the kit, 0102030405060708"):
        issue(memory)
    with pytest.raises(ValueError, match="serial of 3 bytes"):
        make_blank_card(WholeMemory(), b"abc", ISSUER)


class Pulled(InProcess):
    """A card that is pulled out after some commands, before or after the card has done the last one."""

    def __init__(self, card: SmartCard, commands: int, *, after: bool) -> None:
        super().__init__(card)
        self._left, self._after = commands, after

    def transmit(self, command: bytes) -> bytes:
        if self._left == 0:
            if self._after:
                super().transmit(command)
            self.remove()
        self._left -= 1
        return super().transmit(command)


@given(commands=st.integers(0, 40), after=st.booleans())
def test_a_card_pulled_out_at_any_command_is_virgin_or_issued_and_issuing_goes_on(
    commands: int, *, after: bool
) -> None:
    memory = virgin()
    torn = False
    try:
        channel = Pulled(SmartCard(memory), commands, after=after)
        personalise(channel, kit_of(), challenge(), "office-1", NOW_MS)
    except CardGoneError:
        torn = True
    found = Pairing.decode(session(InProcess(SmartCard(memory)), ISSUER).read(PAIRING))
    assert found in (Pairing(CardState.VIRGIN), PAIRED)
    assert torn or found == PAIRED
    issue(memory)
    assert Pairing.decode(session(InProcess(SmartCard(memory)), METER_KEYS).read(PAIRING)) == PAIRED


def test_a_new_kit_for_a_card_that_took_letters_begins_above_them() -> None:
    memory = virgin()
    with pytest.raises(CardGoneError):
        personalise(Pulled(SmartCard(memory), 8, after=False), kit_of(), challenge(), "office-1", NOW_MS)
    held = letters_held(InProcess(SmartCard(memory)))
    assert held > 0
    assert issue(memory, held)


# -------------------------------------------------------------------------------------- lost and replaced


def test_an_epoch_that_somebody_writes_on_a_card_gives_it_no_keys_of_that_epoch() -> None:
    """The meter believes an epoch only after it has opened the card with the keys of that epoch."""
    memory = issued()
    forged = session(InProcess(SmartCard(memory)), ISSUER)
    forged.write(PAIRING, replace(PAIRED, epoch=2).encode())
    forged.commit()
    with pytest.raises(NotOurCardError):
        session(InProcess(SmartCard(memory)), meter_keys_of_fleet(FLEET_KEY, METER, SERIAL, 2))


def test_the_next_card_of_a_meter_has_the_next_epoch_until_none_is_left() -> None:
    assert next_epoch(0) == 1
    assert next_epoch(EPOCH_MAX - 1) == EPOCH_MAX
    with pytest.raises(RefusedError, match="last one"):
        next_epoch(EPOCH_MAX)


def test_a_card_that_was_found_again_is_blocked_and_says_so() -> None:
    memory = issued()
    blocked = replace(PAIRED, state=CardState.BLOCKED)
    for changed in (True, False):
        done = block_card(InProcess(SmartCard(memory)), ISSUER, challenge(), "office-1", NOW_MS)
        assert done == (blocked, changed)
    opened = session(InProcess(SmartCard(memory)), METER_KEYS)
    assert Pairing.decode(opened.read(PAIRING)) == blocked
    assert Visit.decode(opened.records(LOG)[0]).deed is Deed.BLOCKED
    with pytest.raises(RefusedError, match="blocked"):
        issue(memory)


def test_a_card_of_nobody_is_not_blocked() -> None:
    memory = WholeMemory()
    blank(memory)
    with pytest.raises(RefusedError, match="belongs to nobody"):
        block_card(InProcess(SmartCard(memory)), ISSUER, challenge(), "office-1", NOW_MS)
