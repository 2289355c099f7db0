"""Documents on a card: each in its slot, the higher one of the same thing, and what does not fit is said."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cardreader.card.card import SmartCard
from cardreader.files.access import KeyHolder
from cardreader.files.documents import Words
from cardreader.files.identity import CardState, Pairing
from cardreader.files.layout import (
    ANSWERS,
    LEASE,
    ORDERS,
    PARAMETERS,
    PROOFS,
    STATEMENTS,
    CardFile,
)
from cardreader.files.visits import Deed, Visit
from cardreader.host.secure import PIECE_BYTES
from cardreader.host.transport import InProcess
from cardreader.iso7816.apdu import CommandApdu
from cardreader.issuing.practice import practice_root
from cardreader.loading.contents import SLOTS, read_contents
from cardreader.loading.loads import WhyLeftOut, by_importance, cargo_of, load, plan_load
from protocols.documents import drafting
from protocols.documents.drafting import Sheet
from protocols.documents.envelope import Signer, add_signature, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuers, write_issuers
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, Order, TimeAnswer, write_document
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.errors import DocumentError
from protocols.instants import DAY_MS
from protocols.spans import Window
from tests.cardreader.one_card import METER, METER_KEYS, NOW_MS, issued, session

ANNA, BERT = (Signer.from_seed(bytes([number]) * 32) for number in (1, 2))
ROOM = 31_000
VISIT = Visit(KeyHolder.KIOSK, Deed.WRITTEN, NOW_MS, "kiosk-1")


def genuine(document: bytes) -> bool:
    del document
    return True


def sheet(rev: int = 1) -> Sheet:
    return Sheet(f"o{rev:06d}", rev, NOW_MS, "basis")


def signed(order: Order, *signers: Signer) -> bytes:
    return seal(write_document(order), ORDER_TYPE, signers or (ANNA,))


def statement(total: int, issuer: str = "office-1", epoch: int = 1) -> bytes:
    return signed(drafting.payment_statement(sheet(), METER, issuer, total, total, epoch=epoch))


def hold(name: str, rev: int = 1, days: int = 30) -> bytes:
    return signed(drafting.declare_moratorium(sheet(rev), name, NOW_MS, NOW_MS + days * DAY_MS))


def calendar(rev: int = 1, windows: int = 3) -> Order:
    every = [Window(NOW_MS + day * DAY_MS, NOW_MS + day * DAY_MS + 1000) for day in range(windows)]
    said = drafting.CalendarRule("daily", "Europe/Brussels", "BE")
    return drafting.unlinted_calendar(sheet(rev), "season", every, said, NOW_MS + 400 * DAY_MS)


def lease(rev: int = 1) -> bytes:
    return signed(drafting.lease(sheet(rev), (METER,), calendar(), ()))


def answer(signer: Signer, time_ms: int = NOW_MS) -> bytes:
    time = TimeAnswer(meter=METER, nonce="n" * 16, time_ms=time_ms, spread_ms=1000)
    return seal(write_document(time), TIME_TYPE, [signer])


ISSUERS = seal(write_issuers(Issuers(version=1, issuers=())), ISSUERS_TYPE, [ANNA, BERT])
EACH = [
    (statement(1), STATEMENTS[0]),
    (hold("frost"), ORDERS[0]),
    (signed(drafting.release(sheet(), ANNA.keyid)), ORDERS[0]),
    (signed(drafting.cancel_cut(sheet(), "c1", (METER,))), ORDERS[0]),
    (lease(), LEASE),
    (signed(calendar()), PARAMETERS[0]),
    (signed(drafting.tariff(sheet(), "t", 300_000, 100)), PARAMETERS[0]),
    (ISSUERS, PARAMETERS[0]),
    (answer(ANNA), ANSWERS[0]),
]


@pytest.mark.parametrize(("document", "slot"), EACH)
def test_each_kind_of_document_has_its_slots(document: bytes, slot: CardFile) -> None:
    assert plan_load([document], {}, ROOM, genuine).writes == {slot: document}


def test_what_was_loaded_is_read_by_the_meter_byte_for_byte() -> None:
    memory = issued()
    wanted = [statement(20), hold("frost"), lease(), signed(calendar()), answer(ANNA), answer(BERT), ISSUERS]
    kiosk = session(InProcess(SmartCard(memory)))
    plan = load(kiosk, read_contents(kiosk).documents, wanted, VISIT, genuine)
    assert plan.left_out == ()
    found = read_contents(session(InProcess(SmartCard(memory)), METER_KEYS))
    assert sorted(found.documents.values()) == sorted(wanted)
    assert found.pairing == Pairing(CardState.PAIRED, 1, METER, "5414000000042")
    assert found.visits[0] == VISIT
    assert found.problems == ()


def test_loading_the_same_again_writes_nothing() -> None:
    memory = issued()
    kiosk = session(InProcess(SmartCard(memory)))
    load(kiosk, {}, [statement(20)], VISIT, genuine)
    kiosk = session(InProcess(SmartCard(memory)))
    found = read_contents(kiosk)
    assert load(kiosk, found.documents, [statement(20)], VISIT, genuine).kept == (statement(20),)
    assert read_contents(kiosk).visits == found.visits


@given(totals=st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_of_statements_of_one_issuer_the_highest_total_stays(totals: list[int]) -> None:
    held = dict[CardFile, bytes]()
    for total in totals:
        held |= plan_load([statement(total)], held, ROOM, genuine).writes
    assert held == {STATEMENTS[0]: statement(max(totals))}


def test_a_later_epoch_counts_more_than_any_total_of_an_earlier_one() -> None:
    held = {STATEMENTS[2]: statement(900, epoch=1)}
    assert plan_load([statement(5, epoch=2)], held, ROOM, genuine).writes == {
        STATEMENTS[2]: statement(5, epoch=2)
    }


def test_a_forged_document_on_the_card_gives_way_however_high_it_counts() -> None:
    forged = signed(drafting.payment_statement(sheet(), METER, "office-1", 1, 10**9, epoch=1), BERT)
    held = {STATEMENTS[0]: forged}
    assert plan_load([statement(5)], held, ROOM, lambda each: each != forged).writes == {
        STATEMENTS[0]: statement(5)
    }
    assert plan_load([statement(5)], held, ROOM, genuine).kept == (forged,)


def test_more_signatures_replace_the_same_document() -> None:
    one = statement(5)
    two = add_signature(one, BERT)
    assert plan_load([two], {STATEMENTS[0]: one}, ROOM, genuine).writes == {STATEMENTS[0]: two}


def test_revisions_of_a_hold_stand_beside_each_other_and_of_a_calendar_the_latest() -> None:
    wanted = [hold("frost", 1, 60), hold("frost", 2, 30), signed(calendar(1)), signed(calendar(2))]
    plan = plan_load(wanted, {}, ROOM, genuine)
    assert plan.writes == {
        ORDERS[0]: wanted[0],
        ORDERS[1]: wanted[1],
        PARAMETERS[0]: wanted[3],
    }


def test_what_nobody_wants_any_more_gives_its_slot_and_what_is_wanted_keeps_it() -> None:
    held = {slot: hold(f"old-{number}") for number, slot in enumerate(ORDERS)}
    wanted = [hold("old-0"), hold("new")]
    plan = plan_load(wanted, held, ROOM, genuine)
    assert plan.writes == {ORDERS[1]: hold("new")}
    assert plan.kept == (hold("old-0"),)


def root(version: int) -> bytes:
    found = replace(practice_root("loads", NOW_MS + DAY_MS), version=version)
    return seal(write_root(found), ROOT_TYPE, [ANNA, BERT])


def test_a_chain_of_roots_takes_a_slot_for_each_and_of_a_longer_one_the_beginning_is_carried() -> None:
    chain = [root(version) for version in range(2, 7)]
    plan = plan_load(by_importance([*reversed(chain)]), {}, ROOM, genuine)
    assert plan.writes == dict(zip(PARAMETERS, chain, strict=False))
    assert plan.left_out == tuple((each, WhyLeftOut.NO_SLOT) for each in chain[3:])


def test_a_root_takes_the_slot_of_what_permits_and_nothing_of_what_protects_or_pays() -> None:
    calendar_, tariff = signed(calendar()), signed(drafting.tariff(sheet(), "t", 300_000, 100))
    given = [calendar_, tariff, ISSUERS, root(3), hold("frost"), root(2), statement(5), lease()]
    wanted = by_importance(given)
    assert wanted == [hold("frost"), statement(5), root(2), root(3), ISSUERS, calendar_, tariff, lease()]
    held = {PARAMETERS[0]: calendar_, PARAMETERS[1]: ISSUERS, PARAMETERS[2]: tariff}
    plan = plan_load(wanted, held, ROOM, genuine)
    assert plan.writes == {
        ORDERS[0]: hold("frost"),
        STATEMENTS[0]: statement(5),
        PARAMETERS[2]: root(2),
        PARAMETERS[0]: root(3),
        LEASE: lease(),
    }
    assert plan.kept == (ISSUERS,)
    assert [each.document for each in plan.left_out] == [calendar_, tariff]
    # Without a root that needs it, what is wanted keeps its slot.
    assert plan_load([signed(calendar()), *held.values()], held, ROOM, genuine).writes == {}


def test_garbage_on_the_card_gives_its_slot() -> None:
    held = dict.fromkeys(ORDERS, b"garbage")
    assert plan_load([hold("frost")], held, ROOM, genuine).writes == {ORDERS[0]: hold("frost")}


def test_what_does_not_fit_is_left_out_from_the_end_and_said() -> None:
    holds = [hold(f"h{number}") for number in range(9)]
    assert plan_load(holds, {}, ROOM, genuine).left_out == ((holds[8], WhyLeftOut.NO_SLOT),)
    season = signed(calendar(windows=350), ANNA, BERT)
    assert plan_load([season], {}, ROOM, genuine).left_out == ((season, WhyLeftOut.TOO_LARGE),)
    assert plan_load([b"{}"], {}, ROOM, genuine).left_out == ((b"{}", WhyLeftOut.UNREADABLE),)
    first, second = hold("first"), hold("second")
    tight = plan_load([first, second], {}, 1536, genuine)
    assert tight.writes == {ORDERS[0]: first}
    assert tight.left_out == ((second, WhyLeftOut.NO_ROOM),)


@given(
    windows=st.lists(st.integers(1, 120), max_size=3),
    holds=st.integers(0, 10),
    issuers=st.integers(0, 6),
)
def test_what_a_plan_writes_fits_on_the_card_and_nothing_is_lost_silently(
    windows: list[int], holds: int, issuers: int
) -> None:
    wanted = [
        *(statement(7, f"office-{number}") for number in range(issuers)),
        *(hold(f"h{number}") for number in range(holds)),
        *(
            signed(replace_name(calendar(windows=count), f"season-{number}"))
            for number, count in enumerate(windows)
        ),
    ]
    memory = issued()
    kiosk = session(InProcess(SmartCard(memory)))
    plan = load(kiosk, {}, wanted, VISIT, genuine)
    found = read_contents(session(InProcess(SmartCard(memory)), METER_KEYS)).documents
    assert found == plan.writes
    assert sorted([*found.values(), *(left.document for left in plan.left_out)]) == sorted(wanted)


def replace_name(order: Order, name: str) -> Order:
    return msgspec.structs.replace(order, object=f"calendar/{name}")


def test_a_card_with_garbage_in_its_files_is_read_and_each_is_named() -> None:
    memory = issued()
    kiosk = session(InProcess(SmartCard(memory)))
    kiosk.write(STATEMENTS[0], b"garbage")
    kiosk.commit()
    meter = session(InProcess(SmartCard(memory)), METER_KEYS)
    meter.write(PROOFS, b"\xff")
    meter.commit()
    found = read_contents(meter)
    assert found.documents == {STATEMENTS[0]: b"garbage"}
    assert found.proofs == Words()
    assert found.problems == ("PROOFS: words: one is empty or cut off",)


def test_every_slot_is_read_once() -> None:
    assert len(set(SLOTS)) == len(SLOTS) == 19


def test_what_no_card_carries_is_told() -> None:
    with pytest.raises(DocumentError, match="no card carries it"):
        cargo_of(seal(b"{}", "text/plain", [ANNA]))


class Counted(InProcess):
    """A channel that counts the bytes on the wire: commands and answers."""

    def __init__(self, card: SmartCard) -> None:
        super().__init__(card)
        self.bytes = 0

    def transmit(self, command: bytes) -> bytes:
        answer = super().transmit(command)
        self.bytes += len(command) + len(answer)
        return answer


def test_a_top_up_costs_at_most_a_fifth_more_than_authentication_record_and_commit() -> None:
    """Once the card has been read; each command and answer also takes some four bytes of T=1."""
    document = statement(20)
    bare, whole = Counted(SmartCard(issued())), Counted(SmartCard(issued()))
    kiosk = session(bare)
    for at in range(0, len(document), PIECE_BYTES):
        piece = document[at : at + PIECE_BYTES]
        p1, p2 = (0x80 | STATEMENTS[0].sfi, at) if at <= 255 else (at >> 8, at & 0xFF)
        assert kiosk.send(CommandApdu(0, 0xD6, p1, p2, piece)).status == 0x9000
    kiosk.commit()
    load(session(whole), {}, [document], VISIT, genuine)
    assert whole.bytes <= 1.2 * bare.bytes, (whole.bytes, bare.bytes)
