"""A visit of the meter's slot torn at any byte of the card's memory, and at both edges of every command.

`make test` tries each sixteenth step, another sixteenth for each way; `make tear` tries every one.
"""

import contextlib
import copy

import pytest

from cardreader.card.card import SmartCard
from cardreader.card.store import Store, WholeMemory
from cardreader.files.documents import Words
from cardreader.files.layout import PROOFS, STATE, stored_as
from cardreader.files.meter_state import StateWord
from cardreader.iso7816.instructions import Instruction
from emulator.firmware.events import CardAnswered, CardInserted, CardRemoved
from protocols.link.messages import Receipt, read_report
from protocols.link.proofs import Proof
from tests.cardreader.tearing import PowerLost, TornMemory, Way
from tests.cardreader.test_tears import EVERY, WAYS
from tests.emulator.firmware.guarded.slot_bench import EURO, METER_KEY, SlotBench, hold, sent, statement
from tests.emulator.firmware.guarded.workbench import Workbench


def loaded() -> SlotBench:
    """A household that has been at the meter once, and has a second payment and a hold on the card."""
    slot = SlotBench(Workbench(load_w=0))
    slot.load(statement(slot.bench, 1, 10 * EURO))
    assert slot.visit()
    slot.load(statement(slot.bench, 2, 30 * EURO), hold(slot.bench, "a"))
    return slot


def said(slot: SlotBench) -> tuple[int, int, list[str]]:
    """What the card says: total, number of the state, and what is proved; all of it must be the meter's.

    It is read from the memory: sessions for each of some thousand torn cards would take most of the time.
    """
    store = Store(WholeMemory(slot.card))
    word = StateWord.decode(store.read(stored_as(STATE)))
    assert word.proof(METER_KEY) is Proof.AUTHENTIC
    assert word.state is not None
    reports = [read_report(each)[0] for each in Words.decode(store.read(stored_as(PROOFS))).words]
    proved = sorted(each.object for each in reports if isinstance(each, Receipt))
    return word.state.totals[0].total_ueur, word.state.number, proved


OLD = (10 * EURO, 1, ["payment/controller"])


def check(slot: SlotBench) -> None:
    """After a torn visit: all was obeyed or nothing, the card says the old or the new. The next is whole."""
    memory = slot.bench.meter.memory
    obeyed = (memory.totals.credited_ueur, sorted(memory.protections))
    assert obeyed in [(10 * EURO, []), (30 * EURO, ["hold/a"])]
    assert memory.card is not None
    now = said(slot)
    assert now == OLD or (now[0], now[2]) == (30 * EURO, ["hold/a", "payment/controller"])
    assert now == OLD or obeyed[0] == 30 * EURO, "the card says no more than the meter has done"
    assert slot.visit()
    assert memory.totals.credited_ueur == 30 * EURO
    assert list(memory.protections) == ["hold/a"]
    assert said(slot)[0] == 30 * EURO


@pytest.mark.parametrize("way", WAYS, ids=lambda each: f"{each[0].value}-{each[1]:02x}")
def test_power_lost_at_each_step_of_a_visit(way: tuple[Way, int]) -> None:
    first = loaded()
    memory, whole = TornMemory(first.card, way[0]), copy.deepcopy(first)
    assert whole.visit(memory)
    assert memory.count > 1_000
    torn = 0
    for steps in range(WAYS.index(way) % EVERY, memory.count, EVERY):
        slot = copy.deepcopy(first)
        with contextlib.suppress(PowerLost):
            slot.visit(TornMemory(slot.card, way[0], steps, way[1]))
            torn -= 1
        torn += 1
        slot.do(CardRemoved())
        check(slot)
    assert torn > 0


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_card_pulled_out_at_both_edges_of_every_command(done: bool) -> None:
    """Before the card hears the command, or after it has done it and before the meter hears of that."""
    first, commands, committed = loaded(), 0, False
    while not committed:
        slot = copy.deepcopy(first)
        memory = WholeMemory(slot.card)
        card, effects = SmartCard(memory), slot.do(CardInserted())
        for number in range(commands + 1):
            command = sent(effects)
            assert command is not None
            committed = command[1] == Instruction.COMMIT
            if number < commands:
                effects = slot.do(CardAnswered(card.process(command)))
            elif done:
                card.process(command)
        slot.do(CardRemoved())
        slot.card = bytes(memory.content)
        check(slot)
        commands += 1
    assert commands > 30
