"""A household's card beside a meter on the workbench: put in, pulled out, loaded as a kiosk does it.

The card's memory is kept as bytes between two visits, so that a test can copy a card, put an earlier image of
it back, or take power away in the middle of a write. The meter's image is kept whenever it says `Persist`:
what the meter remembers after a power cut is the last of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cardreader.card.card import SmartCard
from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import generation_key, issuer_keys, kiosk_keys, meter_keys
from cardreader.channel.letters import KeyLetter
from cardreader.files.access import KeyHolder
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession, select_application
from cardreader.host.transport import InProcess
from cardreader.issuing.kit import CardOrder, make_kit
from cardreader.issuing.personalising import personalise
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.loads import LoadPlan, load
from emulator.firmware.effects import Effect, Persist, SendToCard
from emulator.firmware.events import CardAnswered, CardInserted, CardRemoved, TicksLost
from emulator.firmware.guarded.meter import GuardedMeter
from protocols.chain import Head
from protocols.documents.bodies import HoldBody, PaymentBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS
from protocols.link.messages import Receipt, read_report
from protocols.reasons import Energy, ScreenCode
from tests.emulator.firmware.guarded.workbench import PROFILE, ROOT, Workbench, sign

FLEET_KEY = b"fleet key of the tests, 32 bytes"
METER_KEY = b"k" * 32
SERIAL = bytes.fromhex("0102030405060708")

EURO = 1_000_000

_challenges: Iterator[int] = iter(range(2**40))


def new_card(meter_key: bytes = METER_KEY, epoch: int = 1, serial: bytes = SERIAL) -> bytes:
    """The memory of a card that the office has made for the meter with this key."""
    memory = WholeMemory()
    issuer = issuer_keys(FLEET_KEY, serial)
    make_blank_card(memory, serial, issuer)
    kit = make_kit(FLEET_KEY, CardOrder(serial, Energy.ELECTRICITY, "m1", epoch, "", 1), 0)
    letter = KeyLetter(serial, 1, meter_keys(meter_key, serial, epoch), epoch).seal(issuer.static.dek)
    kit = replace(kit, letters=((1, letter), kit.letters[1]))
    assert personalise(InProcess(SmartCard(memory)), kit, challenge(), "office", 0)
    return bytes(memory.content)


def challenge() -> bytes:
    """One that was never used in this process."""
    return next(_challenges).to_bytes(8)


@dataclass
class SlotBench:
    """`card`: the memory of the card, wherever it is. `commands`: what the meter sent in the last visit.

    `chance`: what the meter is given to draw a key from, visit by visit.
    """

    bench: Workbench
    card: bytes = field(default_factory=new_card)
    commands: list[bytes] = field(default_factory=list)
    image: bytes = b""
    head: Head | None = None
    chance: Iterator[bytes] = field(default_factory=lambda: iter(()))

    def visit(self, memory: WholeMemory | None = None, pull_after: int | None = None) -> bool:
        """A visit of the card, which is pulled out after so many commands. Whether it came to its end.

        `memory` may lose power by itself: then the exception is the caller's.
        """
        memory = WholeMemory(self.card) if memory is None else memory
        card = SmartCard(memory)
        self.commands = []
        effects = self.do(CardInserted(next(self.chance, b"")))
        try:
            while (command := sent(effects)) is not None:
                if len(self.commands) == pull_after:
                    self.do(CardRemoved())
                    return False
                self.commands.append(command)
                answer = card.process(command)
                self.bench.wait(7)
                effects = self.do(CardAnswered(answer))
        finally:
            self.card = bytes(memory.content)
        self.do(CardRemoved())
        return self.bench.meter.recorder.text == "card accepted"

    def do(self, event: CardInserted | CardAnswered | CardRemoved) -> tuple[Effect, ...]:
        """An event at the slot. What the meter persists is kept, as its shell keeps it."""
        effects = self.bench.do(event)
        for effect in effects:
            if isinstance(effect, Persist):
                self.image, self.head = effect.image, self.bench.meter.journal.head
        return effects

    def lose_power(self) -> None:
        """The meter begins again from the last image; its ticks are lost."""
        if self.head is None:
            return
        meter = self.bench.meter
        self.bench.meter = GuardedMeter.restore(
            meter.identity, PROFILE, ROOT, self.image, load_w=self.bench.load_w, head=self.head
        )
        self.bench.do(TicksLost())

    def load(self, *documents: bytes, memory: WholeMemory | None = None) -> LoadPlan:
        """A kiosk puts documents onto the card."""
        memory = WholeMemory(self.card) if memory is None else memory
        try:
            session = self.kiosk(memory)
            visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, self.bench.now_ms, "kiosk-1")
            return load(session, read_contents(session).documents, documents, visit, lambda _document: True)
        finally:
            self.card = bytes(memory.content)

    def kiosk(self, memory: WholeMemory | None = None) -> HostSession:
        """A kiosk's session with the card."""
        channel = InProcess(SmartCard(WholeMemory(self.card) if memory is None else memory))
        select_application(channel)
        return HostSession.open(channel, kiosk_keys(generation_key(FLEET_KEY, 1), 1, SERIAL), challenge())

    def contents(self) -> CardContents:
        """All that a kiosk reads."""
        return read_contents(self.kiosk())

    def receipts(self) -> list[Receipt]:
        """What the meter has made of each document, by its proofs on the card."""
        said = [read_report(word)[0] for word in self.contents().proofs.words]
        return [each for each in said if isinstance(each, Receipt)]


def sent(effects: tuple[Effect, ...]) -> bytes | None:
    """The command that the meter sends to its card now; None: it sends none."""
    return next((each.command for each in effects if isinstance(each, SendToCard)), None)


def statement(bench: Workbench, number: int, total_ueur: int) -> bytes:
    body = PaymentBody("controller", number, total_ueur)
    return sign(bench.order(Kind.PAYMENT, "controller", body))


def hold(bench: Workbench, name: str) -> bytes:
    return sign(bench.order(Kind.HOLD, name, HoldBody(bench.now_ms, bench.now_ms + DAY_MS)))


def shown(slot: SlotBench) -> tuple[str, ScreenCode]:
    recorder = slot.bench.meter.recorder
    return recorder.text, recorder.code
