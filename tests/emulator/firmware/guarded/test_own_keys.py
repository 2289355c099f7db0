"""A meter draws a new key when two people order it; whatever is torn, it has the old one or the new one."""

from hashlib import sha256
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from emulator.firmware.effects import Ask
from emulator.firmware.events import AskTime, Document
from emulator.firmware.guarded.image import decode_image, encode_image
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.guarded.told import ask_word, holds_of
from protocols import slots
from protocols.chain import GENESIS
from protocols.documents.bodies import KeysBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, Scope, make_body
from protocols.errors import DocumentError
from protocols.link.agreement import (
    OF_METERS,
    agreed_by_meter,
    agreed_by_office,
    drawn_public,
    public_half,
    vouch,
)
from protocols.link.keys import asks_key
from protocols.link.messages import KeyTold
from protocols.link.proofs import Proof, Purpose, proof_of
from protocols.reasons import Source
from tests.emulator.firmware.guarded.workbench import PROFILE, ROOT, Workbench, sign

SECRETS: Final = {number: sha256(f"fleet {number}".encode()).digest() for number in range(1, 5)}
DRAWN: Final = tuple(sha256(f"drawn {number}".encode()).digest() for number in range(12))
secrets = st.binary(min_size=32, max_size=32)


def halves(generation: int) -> KeysBody:
    secret = SECRETS[generation]
    return KeysBody(
        generation,
        public_half(secret),
        *(public_half(asks_key(secret, source)) for source in (Source.HEADEND, Source.TIMESERVER)),
    )


def keys_order(bench: Workbench, generation: int, rev: int) -> Order:
    order = bench.order(Kind.KEYS, "fleet", halves(generation))
    return replace(order, rev=rev, scope=Scope(fleet=True))


def send(bench: Workbench, order: Order, drawn: bytes, *people: str) -> str:
    """The reason of the verdict."""
    before = bench.meter.journal.head.number
    bench.do(Document(sign(order, people or None), drawn=drawn))
    records = bench.meter.journal.entries[-1].body
    assert bench.meter.journal.head.number > before
    return str(records.split(b'"reason":"')[1].split(b'"')[0].decode())


@given(secrets, secrets, st.sampled_from(["meter", "headend"]), st.sampled_from(["m1", "m2"]))
def test_meter_and_office_agree_and_nobody_else(
    secret: bytes, drawn: bytes, purpose: str, meter: str
) -> None:
    key = agreed_by_meter(drawn, public_half(secret), purpose, meter)
    assert key == agreed_by_office(secret, drawn_public(drawn), purpose, meter)
    others = {
        agreed_by_office(sha256(secret).digest(), drawn_public(drawn), purpose, meter),
        agreed_by_office(secret, drawn_public(sha256(drawn).digest()), purpose, meter),
        agreed_by_office(secret, drawn_public(drawn), purpose, f"{meter}0"),
        agreed_by_office(secret, drawn_public(drawn), f"{purpose}x", meter),
    }
    assert key not in others
    with pytest.raises(DocumentError, match="agrees with nobody"):
        agreed_by_office(secret, "00" * 32, purpose, meter)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), max_size=8), st.binary(max_size=3))
def test_numbers_and_generations_only_rise_and_the_office_can_follow(
    orders: list[tuple[int, int]], start: bytes
) -> None:
    bench, known = Workbench(), (0, 0)
    first = bench.meter.identity.key
    for place, (generation, rev) in enumerate(orders):
        before = bench.meter.identity.key
        reason = send(bench, keys_order(bench, generation, rev), sha256(start + bytes([place])).digest())
        if generation >= known[0] and rev > known[1]:
            known = (generation, rev)
            assert reason == "keys"
            assert bench.meter.identity.key != before
        else:
            assert reason in {"repeated", "stale_rev"}
            assert bench.meter.identity.key == before
        told = holds_of(bench.meter).key
        if not isinstance(told, KeyTold):
            assert bench.meter.identity.key == first
            continue
        assert bench.meter.identity.key == agreed_by_office(
            SECRETS[told.generation], told.public, OF_METERS, "m1"
        )
        assert vouch(first, "m1", told.generation, told.public) == told.vouches[0]
        assert bench.meter.memory == decode_image(encode_image(bench.meter.memory))


def test_who_may_order_it_and_what_it_needs() -> None:
    bench = Workbench()
    key = bench.meter.identity.key
    order = keys_order(bench, 2, 1)
    assert send(bench, order, b"") == "unsupported", "nothing to draw from"
    nobody = replace(order, body=make_body(replace(halves(2), public="00" * 32)))
    assert send(bench, nobody, DRAWN[0]) == "unsupported", "a half that agrees with nobody"
    assert send(bench, order, DRAWN[0], "anna") == "too_few_signers"
    assert bench.meter.identity.key == key
    assert send(bench, order, DRAWN[0]) == "keys"
    assert send(bench, order, DRAWN[1]) == "repeated"
    assert bench.meter.memory.keys is not None
    assert bench.meter.memory.keys.public == drawn_public(DRAWN[0])
    assert bench.meter.memory.keys.earlier == (key,)


def test_more_rotations_than_keys_that_vouch_leave_the_first_one() -> None:
    bench = Workbench()
    first = bench.meter.identity.key
    for number, drawn in enumerate(DRAWN, start=1):
        assert send(bench, keys_order(bench, 2, number), drawn) == "keys"
    kept = bench.meter.memory.keys
    assert kept is not None
    assert (len(kept.earlier), kept.earlier[0]) == (8, first)


def test_a_power_cut_at_any_byte_leaves_the_old_key_or_the_new_one() -> None:
    bench = Workbench()
    old = bench.meter.identity
    memory = bytearray(slots.memory_bytes(8 * 1024))
    _write(memory, encode_image(bench.meter.memory))
    assert send(bench, keys_order(bench, 2, 1), DRAWN[0]) == "keys"
    new = bench.meter.identity.key
    seen = set()
    writes = list(slots.write(memory, encode_image(bench.meter.memory)))
    whole = sum(len(data) for _, data in writes)
    for written in (*range(0, whole, 7), whole):
        torn, left = bytearray(memory), written
        for offset, data in writes:
            part = data[:left]
            torn[offset : offset + len(part)] = part
            left -= len(part)
        image = slots.read(torn)
        meter = GuardedMeter.restore(old, PROFILE, ROOT, image, load_w=0, head=GENESIS)
        seen.add(meter.identity.key)
    assert seen == {old.key, new}
    _write(memory, encode_image(bench.meter.memory))
    restored = GuardedMeter.restore(old, PROFILE, ROOT, slots.read(memory), load_w=0, head=GENESIS)
    assert restored.identity == bench.meter.identity


def _write(memory: bytearray, image: bytes) -> None:
    for offset, data in slots.write(memory, image):
        memory[offset : offset + len(data)] = data


def test_asks_are_proved_by_keys_that_were_agreed_on_with_each_authority() -> None:
    bench = Workbench()
    assert send(bench, keys_order(bench, 2, 1), DRAWN[0]) == "keys"
    for source in (Source.HEADEND, Source.TIMESERVER):
        (asked,) = [each for each in bench.do(AskTime(source)) if isinstance(each, Ask)]
        word = ask_word(bench.meter, source, asked.nonce, "link-1")
        key = agreed_by_office(asks_key(SECRETS[2], source), drawn_public(DRAWN[0]), source, "m1")
        assert proof_of(word, Purpose.ASK, "link-1", key) is Proof.AUTHENTIC
        assert drawn_public(DRAWN[0]).encode() in word
