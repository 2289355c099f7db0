"""The meter's slot: what a card brings is obeyed once it is read whole, as over a link; and said back."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.card.store import PAGE_BYTES, WholeMemory
from cardreader.files.access import KeyHolder
from cardreader.files.layout import LEASE, ORDERS, PARAMETERS
from cardreader.files.visits import Deed
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.instructions import Instruction
from cardreader.loading.progress import progress_of
from emulator.firmware.events import CardAnswered, CardInserted, TicksLost
from emulator.firmware.guarded.card_slot import in_order
from emulator.firmware.guarded.identity import Identity
from protocols.documents.bodies import (
    HoldBody,
    LeaseBody,
    PaymentBody,
    ReleaseBody,
)
from protocols.documents.envelope import document_digest, seal
from protocols.documents.issuers import ISSUERS_TYPE, write_issuers
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, TimeAnswer, digest_of, write_document
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.keys import ask_key
from protocols.link.messages import MeterHolds, Reported, TimeAsk, is_authentic, read_report
from protocols.link.proofs import Proof, Purpose, proof_of
from protocols.reasons import ScreenCode, Source
from tests.emulator.firmware.guarded.slot_bench import (
    EURO,
    METER_KEY,
    SERIAL,
    SlotBench,
    hold,
    sent,
    shown,
    statement,
)
from tests.emulator.firmware.guarded.workbench import (
    ISSUERS,
    MONDAY_MS,
    SIGNERS,
    Workbench,
    issuers_of,
    machine,
    sign,
)

WAY = f"card/{SERIAL.hex()}"


# -- what comes down ------------------------------------------------------------------------------------


def test_a_card_brings_money_and_protection_and_is_answered_nine() -> None:
    slot = SlotBench(Workbench(load_w=0))
    before_q = slot.bench.meter.purse.balance_q
    slot.load(statement(slot.bench, 1, 20 * EURO), hold(slot.bench, "moratorium"))
    assert slot.visit()
    assert slot.bench.meter.purse.balance_ueur - before_q // 10_800_000 == 20 * EURO
    assert "hold/moratorium" in slot.bench.meter.memory.protections
    assert shown(slot) == ("card accepted", ScreenCode.ACCEPTED)


def test_a_household_in_the_dark_has_supply_before_the_card_is_out() -> None:
    bench = Workbench(balance_q=0)
    bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS))
    slot = SlotBench(bench)
    bench.wait(2 * HOUR_MS)
    assert bench.supply == "off"
    slot.load(sign(bench.order(Kind.RELEASE, "m1", ReleaseBody(72))))
    assert slot.visit()
    assert bench.supply == "on"
    state = slot.contents().state.state
    assert state is not None
    assert (state.supply, state.reason) == ("on", "release")


def test_nothing_of_the_card_is_obeyed_before_its_last_byte_is_read() -> None:
    """However often the card is pulled out at whatever command: all that it brings, or nothing."""
    commands = 0
    while True:
        slot = SlotBench(Workbench(load_w=0))
        slot.load(statement(slot.bench, 1, 20 * EURO), hold(slot.bench, "a"), hold(slot.bench, "b"))
        whole = slot.visit(pull_after=commands)
        memory = slot.bench.meter.memory
        done = (memory.totals.credited_ueur, sorted(memory.protections))
        assert done in [(0, []), (20 * EURO, ["hold/a", "hold/b"])]
        if not whole:
            assert shown(slot) == ("card out too early: put it in again", ScreenCode.NONE)
        assert slot.visit()
        assert slot.bench.meter.memory.totals.credited_ueur == 20 * EURO
        assert [each.verdict for each in slot.receipts()] == ["accepted"] * 3
        if whole:
            break
        commands += 1
    assert commands > 30


def test_whom_to_believe_comes_first_then_the_time_then_all_orders() -> None:
    """A payment of the new issuers document is credited by the very visit that brings the document."""
    slot = SlotBench(Workbench(load_w=0, issuers=ISSUERS))
    bench = slot.bench
    named = issuers_of(2, controller=("service", 1, 86_400_000), office=("office", 1, 86_400_000))
    document = seal(write_issuers(named), ISSUERS_TYPE, [SIGNERS["dora"], SIGNERS["eric"]])
    body = PaymentBody("office", 1, 20 * EURO, 1)
    order = bench.order(Kind.PAYMENT, "office", body)
    paid = seal(write_document(order), ORDER_TYPE, [machine("office")])
    time = seal(
        write_document(TimeAnswer(meter="m1", nonce="0" * 32, time_ms=MONDAY_MS, spread_ms=1000)),
        TIME_TYPE,
        [SIGNERS[Source.HEADEND]],
    )
    loaded = slot.load(paid, document, time)
    assert in_order(loaded.writes) == [document, time, paid]
    assert slot.visit()
    assert bench.meter.memory.totals.credited_ueur == 20 * EURO


def test_a_forged_document_is_refused_and_the_others_are_obeyed() -> None:
    slot = SlotBench(Workbench(load_w=0))
    forged = sign(slot.bench.order(Kind.HOLD, "a", HoldBody(MONDAY_MS, MONDAY_MS + DAY_MS)), ("service",))
    slot.load(forged, hold(slot.bench, "b"), b'{"payload":"e30=","payloadType":"t","signatures":[]}')
    assert slot.visit()
    assert list(slot.bench.meter.memory.protections) == ["hold/b"]
    wanted = {"hold/a": "refused", "hold/b": "accepted"}
    assert {each.object: each.verdict for each in slot.receipts()} == wanted
    # Both are answered at each visit, with a number that the report confirms.
    assert slot.visit()
    assert {each.object: each.verdict for each in slot.receipts()} == wanted
    assert all(each.number <= slot.bench.meter.journal.head.number for each in slot.receipts())


def test_what_nobody_known_has_signed_is_answered_although_it_is_noted_once_an_hour() -> None:
    slot = SlotBench(Workbench(load_w=0))
    order = slot.bench.order(Kind.HOLD, "a", HoldBody(MONDAY_MS, MONDAY_MS + DAY_MS))
    slot.load(seal(write_document(order), ORDER_TYPE, [machine("stranger")]))
    for _ in range(2):
        assert slot.visit()
        assert [(each.object, each.verdict) for each in slot.receipts()] == [("hold/a", "refused")]
        assert not progress_of(slot.contents()).waits
    notes = [each for each in slot.bench.meter.journal.entries if b"hold/a" in each.body]
    assert len(notes) == 1


def test_a_kiosk_sees_that_an_issuers_document_is_held_although_it_is_refused_again() -> None:
    slot = SlotBench(Workbench(load_w=0, issuers=ISSUERS))
    people = [SIGNERS["dora"], SIGNERS["eric"]]
    slot.load(seal(write_issuers(issuers_of(2, controller=("service", 1, 86_400_000))), ISSUERS_TYPE, people))
    for _ in range(2):
        assert slot.visit()
        assert not progress_of(slot.contents()).waits
    # Signed by one person alone: it never arrives, and the kiosk says so.
    forged = write_issuers(issuers_of(9, controller=("service", 1, 86_400_000)))
    slot.load(seal(forged, ISSUERS_TYPE, people[:1]))
    assert slot.visit()
    assert progress_of(slot.contents()).waits


def test_garbage_in_a_slot_harms_nobody() -> None:
    slot = SlotBench(Workbench(load_w=0))
    memory = WholeMemory(slot.card)
    kiosk = slot.kiosk(memory)
    for file in ORDERS[:3]:
        kiosk.write(file, b"\xff not a document")
    kiosk.commit()
    slot.card = bytes(memory.content)
    slot.load(hold(slot.bench, "a"))
    assert slot.visit()
    assert list(slot.bench.meter.memory.protections) == ["hold/a"]
    assert [each.object for each in slot.receipts()] == ["hold/a"]


def test_an_old_card_that_comes_back_gains_nothing() -> None:
    slot = SlotBench(Workbench(load_w=0))
    images = []
    for number in range(1, 4):
        slot.load(statement(slot.bench, number, number * 10 * EURO))
        images.append(slot.card)
        assert slot.visit()
    for image in images:
        slot.card = image
        assert slot.visit()
    assert slot.bench.meter.memory.totals.credited_ueur == 30 * EURO


def test_a_lease_on_a_card_lives_a_month_and_no_longer() -> None:
    for days, verdict in ((31, "accepted"), (32, "refused")):
        slot = SlotBench(Workbench(load_w=0))
        bench = slot.bench
        bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS), days=1)
        assert bench.calendar is not None
        lease = bench.order(Kind.LEASE, "m1", lease_body(bench), not_after_ms=bench.now_ms + days * DAY_MS)
        slot.load(sign(lease))
        assert slot.visit()
        assert [(each.kind, each.verdict) for each in slot.receipts()] == [("lease", verdict)]


def lease_body(bench: Workbench) -> LeaseBody:
    assert bench.calendar is not None
    return LeaseBody(bench.calendar.object, bench.calendar.rev, digest_of(bench.calendar))


# -- what goes up ---------------------------------------------------------------------------------------


def test_every_word_that_goes_up_has_the_mac_of_the_meter_and_names_this_card() -> None:
    bench = Workbench(load_w=500)
    identity = bench.meter.identity
    keys = {source: ask_key(b"a" * 32, source) for source in (Source.HEADEND, Source.TIMESERVER)}
    bench.meter.identity = Identity(identity.id, identity.groups, identity.key, keys)
    slot = SlotBench(bench)
    document = statement(bench, 1, 20 * EURO)
    slot.load(document)
    bench.wait(HOUR_MS)
    assert slot.visit()
    found = slot.contents()
    assert found.problems == ()
    assert found.state.proof(METER_KEY) is Proof.AUTHENTIC
    assert found.state.proof(b"x" * 32) is Proof.FORGED
    state = found.state.state
    assert state is not None
    assert (state.card, state.pairing, state.meter, state.energy_wh) == (SERIAL.hex(), 1, "m1", 500)
    assert [(each.issuer, each.total_ueur) for each in state.totals] == [("controller", 20 * EURO)]
    report, holds = found.reports.words
    said, body, mac = read_report(report)
    assert isinstance(said, Reported)
    assert is_authentic(body, mac, METER_KEY)
    assert (said.link, said.journal) == (WAY, state.journal)
    assert proof_of(holds, Purpose.HOLDS, WAY, METER_KEY) is Proof.AUTHENTIC
    assert msgspec.json.decode(holds, type=MeterHolds).statements[0].total_ueur == 20 * EURO
    for word, source in zip(found.asks.words, keys, strict=True):
        assert proof_of(word, Purpose.ASK, WAY, keys[source]) is Proof.AUTHENTIC
        assert msgspec.json.decode(word, type=TimeAsk).source == source
    receipt, body, mac = read_report(found.proofs.words[0])
    assert is_authentic(body, mac, METER_KEY)
    assert slot.receipts() == [receipt]
    assert slot.receipts()[0].document == document_digest(document)
    assert slot.receipts()[0].number <= state.journal
    assert (found.visits[0].who, found.visits[0].deed) == (KeyHolder.METER, Deed.APPLIED)


def test_the_words_on_cards_are_numbered_upwards_for_the_whole_life_of_the_meter() -> None:
    slot = SlotBench(Workbench())
    numbers = []
    for _ in range(3):
        assert slot.visit()
        state = slot.contents().state.state
        assert state is not None
        report = read_report(slot.contents().reports.words[0])[0]
        numbers += [state.number, report.number]
        slot.lose_power()
    assert numbers == sorted(set(numbers))


def test_a_number_on_a_card_is_never_used_again_although_the_meter_lost_power_at_once() -> None:
    """The card has committed; the meter loses power before it hears of it."""
    slot, numbers = SlotBench(Workbench()), list[int]()
    assert slot.visit()
    commands = len(slot.commands)
    for _ in range(3):
        memory = WholeMemory(slot.card)
        card, effects = SmartCard(memory), slot.do(CardInserted())
        for _ in range(commands):
            command = sent(effects)
            assert command is not None
            answer = card.process(command)
            effects = slot.do(CardAnswered(answer)) if command[1] != Instruction.COMMIT else ()
        slot.card = bytes(memory.content)
        slot.lose_power()
        state = slot.contents().state.state
        assert state is not None
        numbers.append(state.number)
    assert numbers == sorted(set(numbers))


def test_on_a_card_without_room_the_most_important_words_go_up() -> None:
    slot = SlotBench(Workbench(load_w=0))
    memory = WholeMemory(slot.card)
    kiosk = slot.kiosk(memory)
    for file in ORDERS:
        kiosk.write(file, bytes(file.bytes_max))
    kiosk.commit()
    kiosk.write(PARAMETERS[0], bytes(10 * 1024))
    kiosk.commit()
    # Room for the state (4 pages), the asks (2), a line of the log (4), and one page more.
    free = int.from_bytes(kiosk.ask(iso.DATA_FREE_BYTES)) // PAGE_BYTES
    kiosk.write(LEASE, bytes((free - 11) * PAGE_BYTES))
    kiosk.commit()
    slot.card = bytes(memory.content)
    assert slot.visit()
    found = slot.contents()
    assert found.state.state is not None
    assert len(found.asks.words) == 2
    assert found.reports.words == ()
    assert len(found.visits) == 2


def test_a_card_that_is_full_to_the_last_page_still_brings_what_it_brings() -> None:
    slot = SlotBench(Workbench(load_w=0))
    slot.load(hold(slot.bench, "a"))
    memory = WholeMemory(slot.card)
    kiosk = slot.kiosk(memory)
    for file in PARAMETERS[:2]:
        free = int.from_bytes(kiosk.ask(iso.DATA_FREE_BYTES))
        kiosk.write(file, bytes(min(free, file.bytes_max)))
        kiosk.commit()
    kiosk.write(LEASE, bytes(min(LEASE.bytes_max, int.from_bytes(kiosk.ask(iso.DATA_FREE_BYTES)))))
    kiosk.commit()
    assert int.from_bytes(kiosk.ask(iso.DATA_FREE_BYTES)) < 4 * PAGE_BYTES
    slot.card = bytes(memory.content)
    assert slot.visit()
    assert list(slot.bench.meter.memory.protections) == ["hold/a"]
    assert slot.contents().state.word == b""


# -- time -----------------------------------------------------------------------------------------------


def answers(slot: SlotBench, offset_ms: int = 0) -> list[bytes]:
    """Both authorities answer what the meter has asked on the card."""
    asks = [msgspec.json.decode(word, type=TimeAsk) for word in slot.contents().asks.words]
    return [
        seal(
            write_document(
                TimeAnswer(
                    meter=each.meter,
                    nonce=each.nonce,
                    time_ms=slot.bench.now_ms + offset_ms,
                    spread_ms=1000,
                )
            ),
            TIME_TYPE,
            [SIGNERS[each.source]],
        )
        for each in asks
    ]


def width_ms(bench: Workbench) -> int:
    readout = bench.meter.readout(bench.tick)
    assert readout.latest_ms is not None
    return readout.latest_ms - readout.earliest_ms


def test_after_lost_ticks_the_card_bounds_the_clock_and_nobody_is_cut_until_a_technician_comes() -> None:
    bench = Workbench(balance_q=0)
    days = [MONDAY_MS + n * DAY_MS for n in range(20)]
    bench.permit(*((day + 10 * HOUR_MS, day + 15 * HOUR_MS) for day in days))
    slot = SlotBench(bench)
    bench.do(TicksLost())
    assert bench.clock == "lost"
    # Monday: the asks go up. Tuesday: at the kiosk. Wednesday: the answers come down.
    assert slot.visit()
    bench.wait(DAY_MS)
    slot.load(*answers(slot))
    bench.wait(DAY_MS)
    assert slot.visit()
    assert bench.clock == "trusted"
    # As wide as the time between ask and answer: no window of five hours holds it.
    assert DAY_MS <= width_ms(bench) <= 2 * DAY_MS
    bench.wait(5 * DAY_MS)
    assert bench.supply_changes() == []
    for source in (Source.TECHNICIAN, Source.HEADEND):
        bench.witness(source)
    assert width_ms(bench) < 10_000
    bench.wait(DAY_MS)
    assert bench.supply == "off"


@given(lie_ms=st.integers(-30 * DAY_MS, 30 * DAY_MS), days=st.lists(st.integers(1, 10), max_size=4))
def test_one_liar_among_the_answers_on_a_card_moves_no_clock(lie_ms: int, days: list[int]) -> None:
    slot = SlotBench(Workbench(drift_ppm=30))
    for wait_days in [1, *days]:
        assert slot.visit()
        slot.bench.wait(wait_days * DAY_MS)
        honest, lying = answers(slot)[0], answers(slot, lie_ms)[1]
        slot.load(honest, lying)
        slot.bench.wait(HOUR_MS)
        assert slot.visit()
        readout = slot.bench.meter.readout(slot.bench.tick)
        assert readout.earliest_ms <= slot.bench.now_ms
        assert readout.latest_ms is None or slot.bench.now_ms <= readout.latest_ms
