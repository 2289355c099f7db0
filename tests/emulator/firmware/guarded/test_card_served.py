"""Whose card the meter serves, and what it makes of one that is none, has gone, or says strange things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import METER_VERSION
from cardreader.iso7816.instructions import Instruction
from emulator.firmware.effects import Effect, Persist
from emulator.firmware.events import CardAnswered, CardInserted, CardRemoved, MainsOff, MainsOn
from protocols.documents.bodies import CancelCutBody, CutOrderBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS
from protocols.reasons import ScreenCode
from tests.emulator.firmware.guarded.slot_bench import EURO, SlotBench, hold, new_card, sent, shown, statement
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench, sign


def test_the_card_of_another_meter_is_none_and_nothing_of_it_is_read() -> None:
    slot = SlotBench(Workbench(load_w=0), new_card(meter_key=b"other meter's key, it has 32 byte"[:32]))
    slot.load(hold(slot.bench, "a"))
    assert not slot.visit()
    assert shown(slot) == ("not the card of this meter", ScreenCode.NONE)
    assert not slot.bench.meter.memory.protections
    assert len(slot.commands) == 2, "no try of the card's keys was used up"


def test_a_replaced_card_counts_no_more_from_the_first_visit_of_the_new_one_on() -> None:
    bench = Workbench(load_w=0)
    old, new = SlotBench(bench), SlotBench(bench, new_card(epoch=2))
    assert old.visit()
    assert new.visit()
    old.load(hold(bench, "a"))
    assert not old.visit()
    assert shown(old) == ("this card was replaced: use the new one", ScreenCode.NONE)
    assert not bench.meter.memory.protections
    assert new.visit()
    # It is remembered over a power cut, and from the authentication on, however early the card is out.
    third = SlotBench(bench, new_card(epoch=3))
    assert not third.visit(pull_after=4)
    third.lose_power()
    assert not new.visit()
    assert not old.visit()
    assert third.visit()


def test_whoever_only_says_a_later_epoch_replaces_no_card() -> None:
    """A card without the keys of the epoch that it names ends before anything is remembered of it."""
    slot = SlotBench(Workbench(load_w=0))
    assert slot.visit()
    card = SmartCard(WholeMemory(slot.card))
    effects = slot.do(CardInserted())
    while (command := sent(effects)) is not None:
        answer = card.process(command)
        if command[1] == Instruction.INITIALIZE_UPDATE:
            answer = answer[:8] + (9).to_bytes(2) + answer[10:]
        effects = slot.do(CardAnswered(answer))
    assert shown(slot) == ("not the card of this meter", ScreenCode.NONE)
    assert slot.visit()


def test_no_challenge_is_used_twice_also_after_power_was_lost() -> None:
    slot = SlotBench(Workbench(load_w=0))
    seen = []
    for pull_after in (1, 2, 3, 2, None, 2):
        slot.visit(pull_after=pull_after)
        seen += [each[5:13] for each in slot.commands if each[1] == Instruction.INITIALIZE_UPDATE]
        slot.lose_power()
    assert len(seen) == len(set(seen)) == 5
    assert all(each[2] == METER_VERSION for each in slot.commands if each[1] == Instruction.INITIALIZE_UPDATE)


def test_the_image_is_written_before_the_card_hears_of_what_it_holds() -> None:
    slot = SlotBench(Workbench(load_w=0))
    slot.load(statement(slot.bench, 1, 20 * EURO))
    card = SmartCard(WholeMemory(slot.card))
    effects: tuple[Effect, ...] = slot.do(CardInserted())
    first = None
    while (command := sent(effects)) is not None:
        before = slot.bench.meter.memory.totals.credited_ueur
        effects = slot.do(CardAnswered(card.process(command)))
        if before != slot.bench.meter.memory.totals.credited_ueur:
            first = effects
    assert first is not None
    assert isinstance(first[0], Persist)
    assert sent(first) is not None


def test_a_slot_without_mains_is_dead_and_a_cut_of_them_ends_a_visit() -> None:
    slot = SlotBench(Workbench(load_w=0))
    slot.bench.do(MainsOff())
    assert sent(slot.do(CardInserted())) is None
    slot.bench.do(MainsOn())
    command = sent(slot.do(CardInserted()))
    assert command is not None
    slot.bench.do(MainsOff())
    assert sent(slot.do(CardAnswered(SmartCard(WholeMemory(slot.card)).process(command)))) is None
    slot.bench.do(MainsOn())
    assert slot.visit()


def test_what_happens_at_an_empty_slot_is_nothing() -> None:
    slot = SlotBench(Workbench(load_w=0))
    before = slot.bench.meter.image()
    assert slot.do(CardAnswered(b"\x90\x00")) == ()
    assert slot.do(CardRemoved()) == ()
    assert slot.bench.meter.image() == before


@given(said=st.lists(st.binary(max_size=60), max_size=12), at=st.integers(0, 40))
def test_whatever_a_card_answers_the_meter_goes_on(said: list[bytes], at: int) -> None:
    """A card of ours up to some command, and anything after it."""
    slot = SlotBench(Workbench(load_w=0))
    slot.load(hold(slot.bench, "a"))
    card = SmartCard(WholeMemory(slot.card))
    effects, number, strange = slot.do(CardInserted()), 0, iter(said)
    while (command := sent(effects)) is not None:
        answer = card.process(command) if number < at else next(strange, b"")
        effects, number = slot.do(CardAnswered(answer)), number + 1
    assert slot.visit()
    assert list(slot.bench.meter.memory.protections) == ["hold/a"]


@pytest.mark.parametrize("short", [b"", b"\x90"])
def test_a_short_answer_is_a_card_that_has_gone(short: bytes) -> None:
    slot = SlotBench(Workbench(load_w=0))
    assert sent(slot.do(CardInserted())) is not None
    slot.do(CardAnswered(short))
    assert shown(slot) == ("card out too early: put it in again", ScreenCode.NONE)


def test_a_cancelled_cut_on_the_card_cuts_nobody() -> None:
    bench = Workbench()
    bench.permit((MONDAY_MS, MONDAY_MS + 5 * DAY_MS))
    cut = bench.order(Kind.CUT_ORDER, "m1", CutOrderBody(), not_after_ms=bench.now_ms + DAY_MS)
    assert bench.send(cut).verdict == "accepted"
    slot = SlotBench(bench)
    slot.load(sign(bench.order(Kind.CANCEL_CUT, "m1", CancelCutBody("cut/m1"))))
    assert slot.visit()
    bench.wait(DAY_MS)
    assert bench.supply_changes() == []


def test_a_card_is_told_which_cuts_are_planned_and_which_one_took_the_supply() -> None:
    bench = Workbench()
    bench.permit((MONDAY_MS, MONDAY_MS + 5 * DAY_MS))
    ends = {"late": bench.now_ms + 3 * DAY_MS, "first": bench.now_ms + DAY_MS}
    for name, begin_ms in (("late", bench.now_ms + 2 * DAY_MS), ("first", bench.now_ms)):
        cut = bench.order(
            Kind.CUT_ORDER, name, CutOrderBody(), not_before_ms=begin_ms, not_after_ms=ends[name]
        )
        assert bench.send(cut).verdict == "accepted"
    slot = SlotBench(bench)
    assert slot.visit()
    assert cuts_told(slot) == [("cut/first", ends["first"], False), ("cut/late", ends["late"], False)]
    bench.wait(DAY_MS // 2)
    assert bench.supply == "off"
    assert slot.visit()
    assert cuts_told(slot) == [("cut/first", ends["first"], True), ("cut/late", ends["late"], False)]
    slot.load(sign(bench.order(Kind.CANCEL_CUT, "first", CancelCutBody("cut/first"))))
    assert slot.visit()
    assert bench.supply == "on"
    assert cuts_told(slot) == [("cut/late", ends["late"], False)]


def cuts_told(slot: SlotBench) -> list[tuple[str, int, bool]]:
    """The cuts of the state on the card: object, end, whether it was carried out."""
    state = slot.contents().state.state
    assert state is not None
    assert isinstance(state.cuts, tuple)
    return [(each.object, each.until_ms, each.is_done) for each in state.cuts]


def test_a_meter_that_never_saw_a_card_remembers_none() -> None:
    bench = Workbench()
    assert bench.meter.memory.card is None
    slot = SlotBench(bench, new_card(meter_key=b"y" * 32))
    assert not slot.visit()
    assert bench.meter.memory.card is None
