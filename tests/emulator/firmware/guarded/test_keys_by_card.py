"""A meter that only a card reaches draws its new key; whatever is torn, it has the old one or the new one."""

import contextlib
import copy
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import pytest
from msgspec.structs import replace

from cardreader.card.store import Store, WholeMemory
from cardreader.files.documents import Words
from cardreader.files.layout import PROOFS, REPORTS, STATE, stored_as
from cardreader.files.meter_state import StateWord
from emulator.firmware.events import CardRemoved
from emulator.firmware.guarded.image import decode_image, encode_image
from emulator.firmware.guarded.meter import GuardedMeter
from protocols.documents.bodies import KeysBody
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.orders import Scope
from protocols.documents.roles import ROOT_TYPE, RoleKeys, Root, write_root
from protocols.documents.statements import Statement, Totals
from protocols.link.agreement import OF_METERS, agreed_by_office, public_half, vouch
from protocols.link.keys import asks_key
from protocols.link.messages import KeyTold, is_authentic, read_report
from protocols.link.proofs import Proof, Purpose, proof_of
from protocols.reasons import Source
from tests.cardreader.tearing import PowerLost, TornMemory, Way
from tests.cardreader.test_tears import EVERY, WAYS
from tests.emulator.firmware.guarded.slot_bench import EURO, METER_KEY, SERIAL, SlotBench, statement
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS, Workbench, sign

SECRETS: Final = {number: sha256(f"fleet {number}".encode()).digest() for number in range(1, 5)}
WAY: Final = f"card/{SERIAL.hex()}"


def chance(seed: str = "") -> Iterator[bytes]:
    """What a meter is given to draw from."""
    return (sha256(f"{seed} {number}".encode()).digest() for number in range(1_000))


def keys_order(bench: Workbench, generation: int, name: str = "fleet") -> bytes:
    secret = SECRETS[generation]
    asks = (public_half(asks_key(secret, source)) for source in (Source.HEADEND, Source.TIMESERVER))
    body = KeysBody(generation, public_half(secret), *asks)
    scope = Scope(fleet=True) if name == "fleet" else Scope(meters=(name,))
    return sign(replace(bench.order(Kind.KEYS, name, body), scope=scope))


def key_said(slot: SlotBench) -> bytes:
    """The key under which all words on the card are said, as the office works it out; all of them are."""
    store = Store(WholeMemory(slot.card))
    word = StateWord.decode(store.read(stored_as(STATE)))
    assert word.state is not None
    told, key = word.state.key, METER_KEY
    if isinstance(told, KeyTold):
        assert vouch(METER_KEY, "m1", told.generation, told.public) == told.vouches[0]
        key = agreed_by_office(SECRETS[told.generation], told.public, OF_METERS, "m1")
    assert word.proof(key) is Proof.AUTHENTIC
    report, *rest = Words.decode(store.read(stored_as(REPORTS))).words
    _, body, mac = read_report(report)
    assert is_authentic(body, mac, key)
    # Holdings that do not fit are left out.
    assert all(proof_of(holds, Purpose.HOLDS, WAY, key) is Proof.AUTHENTIC for holds in rest)
    for each in Words.decode(store.read(stored_as(PROOFS))).words:
        _, body, mac = read_report(each)
        assert is_authentic(body, mac, key)
    return key


def test_a_card_brings_new_keys_and_takes_back_the_proof_in_one_visit() -> None:
    slot = SlotBench(Workbench(load_w=0), chance=chance())
    slot.load(keys_order(slot.bench, 2), statement(slot.bench, 1, 20 * EURO))
    assert slot.visit()
    key = slot.bench.meter.identity.key
    assert key != METER_KEY
    assert key_said(slot) == key
    assert [each.reason for each in slot.receipts()] == ["credited", "keys"]
    memory = slot.bench.meter.memory
    assert memory == decode_image(encode_image(memory))
    assert slot.visit(), "its card opens still: it has the keys of the manufacture"
    assert slot.bench.meter.identity.key == key


def test_the_key_never_travels_nor_what_it_was_drawn_from() -> None:
    slot = SlotBench(Workbench(load_w=0), chance=chance())
    (first,) = (next(chance()),)
    slot.load(keys_order(slot.bench, 2))
    assert slot.visit()
    for secret in (slot.bench.meter.identity.key, first, *slot.bench.meter.identity.ask_keys.values()):
        assert secret not in slot.card
        assert secret.hex().encode() not in slot.card


def test_without_chance_the_order_is_refused_and_everything_else_is_obeyed() -> None:
    slot = SlotBench(Workbench(load_w=0))
    slot.load(keys_order(slot.bench, 2), statement(slot.bench, 1, 20 * EURO))
    assert slot.visit()
    assert slot.bench.meter.identity.key == METER_KEY
    assert sorted(each.reason for each in slot.receipts()) == ["credited", "unsupported"]


def test_two_orders_of_one_visit_draw_apart() -> None:
    slot = SlotBench(Workbench(load_w=0), chance=chance())
    slot.load(keys_order(slot.bench, 2), keys_order(slot.bench, 2, "m1"))
    assert slot.visit()
    keys = slot.bench.meter.memory.keys
    assert keys is not None
    assert len({METER_KEY, *keys.earlier, keys.key}) == 3
    assert key_said(slot) == keys.key


def test_the_asks_after_it_are_those_of_the_new_key() -> None:
    slot = SlotBench(Workbench(load_w=0), chance=chance())
    slot.load(keys_order(slot.bench, 3))
    assert slot.visit()
    told = slot.contents().state.state
    assert told is not None
    assert isinstance(told.key, KeyTold)
    for source, word in zip((Source.HEADEND, Source.TIMESERVER), slot.contents().asks.words, strict=True):
        key = agreed_by_office(asks_key(SECRETS[3], source), told.key.public, source, "m1")
        assert proof_of(word, Purpose.ASK, WAY, key) is Proof.AUTHENTIC


def test_the_state_of_a_meter_with_many_issuers_and_eight_keys_before_has_room_for_its_new_key() -> None:
    slot = SlotBench(Workbench(load_w=0), chance=chance())
    for generation in (2, 2, 2, 3, 3, 3, 3, 4, 4, 4):
        slot.load(keys_order(slot.bench, generation))
        assert slot.visit()
    names = [f"{number:02d}".ljust(64, "x") for number in range(40)]
    slot.bench.meter.memory.totals = Totals(
        tuple(Statement(name, 2**53 - 1, 10**11, 2**53 - 1) for name in names)
    )
    assert slot.visit()
    assert key_said(slot) == slot.bench.meter.identity.key
    said = slot.contents().state.state
    assert said is not None
    assert len(said.totals) > 8


def restored(slot: SlotBench) -> GuardedMeter:
    """The meter from its last image; its cell has kept the ticks."""
    assert slot.head is not None
    old = slot.bench.meter
    return GuardedMeter.restore(old.identity, old.profile, ROOT, slot.image, load_w=0, head=slot.head)


def drawing() -> SlotBench:
    """A household that has been at the meter once; now its card brings a payment and new keys."""
    slot = SlotBench(Workbench(load_w=0), chance=chance())
    slot.load(statement(slot.bench, 1, 10 * EURO))
    assert slot.visit()
    slot.load(statement(slot.bench, 2, 30 * EURO), keys_order(slot.bench, 2))
    # Copies of it are made: what is left of the chance is as good as any.
    slot.chance = iter([sha256(b"a").digest(), sha256(b"b").digest()])
    return slot


@pytest.mark.parametrize("way", WAYS, ids=lambda each: f"{each[0].value}-{each[1]:02x}")
def test_power_lost_at_each_step_of_the_visit_that_brings_new_keys(way: tuple[Way, int]) -> None:
    first = drawing()
    memory, whole = TornMemory(first.card, way[0]), copy.deepcopy(first)
    assert whole.visit(memory)
    for steps in range(WAYS.index(way) % EVERY, memory.count, EVERY * EVERY):
        slot = copy.deepcopy(first)
        with contextlib.suppress(PowerLost):
            slot.visit(TornMemory(slot.card, way[0], steps, way[1]))
        slot.do(CardRemoved())
        meter = slot.bench.meter = restored(slot)
        had = meter.identity.key
        assert had == METER_KEY or meter.memory.keys is not None
        assert key_said(slot) in {METER_KEY, had}, "the card says no more than the meter remembers"
        assert slot.visit()
        key = slot.bench.meter.identity.key
        assert had in {METER_KEY, key}, "what was drawn is not drawn again"
        assert key_said(slot) == key != METER_KEY
        assert slot.bench.meter.memory.totals.credited_ueur == 30 * EURO


# -- a chain of roots ---------------------------------------------------------------------------------------


def roots(count: int) -> list[bytes]:
    """Roots by two people each, of whom every one knows only the pair before it."""
    pairs = [("gina", "hugo"), *(("dora", "eric"), ("anna", "bert"), ("gina", "hugo")) * count]
    found = []
    for version in range(2, count + 2):
        old, new = pairs[version - 2], pairs[version - 1]
        keyids = tuple(SIGNERS[name].keyid for name in new)
        root: Root = replace(ROOT, version=version, roles={**ROOT.roles, Role.ROOT: RoleKeys(2, keyids)})
        found.append(seal(write_root(root), ROOT_TYPE, [SIGNERS[name] for name in (*old, *new)]))
    return found


def test_a_meter_that_slept_over_many_rotations_comes_home_by_as_many_visits_as_its_chain_needs() -> None:
    slot = SlotBench(Workbench(load_w=0))
    chain = roots(7)
    visits = 0
    while chain:
        plan = slot.load(*chain)
        assert slot.visit()
        came = len(chain) - len(plan.left_out)
        assert came >= 2, "as many as fit"
        assert slot.bench.meter.root.version == 8 - len(plan.left_out), "the first ones"
        chain, visits = chain[came:], visits + 1
    assert visits == 3


def test_roots_are_obeyed_in_their_sequence_wherever_they_lie() -> None:
    slot = SlotBench(Workbench(load_w=0))
    slot.load(*reversed(roots(3)))
    assert slot.visit()
    assert slot.bench.meter.root.version == 4
