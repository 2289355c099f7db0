"""A kiosk makes the card in the place of a lost one: killed anywhere, the same kit makes it good."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cardreader.card.card import SmartCard
from cardreader.card.factory import make_blank_card
from cardreader.card.keyring import KEYRING, KeyRing
from cardreader.card.store import Store, WholeMemory
from cardreader.channel.keys import generation_key, issuer_keys, kiosk_keys, meter_keys_of_fleet
from cardreader.files.identity import CardIdentity, CardState, Pairing
from cardreader.files.layout import CARD as CARD_FILE
from cardreader.files.layout import PAIRING, STATEMENTS, stored_as
from cardreader.host.transport import InProcess
from cardreader.issuing.kit import IssuingKit
from cardreader.issuing.kit_files import NONCE_BYTES, seal_kit
from cardreader.issuing.practice import practice_key
from cardreader.kiosk.desk import Kiosk, receive_card
from cardreader.kiosk.home import practice_home, write_home
from cardreader.kiosk.making import (
    KITS_FOLDER,
    LaterCardError,
    bring_what_was_paid,
    kit_for,
    kits_here,
    make_card,
    pairing_known,
    practice_kit,
    read_kit_file,
)
from cardreader.kiosk.paying import top_up
from cardreader.kiosk.ports import Cash
from cardreader.kiosk.replaced import SupersededCardError, note_made
from cardreader.kiosk.store import writing_kiosk
from cardreader.loading.contents import read_contents
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import read_envelope
from protocols.documents.orders import body_of, read_order
from protocols.errors import InputError, RefusedError
from protocols.instants import UtcMs
from protocols.reasons import Energy
from tests.cardreader.kiosk.till_bench import (
    CARD,
    EURO,
    NOW,
    FusedChannel,
    Killed,
    Till,
    home_of,
)
from tests.cardreader.one_card import FLEET_KEY, KIOSK, METER, NOW_MS, WANTED, challenge, kit_of, session

NEW = bytes.fromhex("00000000000000aa")
LOST = CardIdentity(bytes.fromhex("0a0b0c0d0e0f1011"), Energy.GAS)
AT = UtcMs(NOW_MS)


def new_kit(epoch: int = 2, serial: bytes = NEW, letters: int = 0, meter: str = METER) -> IssuingKit:
    return kit_of(replace(WANTED, serial=serial, epoch=epoch, meter=meter), letters)


def virgin(serial: bytes = NEW) -> WholeMemory:
    memory = WholeMemory()
    make_blank_card(memory, serial, issuer_keys(FLEET_KEY, serial))
    return memory


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    """A kiosk at which 20 euro were paid with a card that is lost now."""
    made = Till("k1", tmp_path)
    with made.serving(WholeMemory(CARD)) as card:
        top_up(made.kiosk, card, "p1", 20 * EURO, Cash(), NOW)
    yield made
    made.engine.dispose()


def make(
    till: Till,
    memory: WholeMemory,
    kit: IssuingKit,
    steps: int | None = None,
    not_theirs: tuple[str, ...] = (),
) -> int:
    """The card of the kit with what was paid; the program is killed after so many steps."""
    till.fuse.steps = steps
    try:
        channel = FusedChannel(memory, till.fuse)
        make_card(till.kiosk, channel, kit, challenge(), AT, not_theirs)
        card = receive_card(till.kiosk, channel, challenge(), AT)
        return bring_what_was_paid(till.kiosk, card, AT)
    finally:
        till.fuse.steps = None


def total_on(memory: WholeMemory) -> int:
    """The total of the statement on the new card."""
    keys = kiosk_keys(generation_key(FLEET_KEY, KIOSK.generation), KIOSK.generation, NEW)
    found = read_contents(session(InProcess(SmartCard(memory)), keys)).documents[STATEMENTS[0]]
    return body_of(read_order(read_envelope(found).payload), PaymentBody).total_ueur


def test_it_has_what_was_paid_and_the_old_one_serves_nobody(till: Till) -> None:
    memory = virgin()
    assert make(till, memory, new_kit()) == total_on(memory) == 20 * EURO
    assert make(till, memory, new_kit()) == 20 * EURO  # the same again
    known = pairing_known(till.kiosk, METER)
    assert (known.epoch, known.made, known.serial) == (2, 2, NEW.hex())
    with pytest.raises(SupersededCardError), till.serving(WholeMemory(CARD)):
        pass
    # The meter opens it by the keys of its own epoch.
    session(InProcess(SmartCard(memory)), meter_keys_of_fleet(FLEET_KEY, METER, NEW, 2))


@pytest.mark.parametrize("steps", range(0, 70, 3))
def test_killed_anywhere_the_same_kit_makes_it_good(till: Till, steps: int) -> None:
    memory = virgin()
    with suppress(Killed):
        make(till, memory, new_kit(), steps)
    assert make(till, memory, new_kit()) == total_on(memory) == 20 * EURO
    assert pairing_known(till.kiosk, METER).made == 2


@pytest.mark.parametrize("steps", range(0, 70, 3))
def test_killed_anywhere_practice_goes_on_with_the_same_card(tmp_path: Path, steps: int) -> None:
    till = Till("k1", tmp_path)
    till.kiosk = Kiosk(practice_home("7"), till.engine, "k1")
    with writing_kiosk(till.engine) as store:
        note_made(store, LOST, Pairing(CardState.PAIRED, 1, METER, "5414000000042"), NOW_MS)
    memory = WholeMemory()
    make_blank_card(memory, NEW, issuer_keys(practice_key("7"), NEW))
    with suppress(Killed):
        _practise(till, memory, steps)
    assert _practise(till, memory) == _practise(till, memory) == (2, Energy.GAS, "5414000000042")
    assert pairing_known(till.kiosk, METER).made == 2
    till.engine.dispose()


def _practise(till: Till, memory: WholeMemory, steps: int | None = None) -> tuple[int, Energy, str]:
    """The card in the place of a lost one, made in practice; the program is killed after so many steps."""
    till.fuse.steps = steps
    try:
        channel = FusedChannel(memory, till.fuse)
        kit = practice_kit(till.kiosk, channel, NEW, Energy.GAS, pairing_known(till.kiosk, METER))
        make_card(till.kiosk, channel, kit, challenge(), AT)
        card = receive_card(till.kiosk, channel, challenge(), AT)
        assert card.found.identity is not None
        return card.pairing.epoch, card.found.identity.energy, card.pairing.reference
    finally:
        till.fuse.steps = None


def test_a_kit_that_is_not_the_latest_makes_no_card(till: Till) -> None:
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"of pairing epoch 1, .* allowed: a kit above it"):
            make(till, virgin(), new_kit(1))
    make(till, virgin(), new_kit(3))
    other = bytes(8)
    with pytest.raises(RefusedError, match="allowed: a kit above it"):
        make(till, virgin(other), new_kit(2, other))


def forged(till: Till, epoch: int, serial: bytes = 8 * b"\xee") -> str:
    """A card that whoever has the kiosks' keys has made of software was here. Returns its serial number."""
    keys = kiosk_keys(generation_key(FLEET_KEY, KIOSK.generation), KIOSK.generation, serial)
    memory = virgin(serial)
    cells = Store(memory)
    ring = KeyRing.decode(cells.read(KEYRING)).with_set(keys, 1, 0)
    said = Pairing(CardState.PAIRED, epoch, METER, "")
    identity = CardIdentity(serial, Energy.ELECTRICITY)
    cells.commit(
        {KEYRING: ring.encode(), stored_as(PAIRING): said.encode(), stored_as(CARD_FILE): identity.encode()}
    )
    with till.serving(memory) as card:
        assert card.pairing == said
    return serial.hex()


@pytest.mark.parametrize("epoch", [2, 30_000])
def test_a_card_that_was_only_seen_holds_the_kit_up_until_a_person_says_whose_it_is(
    till: Till, epoch: int
) -> None:
    seen = [forged(till, epoch), forged(till, epoch, 8 * b"\xdd")]
    for not_theirs in ((), (seen[0],), (NEW.hex(),)):
        with pytest.raises(LaterCardError, match=rf"--not-theirs {seen[1]} --not-theirs {seen[0]}, where"):
            make(till, virgin(), new_kit(), not_theirs=not_theirs)
    memory = virgin()
    assert make(till, memory, new_kit(), not_theirs=(*seen, "else")) == total_on(memory) == 20 * EURO
    assert pairing_known(till.kiosk, METER).made == 2


def test_what_was_made_here_is_everybodys(till: Till) -> None:
    make(till, virgin(), new_kit(3))
    with pytest.raises(RefusedError, match="was made here; allowed: a kit above it") as refused:
        make(till, virgin(bytes(8)), new_kit(2, bytes(8)), not_theirs=(NEW.hex(),))
    assert not isinstance(refused.value, LaterCardError)


def test_an_earlier_kit_of_the_very_card_makes_nothing_of_it(till: Till) -> None:
    memory = virgin()
    make(till, memory, new_kit(epoch=3))
    with pytest.raises(RefusedError, match=r"pairing epoch 2, and a card of epoch 3 of meter"):
        make(till, virgin(), new_kit(epoch=2))
    assert pairing_known(till.kiosk, METER).made == 3


def test_letters_of_another_kit_make_no_card_of_two_households(till: Till) -> None:
    memory = virgin()
    others = new_kit(1, meter="m2")
    channel = InProcess(SmartCard(memory))
    slot = session(channel, others.issuer)
    slot.put_letter(others.letters[0][1])
    with pytest.raises(RefusedError, match=r"key letters of another kit; allowed: .* \(--letters 2\)"):
        make(till, memory, new_kit())
    make(till, memory, new_kit(letters=2))
    session(InProcess(SmartCard(memory)), meter_keys_of_fleet(FLEET_KEY, METER, NEW, 2))


def test_a_kit_for_another_card_or_of_another_kiosk_is_refused(till: Till, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is not the one of the kit"):
        make(till, virgin(bytes(8)), new_kit())
    home = write_home(home_of("k1"), tmp_path / "home")
    folder = tmp_path / "home" / KITS_FOLDER
    folder.mkdir()
    for name, kiosk, key in (("a", "k1", home.words_key), ("b", "k2", 32 * b"x"), ("c", "k1", 32 * b"x")):
        (folder / f"{name}.json").write_bytes(seal_kit(new_kit(), kiosk, key, bytes(NONCE_BYTES)))
    (folder / "d.json").write_bytes(b"half of")
    (folder / "e.json").write_bytes(bytes(10_000))
    assert [(facts.kiosk, facts.card) for facts, _data in kits_here(home, METER)] == [("k1", NEW.hex())] * 2
    assert list(kits_here(home, "m2")) == []
    assert kit_for(home, read_kit_file(folder / "a.json"), "a") == new_kit()
    for name in "bcd":
        with pytest.raises(InputError, match=r"^here: "):
            kit_for(home, read_kit_file(folder / f"{name}.json"), "here")
    with pytest.raises(InputError, match="too long"):
        read_kit_file(folder / "e.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_kit_file(folder / "none.json")
