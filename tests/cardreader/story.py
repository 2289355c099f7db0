"""A household's money on its way over the card: kiosk, meter, kiosk, with a card that loses power anywhere.

The three steps of a payment are those of the product; office and meter are as small as they can be. The
office books a payment before it touches the card. The meter credits by the rule of
`protocols.documents.statements`, and remembers that in one atomic write. What must hold at every instant: the
meter has credited no more than was paid; and the card, if it says anything, says a statement that the office
has made.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import KeySet
from cardreader.files.access import KeyHolder
from cardreader.files.documents import Words
from cardreader.files.layout import LOG, PROOFS, STATEMENTS
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession, select_application
from cardreader.host.transport import CardChannel, InProcess
from cardreader.loading.contents import read_contents
from cardreader.loading.memory import CardMemory
from cardreader.loading.staging import stage
from protocols.documents.statements import NO_TOTALS, Totals, apply_statement
from tests.cardreader.one_card import KIOSK, METER_KEYS, issued

ISSUER_NAME: Final = "office-1"
STATEMENT: Final = STATEMENTS[0]
# As long as a statement with two signatures.
FILLING: Final = 700 * b"s"


@dataclass
class Office:
    """What the ledger knows: the payments booked, and the total that a meter has shown."""

    paid: list[int] = field(default_factory=list)
    seen: int = 0

    @property
    def total(self) -> int:
        return sum(self.paid)

    def statements(self) -> set[bytes]:
        """All that the office may ever have put on the card."""
        totals = [sum(self.paid[:count]) for count in range(len(self.paid) + 1)]
        return {b""} | {statement(number, total) for number, total in enumerate(totals)}


@dataclass
class CreditingMeter:
    """What a meter remembers."""

    totals: Totals = NO_TOTALS
    credit: int = 0

    @property
    def total(self) -> int:
        held = self.totals.of(ISSUER_NAME)
        return 0 if held is None else held.total_ueur


def statement(number: int, total: int) -> bytes:
    """Stands for the signed document."""
    return b"%d %d " % (number, total) + FILLING


class Story:
    """One household from a card's memory on. Each phase may be torn, and may be done again."""

    def __init__(self, content: bytes, challenges: int = 0) -> None:
        self.content = content
        self.office, self.meter = Office(), CreditingMeter()
        self._challenges = challenges
        self.memory = CardMemory()

    def copy(self) -> "Story":
        """The same instant, to go on from in another way."""
        other = Story(self.content, self._challenges + 1000)
        other.office = Office(list(self.office.paid), self.office.seen)
        other.meter = replace(self.meter)
        return other

    def pay(self, amount: int) -> None:
        """The office books it: from now on it is owed."""
        self.office.paid.append(amount)

    def at_kiosk(self, channel: CardChannel) -> None:
        """Step 1: the card gets the statement, unless it has it. Also what is said of step 2 is read."""
        kiosk = self._open(channel, KIOSK)
        found = read_contents(kiosk, self.memory)
        self._read_back(found.proofs)
        number = len(self.office.paid)
        wanted = statement(number, self.office.total)
        if found.documents.get(STATEMENT) != wanted:
            visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, number, ISSUER_NAME)
            written = stage(kiosk, found, {STATEMENT: wanted}, visit)
            kiosk.commit()
            self.memory.keep(written)

    def at_meter(self, channel: CardChannel) -> None:
        """Step 2: the meter credits what is new, remembers it, and then says so on the card."""
        slot = self._open(channel, METER_KEYS)
        found = slot.read(STATEMENT)
        assert found in self.office.statements()
        if found:
            number, total = map(int, found.split()[:2])
            applied = apply_statement(self.meter.totals, ISSUER_NAME, max(number, 1), total)
            assert isinstance(applied, tuple), applied
            self.meter.totals, difference = applied
            self.meter.credit += difference
        slot.write(PROOFS, Words((b"%d" % self.meter.total,)).encode())
        slot.append(LOG, Visit(KeyHolder.METER, Deed.APPLIED, 0, "m00042").encode())
        slot.commit()

    def check(self) -> None:
        """What holds at every instant."""
        assert self.meter.credit == self.meter.total <= self.office.total
        assert self.office.seen <= self.meter.total
        kiosk = self._open(self.channel(), KIOSK)
        assert kiosk.read(STATEMENT) in self.office.statements()
        assert len(Words.decode(kiosk.read(PROOFS)).words) <= 1
        for record in kiosk.records(LOG):
            Visit.decode(record)

    def finish(self) -> None:
        """Nothing is torn any more: everything comes right by the three steps."""
        for step in (self.at_kiosk, self.at_meter, self.at_kiosk):
            step(self.channel())
            self.keep()
        self.check()
        assert self.office.total == self.meter.credit == self.office.seen

    def channel(self) -> InProcess:
        """The card in a reader that loses no power."""
        return self.channel_on(WholeMemory(self.content))

    def channel_on(self, memory: WholeMemory) -> InProcess:
        """The card in a reader, on a memory that may lose power; `keep` takes over what is in it."""
        self._memory = memory
        return InProcess(SmartCard(memory))

    def keep(self) -> None:
        """What the memory holds now, whatever has happened, is what the card holds."""
        self.content = bytes(self._memory.content)

    def _read_back(self, said: Words) -> None:
        """Step 3: what the meter has said."""
        if said.words:
            self.office.seen = max(self.office.seen, int(said.words[0]))

    def _open(self, channel: CardChannel, keys: KeySet) -> HostSession:
        self._challenges += 1
        select_application(channel)
        return HostSession.open(channel, keys, self._challenges.to_bytes(8))


def begun() -> Story:
    """A household that has paid once, and whose card is at home."""
    story = Story(bytes(issued().content))
    story.pay(20)
    for step in (story.at_kiosk, story.at_meter):
        step(story.channel())
        story.keep()
    return story
