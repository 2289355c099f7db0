"""A void at the meter: nothing of a stolen key's protection is left, and all else stands (design §5)."""

from collections.abc import Sequence
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from emulator.firmware.effects import RecordEmitted
from emulator.firmware.events import Document, Event, NewEpoch
from emulator.firmware.guarded.image import decode_image
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.guarded.meter import GuardedMeter
from protocols.documents.bodies import (
    CancelCutBody,
    CutOrderBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    Kept,
    LiftBody,
    Named,
    PaymentBody,
    ReleaseBody,
    VoidBody,
)
from protocols.documents.envelope import Signer, seal
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.merging import ROOT_NAMED
from protocols.documents.orders import Order, short_keyid
from protocols.documents.roles import ROOT_TYPE, Key, RoleKeys, Root, write_root
from protocols.documents.room import catch_all_of
from protocols.instants import DAY_MS, HOUR_MS
from protocols.limits import HOLDS_PER_KEY_MAX, VOIDED_KEYS_MAX
from protocols.link.records import OrderJudged
from protocols.reasons import FlagName, Source
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS, Workbench, sign

M = MONDAY_MS
ANNA, BERT, DORA = (SIGNERS[holder].keyid for holder in ("anna", "bert", "dora"))
FAR_MS = M + 20_000 * DAY_MS


def without_anna(version: int) -> Root:
    """The root that lists Anna's key no more."""
    others = tuple(SIGNERS[holder].keyid for holder in ("bert", "chris"))
    keys = {keyid: key for keyid, key in ROOT.keys.items() if keyid != ANNA}
    return replace(ROOT, version=version, keys=keys, roles={**ROOT.roles, Role.PROTECT: RoleKeys(1, others)})


def root_document(root: Root) -> bytes:
    return seal(write_root(root), ROOT_TYPE, [SIGNERS["gina"], SIGNERS["hugo"]])


def void_of(
    bench: Workbench, *keeps: Kept, keyid: str = ANNA, holder: str = "anna", keeper: str = DORA
) -> Order:
    body = VoidBody(keyid, holder, keeps, keeper if keeps else "")
    return bench.order(Kind.VOID, keyid, body)


def held(bench: Workbench) -> set[str]:
    return {span.name for span in bench.meter.known.holds}


def state_of(memory: Memory) -> tuple[object, ...]:
    """All that the protection of a meter is made of."""
    return memory.protections, memory.voided, memory.release_ends_at, memory.release_date, memory.released_by


# ------------------------------------------------------------------ any order, any repetition

# The documents of one story. What Anna's stolen key alone has signed is junk; the rest must stand.
BENCH = Workbench()


def _story() -> tuple[list[bytes], list[bytes], bytes]:
    bench, junk, honest = BENCH, [], []
    for number in range(HOLDS_PER_KEY_MAX + 2):
        order = bench.order(Kind.HOLD, f"junk{number}", HoldBody(M, FAR_MS))
        junk.append(sign(order, ("anna",)))
    mine = bench.order(Kind.HOLD, "winter", HoldBody(M, M + DAY_MS))
    junk += [
        sign(mine, ("anna",)),
        sign(bench.order(Kind.HOLD, "moratorium", HoldBody(M, FAR_MS)), ("anna",)),
    ]
    flag = bench.order(Kind.SET_FLAG, "medical", FlagBody(FlagName.MEDICAL))
    junk.append(sign(flag, ("anna",)))
    junk.append(sign(bench.order(Kind.RELEASE, ANNA, ReleaseBody(240)), ("anna",)))
    junk.append(sign(bench.order(Kind.RELEASE, "all", ReleaseBody(240)), ("anna",)))
    honest.append(sign(mine, ("anna", "bert")))
    honest += [
        sign(bench.order(Kind.HOLD, name, HoldBody(M, M + 9 * DAY_MS)), ("bert",))
        for name in ("moratorium", "b")
    ]
    honest.append(sign(bench.order(Kind.SET_FLAG, "dispute", FlagBody(FlagName.DISPUTE)), ("bert",)))
    honest.append(sign(bench.order(Kind.RELEASE, BERT, ReleaseBody(24)), ("bert",)))
    honest.append(sign(bench.order(Kind.SHORTEN_HOLD, "floor", HoldFloorBody(M, M + DAY_MS))))
    honest.append(root_document(without_anna(2)))
    void = void_of(bench, Kept("hold/moratorium", 1, M, M + 5 * DAY_MS), Kept("hold/kept", 1, M, M + DAY_MS))
    return junk, honest, sign(void)


JUNK, HONEST, VOID = _story()


def told(documents: Sequence[bytes]) -> tuple[object, ...]:
    bench = Workbench()
    for document in documents:
        bench.do(Document(document))
    return state_of(bench.meter.memory)


@settings(max_examples=60)
@given(st.data())
def test_in_any_order_with_the_new_root_among_them_nothing_of_the_key_is_left(data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from([*JUNK, *HONEST, VOID]), max_size=8))
    documents = data.draw(st.permutations([*JUNK, *HONEST, VOID, *again]))
    assert told(documents) == told([*HONEST, VOID])


def test_what_is_left_is_what_was_kept_and_what_others_have_signed() -> None:
    bench = Workbench()
    for document in (*JUNK, *HONEST):
        bench.do(Document(document))
    assert catch_all_of("anna") in held(bench)
    bench.do(Document(VOID))
    names = {"hold/b", "hold/floor", "hold/kept", "hold/moratorium", "hold/winter", "flag/dispute"}
    assert held(bench) == names
    ends_ms = {span.name: span.until_ms for span in bench.meter.known.holds}
    assert ends_ms["hold/moratorium"] == M + 9 * DAY_MS, "Bert's longer one is in force beside what is kept"
    assert ends_ms["hold/kept"] == M + DAY_MS


# ------------------------------------------------------------------ one thing each


def test_a_document_that_arrives_late_brings_nothing_back_after_a_power_cut_either() -> None:
    bench = Workbench()
    assert bench.send(void_of(bench)).reason == "stored"
    hold = bench.order(Kind.HOLD, "junk", HoldBody(M, FAR_MS))
    release = bench.order(Kind.RELEASE, ANNA, ReleaseBody(24))
    old = bench.meter
    for _ in range(2):
        assert bench.send(hold, ("anna",)).reason == "too_few_signers"
        assert bench.send(release, ("anna",)).reason == "too_few_signers"
        bench.meter = GuardedMeter.restore(
            old.identity, old.profile, ROOT, bench.meter.image(), load_w=1_000, head=old.journal.head
        )
    assert held(bench) == set()
    assert bench.send(hold, ("anna", "bert")).reason == "stored", "what another key signs too stands"


def test_the_hours_of_the_keys_release_end_and_those_of_another_go_on() -> None:
    bench = Workbench()
    bench.send(bench.order(Kind.RELEASE, BERT, ReleaseBody(24)), ("bert",))
    bench.send(bench.order(Kind.RELEASE, ANNA, ReleaseBody(240)), ("anna",))
    assert bench.meter.memory.release_ends_at == bench.tick + 240 * HOUR_MS
    bench.send(void_of(bench))
    assert bench.meter.memory.release_ends_at == bench.tick + 24 * HOUR_MS
    bench.send(void_of(bench, keyid=BERT, holder="bert"))
    assert bench.meter.memory.release_ends_at == 0


def lose_ticks(bench: Workbench) -> None:
    bench.do(NewEpoch())
    for source in (Source.HEADEND, Source.TIMESERVER):
        bench.witness(source)


def test_hours_that_wait_for_a_date_are_told_apart_too() -> None:
    bench, alone = Workbench(), Workbench()
    for each in (bench, alone):
        each.send(each.order(Kind.RELEASE, BERT, ReleaseBody(24)), ("bert",))
    bench.send(bench.order(Kind.RELEASE, ANNA, ReleaseBody(240)), ("anna",))
    for each in (bench, alone):
        lose_ticks(each)
    assert bench.meter.memory.release_date != alone.meter.memory.release_date
    bench.send(void_of(bench))
    assert bench.meter.memory.release_date == alone.meter.memory.release_date
    assert bench.meter.memory.release_date is not None
    bench.wait(30 * HOUR_MS)
    assert bench.meter.memory.release_date is None


def test_money_and_cancelled_cuts_stay() -> None:
    bench = Workbench()
    pay = bench.order(Kind.PAYMENT, "controller", PaymentBody("controller", 1, 5_000_000))
    assert bench.send(pay, ("anna",)).reason == "credited"
    cancel = bench.order(Kind.CANCEL_CUT, "debts", CancelCutBody("cut/debts"))
    assert bench.send(cancel, ("anna",)).reason == "stored"
    before = bench.meter.memory.totals, bench.meter.memory.tombstones
    bench.send(void_of(bench))
    assert (bench.meter.memory.totals, bench.meter.memory.tombstones) == before
    assert bench.give(Kind.CUT_ORDER, "debts", CutOrderBody()).reason == "cancelled"
    more = bench.order(Kind.PAYMENT, "controller", PaymentBody("controller", 2, 6_000_000))
    assert bench.send(more, ("anna",)).reason == "credited", "what was paid to the key is paid"


def test_a_void_takes_two_people_and_a_trusted_clock_and_is_named_after_its_key() -> None:
    bench = Workbench()
    bench.send(bench.order(Kind.HOLD, "junk", HoldBody(M, FAR_MS)), ("anna",))
    assert bench.send(void_of(bench), ("dora",)).reason == "too_few_signers"
    assert bench.send(void_of(bench), ("anna", "bert")).reason == "too_few_signers"
    wrong = bench.order(Kind.VOID, BERT, VoidBody(ANNA, "anna"))
    assert bench.send(wrong).reason == "malformed"
    assert bench.send(void_of(bench, Kept("hold/a", 1, M, M + 1), keeper=BERT)).reason == "malformed"
    bench.meter.memory.clock.latest = None
    lost = void_of(bench)
    bench.do(NewEpoch())
    assert bench.send(lost).reason == "clock_not_trusted"
    assert held(bench) == {"hold/junk"}


def test_what_two_people_have_lifted_no_void_brings_back() -> None:
    bench = Workbench()
    bench.send(bench.order(Kind.LIFT_HOLD, "a", LiftBody(), rev=10))
    bench.send(void_of(bench, Kept("hold/a", 10, M, FAR_MS), Kept("hold/a", 11, M, M + DAY_MS)))
    (span,) = bench.meter.known.holds
    assert (span.name, span.until_ms) == ("hold/a", M + DAY_MS)


def test_after_a_void_a_meter_is_cut_only_by_a_lease_of_what_is_left_and_under_its_root() -> None:
    bench = Workbench(balance_q=0)
    kept = Named("hold/moratorium", 0, (1,))
    bench.permit((M, M + 30 * DAY_MS), names=(kept,))
    bench.send(bench.order(Kind.HOLD, "moratorium", HoldBody(M - 9, M - 1)), ("anna",))
    bench.send(bench.order(Kind.HOLD, "junk", HoldBody(M, FAR_MS)), ("anna",))
    assert bench.wait(3 * HOUR_MS).supply == "on"
    bench.send(void_of(bench))
    assert bench.wait(3 * HOUR_MS).supply == "on", "its lease names what it has no more"
    bench.lease(names=(Named(ROOT_NAMED, 2),))
    assert bench.wait(3 * HOUR_MS).supply == "on", "a meter with an older root opens nothing, voided or not"
    bench.do(Document(root_document(without_anna(2))))
    assert bench.wait(HOUR_MS).supply == "off"


def test_a_void_spares_nobody_the_warning() -> None:
    bench = Workbench(balance_q=0)
    bench.permit((M, M + 30 * DAY_MS))
    bench.send(bench.order(Kind.HOLD, "junk", HoldBody(M, FAR_MS)), ("anna",))
    bench.wait(HOUR_MS // 4)
    bench.send(void_of(bench))
    assert bench.wait(HOUR_MS // 2).supply == "on"
    assert bench.wait(HOUR_MS // 2).supply == "off"


def test_voided_keys_are_bounded_and_those_that_the_root_lists_are_never_forgotten() -> None:
    bench = Workbench()
    bench.send(void_of(bench))
    for number in range(2 * VOIDED_KEYS_MAX):
        assert bench.send(void_of(bench, keyid=f"{number:064x}"[::-1], holder="x")).reason == "stored"
    assert len(bench.meter.memory.voided) == VOIDED_KEYS_MAX
    assert short_keyid(ANNA) in bench.meter.memory.voided


def test_more_voided_keys_than_a_root_has_are_refused_while_it_lists_all_of_them() -> None:
    signers = [Signer.from_seed(sha256(b"%d" % number).digest()) for number in range(VOIDED_KEYS_MAX)]
    bench = Workbench()
    bench.meter.memory.voided = tuple(sorted(short_keyid(signer.keyid) for signer in signers))
    keys = {signer.keyid: Key(signer.public.hex(), "x") for signer in signers}
    bench.meter.memory.root = replace(ROOT, version=2, keys={**ROOT.keys, **keys})
    before = state_of(bench.meter.memory)
    bench.send(bench.order(Kind.HOLD, "junk", HoldBody(M, FAR_MS)), ("anna",))
    assert bench.send(void_of(bench)).reason == "too_many"
    assert bench.meter.memory.voided == before[1]
    assert held(bench) == {"hold/junk"}


def old_image(meter: GuardedMeter) -> bytes:
    """The image as a firmware wrote it that noted no key."""
    version, memory = msgspec.msgpack.decode(meter.image())
    for name in ("voided", "released_by"):
        del memory[name]
    for protection in memory["protections"].values():
        for revision in protection["above"]:
            revision.pop("key", None)
    return msgspec.msgpack.encode([version, memory])


def test_an_image_of_before_is_read_and_what_the_person_signed_in_it_is_voided() -> None:
    bench = Workbench()
    bench.send(bench.order(Kind.HOLD, "a", HoldBody(M, FAR_MS)), ("anna",))
    bench.send(bench.order(Kind.HOLD, "b", HoldBody(M, FAR_MS)), ("bert",))
    bench.send(bench.order(Kind.RELEASE, BERT, ReleaseBody(24)), ("bert",))
    bench.meter.memory = decode_image(old_image(bench.meter))
    assert bench.meter.memory.release_ends_at == bench.tick + 24 * HOUR_MS
    bench.send(bench.order(Kind.RELEASE, ANNA, ReleaseBody(240)), ("anna",))
    again = bench.order(Kind.HOLD, "a", HoldBody(M, FAR_MS), rev=1)
    assert bench.send(again, ("anna",)).reason == "repeated"
    bench.meter._known = None
    bench.send(void_of(bench))
    assert held(bench) == {"hold/b"}
    assert bench.meter.memory.release_ends_at == bench.tick + 24 * HOUR_MS, "of a key that nobody noted"


@pytest.mark.parametrize("event", [Document(VOID)])
def test_a_void_is_journalled_as_an_order(event: Event) -> None:
    records = [each.record for each in Workbench().do(event) if isinstance(each, RecordEmitted)]
    (judged,) = (record for record in records if isinstance(record, OrderJudged))
    assert (judged.object, judged.reason) == (f"void/{ANNA}", "stored")
