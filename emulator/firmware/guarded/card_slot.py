"""The meter's slot for chip cards: one visit of a card, command by command (design §7, docs/card.md).

    put in ─▶ select ─▶ greet ─▶ authenticate ─▶ read all that came down
           ─▶ obey it, all at one tick ─▶ stage what goes up ─▶ commit ─▶ accepted, code 9

Between two commands there may be any number of ticks, and at any of them the card may be pulled out, or lose
power. Until the last byte that comes down is read the meter has obeyed nothing of it; then it obeys all in
one step, and its image is written before the card hears of it. On the card the words that go up replace the
old ones by one commit. So nothing is half obeyed and nothing half said: a visit that was cut short is made
good by the next one, since to obey a document twice changes nothing.

The card is trusted for nothing. Its keys show that the office has made it for this meter, and in which
pairing epoch; whether what it carries is true, `intake` judges, as of what comes over a link.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from msgspec import UNSET

from cardreader.channel.keys import METER_VERSION, meter_keys
from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.files.access import KeyHolder
from cardreader.files.documents import Words
from cardreader.files.layout import (
    ANSWERS,
    ASKS,
    LEASE,
    LOG,
    ORDERS,
    PARAMETERS,
    PROOFS,
    REPORTS,
    STATE,
    STATEMENTS,
    CardFile,
)
from cardreader.files.meter_state import CUTS_TOLD_MAX, TOTALS_MAX, CutTold, MeterState, state_word
from cardreader.files.visits import Deed, Visit
from cardreader.host.dialogue import Dialogue
from cardreader.host.secure import Greeted, NotOurCardError, SecureSession, greeting, selecting
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.apdu import CardGoneError
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.loading.room import fitting
from emulator.firmware.effects import SendToCard
from emulator.firmware.events import CardAnswered, CardInserted, CardRemoved
from emulator.firmware.guarded import clock
from emulator.firmware.guarded.memory import CardKept
from emulator.firmware.guarded.own_keys import of_manufacture, told
from emulator.firmware.guarded.shown import ShownMeter
from emulator.firmware.guarded.told import ask_word, holds_of, holds_word, receipt_of, report_of, totals_of
from emulator.firmware.recorder import Recorder
from emulator.firmware.ticks import Tick
from protocols.documents.envelope import read_envelope
from protocols.documents.issuers import ISSUERS_TYPE
from protocols.documents.orders import TIME_TYPE
from protocols.documents.roles import ROOT_TYPE, read_root
from protocols.errors import DocumentError, RelanceError
from protocols.link.messages import StatementHeld, write_report
from protocols.link.records import OrderJudged
from protocols.reasons import ClockStatus, ScreenCode, Source, Supply, SupplyReason

# Who is asked for the time by way of the card: the same two as over a link.
_ASKED: Final = (Source.HEADEND, Source.TIMESERVER)
# All slots, in the order in which orders are obeyed. Lease and calendar come last: they permit harm.
_DOWN: Final = (*STATEMENTS, *ORDERS, *ANSWERS, *PARAMETERS, LEASE)
# What the MAC of a word takes, with room to spare.
_MAC_BYTES_MAX: Final = 64
_LENGTH_BYTES: Final = 2
# Whom to believe comes first, then what time it is, then all orders.
_FIRST: Final = (ROOT_TYPE, ISSUERS_TYPE, TIME_TYPE)


class NotedVerdict(NamedTuple):
    """What the meter made of a document, and the number of the entry of the black box that notes it.

    A refusal that is not noted (`documents`: garbage, once an hour) has the number of the last entry.
    """

    number: int
    judged: OrderJudged


# Obeys one document; None for a time, which is no order.
Obey = Callable[[bytes, Tick], NotedVerdict | None]


class ReplacedCardError(RelanceError):
    """A later card of this meter has been in its slot: this one was lost, or is a copy."""


class ChipSlot:
    """The slot, from the moment in which a card is put in until it is served or pulled out."""

    __slots__ = ("_recorder", "_visit")

    def __init__(self, meter: ShownMeter, recorder: Recorder, obey: Obey) -> None:
        self._recorder = recorder
        self._visit = _visiting(meter, recorder, obey)

    def handle(self, event: CardInserted | CardAnswered | CardRemoved, at_tick: Tick) -> bool:
        """Takes what has happened, and sends the next command. Returns whether the visit is over."""
        if isinstance(event, CardRemoved):
            self._recorder.show(at_tick, "card out too early: put it in again")
            return True
        try:
            command = self._visit.send(event.data) if isinstance(event, CardAnswered) else next(self._visit)
        except StopIteration:
            self._recorder.show(at_tick, "card accepted", ScreenCode.ACCEPTED)
        except RelanceError as error:
            # Whatever a card answers, the meter goes on without it.
            self._recorder.show(at_tick, _sentence(error))
        else:
            self._recorder.emit(SendToCard(at_tick, command))
            return False
        return True


def _sentence(error: RelanceError) -> str:
    """What the household reads; the card itself is never to blame for what it carries."""
    match error:
        case NotOurCardError() | StatusError(status=StatusWord.NOT_FOUND):
            return "not the card of this meter"
        case ReplacedCardError():
            return "this card was replaced: use the new one"
        case StatusError(status=StatusWord.KEY_BLOCKED):
            return "card blocked: take it to an office"
        case CardGoneError():
            return "card out too early: put it in again"
        case _:
            return "card not read: put it in again"


def _visiting(meter: ShownMeter, recorder: Recorder, obey: Obey) -> Dialogue[None]:
    """The whole visit. What stands between two `yield from` happens at one tick: that of the last answer."""
    memory = meter.memory
    memory.nonces += 1
    # Before the challenge is out, its number is in the image: no challenge is ever used twice.
    recorder.persist_first()
    challenge = meter.identity.nonce("card", memory.nonces, memory.epoch)
    yield from selecting()
    greeted = yield from greeting(METER_VERSION, bytes.fromhex(challenge)[:CHALLENGE_BYTES])
    session = yield from _opening(meter, greeted)
    kept = memory.card or CardKept()
    # From now on every card of an earlier epoch counts as replaced.
    memory.card = CardKept(max(kept.epoch, greeted.greeting.epoch), kept.words)
    recorder.persist_first()
    documents = dict[CardFile, bytes]()
    for slot in _DOWN:
        document = yield from session.reading(slot)
        if document:
            documents[slot] = document
    free_bytes = int.from_bytes((yield from session.asking(iso.DATA_FREE_BYTES)))
    # From here to the first command of what goes up nothing can come between: all is obeyed, or nothing.
    noted = [(each, obey(each, memory.tick)) for each in in_order(documents)]
    contents = _Telling(meter, greeted.greeting.serial, greeted.greeting.epoch).contents(noted)
    recorder.persist_first()
    written = fitting(contents, free_bytes)
    if not written:
        # A card that is full to the last page still brings what it brings.
        return
    for file, content in written.items():
        yield from session.writing(file, content)
    yield from session.appending(LOG, _visit_of(meter).encode())
    yield from session.committing()


def _opening(meter: ShownMeter, greeted: Greeted) -> Dialogue[SecureSession]:
    """Authenticates with the keys of the epoch that the card names. That it has them proves the epoch."""
    serial, epoch = greeted.greeting.serial, greeted.greeting.epoch
    if meter.memory.card is not None and epoch < meter.memory.card.epoch:
        raise ReplacedCardError(f"card {serial.hex()}: replaced")
    return (
        yield from SecureSession.opening(
            greeted, meter_keys(of_manufacture(meter.identity, meter.memory), serial, epoch)
        )
    )


def in_order(documents: Mapping[CardFile, bytes]) -> list[bytes]:
    """The documents in the order in which they are obeyed."""
    return sorted((documents[slot] for slot in _DOWN if slot in documents), key=_rank)


def _rank(document: bytes) -> tuple[int, int]:
    """Its place among the kinds of documents; what cannot be read comes last, and is refused.

    A root is believed by the one before it: so a chain of them is obeyed in its sequence.
    """
    try:
        envelope = read_envelope(document)
        kind = envelope.payload_type
        version = read_root(envelope.payload).version if kind == ROOT_TYPE else 0
    except DocumentError:
        return len(_FIRST) + 1, 0
    return (_FIRST.index(kind) if kind in _FIRST else len(_FIRST)), version


def _visit_of(meter: ShownMeter) -> Visit:
    """The line of the log, for people. A time that the meter doubts is none."""
    tick = meter.tick
    at_ms = meter.estimate_ms(tick) if meter.glance.clock is ClockStatus.TRUSTED else 0
    return Visit(KeyHolder.METER, Deed.APPLIED, at_ms, meter.identity.id)


def _cuts_of(meter: ShownMeter) -> tuple[CutTold, ...]:
    """The cut that took the supply, where an order asked for it; then those that are planned, by time."""
    memory = meter.memory
    planned = [
        CutTold(object=name, from_ms=each.from_ms, until_ms=each.until_ms)
        for name, each in memory.cut_orders.items()
    ]
    planned.sort(key=lambda each: (each.from_ms, each.object))
    opening = memory.opening
    is_back = meter.point.supply in (Supply.ON, Supply.ARMED)
    if opening is None or is_back or opening.question.cause is not SupplyReason.CUT_ORDER:
        return tuple(planned)
    evidence = opening.question.evidence
    done = CutTold(
        object=opening.object,
        from_ms=evidence.order_from_ms,
        until_ms=evidence.order_until_ms,
        is_done=True,
    )
    return (done, *planned)


class _Telling:
    """What goes up, all of it said at one tick. Every word has the MAC of the meter's own key."""

    def __init__(self, meter: ShownMeter, serial: bytes, epoch: int) -> None:
        self._meter = meter
        self._serial = serial.hex()
        self._epoch = epoch
        self._way = f"card/{self._serial}"

    def contents(self, noted: list[tuple[bytes, NotedVerdict | None]]) -> dict[CardFile, bytes]:
        """The content of each file, the most important first. Makes and remembers the asks for the time."""
        asks = Words(tuple(self._ask(source) for source in _ASKED)).encode()
        brought = {verdict.judged.object for _, verdict in noted if verdict is not None}
        # Of an issuer whose statement the card has brought the object is named by it.
        held = sorted(totals_of(self._meter), key=lambda each: f"payment/{each.issuer}" not in brought)
        totals = tuple(held[:TOTALS_MAX])
        return {
            STATE: self._state(totals),
            ASKS: asks,
            PROOFS: self._proofs(noted),
            REPORTS: self._reports(totals),
        }

    def _ask(self, source: Source) -> bytes:
        """The nonce is in the image before the card has it: it is written before the next command."""
        meter = self._meter
        meter.memory.nonces += 1
        nonce = meter.identity.nonce("time", meter.memory.nonces, meter.memory.epoch)
        clock.ask(meter.memory.clock, source, nonce, meter.tick)
        return ask_word(meter, source, nonce, self._way)

    def _number(self) -> int:
        """The next number of the words on cards. A number is never used twice in one life of the meter."""
        kept = self._meter.memory.card
        assert kept is not None
        self._meter.memory.card = CardKept(kept.epoch, kept.words + 1)
        return kept.words + 1

    def _state(self, totals: tuple[StatementHeld, ...]) -> bytes:
        meter = self._meter
        readout, head = meter.readout(meter.tick), meter.journal.head
        state = MeterState(
            card=self._serial,
            pairing=self._epoch,
            meter=meter.identity.id,
            epoch=meter.epoch,
            number=self._number(),
            time_ms=readout.estimate_ms,
            energy_wh=readout.purse.energy_wh,
            balance_ueur=readout.purse.balance_ueur,
            emergency_ueur=readout.purse.emergency_ueur,
            supply=readout.glance.supply,
            reason=readout.glance.reason,
            code=readout.glance.code,
            clock=readout.glance.clock,
            earliest_ms=readout.earliest_ms,
            latest_ms=readout.latest_ms,
            journal=head.number,
            journal_hash=head.hash.hex(),
            totals=totals,
            key=told(meter.memory, meter.identity.id) or UNSET,
            cuts=_cuts_of(meter)[:CUTS_TOLD_MAX],
        )
        return state_word(state, meter.identity.key, STATE.bytes_max).encode()

    def _proofs(self, noted: list[tuple[bytes, NotedVerdict | None]]) -> bytes:
        """A receipt of each document of which one can be given; of too many the first ones."""
        words = tuple[bytes, ...]()
        for document, verdict in noted:
            receipt = None if verdict is None else self._receipt(document, verdict)
            more = Words(words if receipt is None else (*words, receipt))
            if len(more.encode()) <= PROOFS.bytes_max:
                words = more.words
        return Words(words).encode()

    def _receipt(self, document: bytes, verdict: NotedVerdict) -> bytes | None:
        receipt = receipt_of(self._meter, verdict.number, verdict.judged, document)
        return None if receipt is None else write_report(receipt, self._meter.identity.key)

    def _reports(self, totals: tuple[StatementHeld, ...]) -> bytes:
        """The report, and what the meter holds as far as it fits."""
        meter = self._meter
        report = report_of(
            meter,
            meter.tick,
            number=self._number(),
            way=self._way,
            totals=totals,
            last_event=0,
            oldest_entry=meter.journal.base.number + 1,
        )
        said = write_report(report, meter.identity.key)
        left = REPORTS.bytes_max - len(said) - 2 * _LENGTH_BYTES
        held = holds_of(meter, self._number(), bytes_max=left - _MAC_BYTES_MAX)
        holds = holds_word(meter.identity, held, self._way)
        return Words((said, holds) if len(holds) <= left else (said,)).encode()
