"""The cards of a scenario: each meter's own, or one in a file; at the meter and at a kiosk (design §9).

A card of a guarded meter is a chip card with the keys of the scenario's seed, for practice: those of
`relance-kiosk --practice SEED`. At a kiosk it takes the answers of both time authorities to the asks that the
meter has put on it, and what the clerk loads. A card meter of 2020 knows no such card: what a kiosk of that
time wrote for it lies here as values, until the card is put in.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol

from cardreader.card.card import SmartCard
from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import generation_key, issuer_keys, kiosk_keys
from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.files.access import KeyHolder
from cardreader.files.identity import SERIAL_BYTES
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession, ask, select_application
from cardreader.host.transport import CardChannel, InProcess
from cardreader.iso7816 import instructions as iso
from cardreader.issuing.kit import CardOrder, make_kit
from cardreader.issuing.personalising import personalise
from cardreader.issuing.practice import practice_answers
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.loads import load
from cardreader.loading.progress import waiting
from cardreader.readers.virtual import VirtualCard
from emulator.firmware.events import CardPass, Event
from emulator.scenario.keyring import Keyring
from emulator.scenario.model import CardInSpec, KioskSpec, MeterSpec, Scenario
from emulator.world.card_contact import CardContact
from protocols.errors import InputError, RefusedError
from protocols.instants import SECOND_MS, UtcMs

KIOSK: Final = "kiosk"
_GENERATION: Final = 1
# A pass at the card meter of 2020, as people remember it, and what each thing on the card adds.
_PASS_MS_MIN: Final = 5 * SECOND_MS
_PASS_MS_MAX: Final = 10 * SECOND_MS
_THING_MS: Final = SECOND_MS


class SlotContact(Protocol):
    """A card in a slot. Its events go to the meter; the meter's commands come back by `send`."""

    @property
    def due_ms(self) -> UtcMs | None: ...

    def begin(self) -> tuple[Event, ...]: ...

    def send(self, command: bytes, at_ms: UtcMs) -> None: ...

    def happen(self) -> tuple[Event, ...]: ...

    def out(self) -> tuple[Event, ...]: ...


class ChipCards:
    """The chip cards of one meter. Its own is made when it is needed first, and stays in memory."""

    def __init__(self, spec: MeterSpec, keyring: Keyring, seed: int, folder: Path) -> None:
        self._spec = spec
        self._keyring = keyring
        self._seed = seed
        self._folder = folder
        self._own: WholeMemory | None = None
        self._sessions = 0

    def put_in(self, do: CardInSpec, at_ms: UtcMs) -> SlotContact:
        """The card in the meter's slot. A file is locked until the card is out."""
        pull_at_ms = None if do.pull_after_ms is None else UtcMs(at_ms + do.pull_after_ms)
        if not do.card:
            return CardContact(InProcess(SmartCard(self._own_memory())), pull_at_ms)
        return _FiledContact(self._folder / do.card, pull_at_ms)

    def at_kiosk(
        self, do: KioskSpec, at_ms: UtcMs, write: Callable[[CardContents], tuple[bytes, ...]]
    ) -> None:
        """A kiosk reads the card, and loads what `write` makes of it.

        Raises RefusedError for a card that is none of this kiosk's, or on which not all of it fits.
        """
        with ExitStack() as stack:
            channel: CardChannel
            if do.card:
                channel = stack.enter_context(VirtualCard(self._folder / do.card))
            else:
                channel = InProcess(SmartCard(self._own_memory()))
            select_application(channel)
            serial = ask(channel, iso.DATA_SERIAL)
            key = generation_key(self._keyring.fleet_key, _GENERATION)
            session = HostSession.open(channel, kiosk_keys(key, _GENERATION, serial), self._challenge())
            found = read_contents(session)
            answers = practice_answers(str(self._seed), found.asks.words, at_ms)
            wanted = (*write(found), *answers)
            wanted += waiting(found, wanted)
            visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, at_ms, KIOSK)
            plan = load(session, found.documents, wanted, visit, lambda _document: True)
            if plan.left_out:
                raise RefusedError(f"{len(plan.left_out)} documents do not fit: {plan.left_out[0].why}")

    def at_an_office(self) -> tuple[CardChannel, bytes]:
        """The meter's own card in a reader, and the fleet's key of the practice, as an office has them."""
        return InProcess(SmartCard(self._own_memory())), self._keyring.fleet_key

    def _own_memory(self) -> WholeMemory:
        if self._own is None:
            fleet_key, serial = self._keyring.fleet_key, self._digest("serial")[:SERIAL_BYTES]
            self._own = WholeMemory()
            make_blank_card(self._own, serial, issuer_keys(fleet_key, serial))
            wanted = CardOrder(serial, self._spec.profile.energy, self._spec.id, 1, "", _GENERATION)
            kit = make_kit(fleet_key, wanted, 0)
            personalise(InProcess(SmartCard(self._own)), kit, self._challenge(), KIOSK, 0)
        return self._own

    def _challenge(self) -> bytes:
        """Of a seed, where a real kiosk draws it by chance: a scenario is played alike each time."""
        self._sessions += 1
        return self._digest(f"challenge/{self._sessions}")[:CHALLENGE_BYTES]

    def _digest(self, purpose: str) -> bytes:
        return blake2b(f"{self._seed}/card/{self._spec.id}/{purpose}".encode(), digest_size=16).digest()


def check_files(scenario: Scenario) -> None:
    """Raises InputError for a file that is not there or is no card, UnreachableError for one in use."""
    for event in scenario.events:
        name = event.do.card if isinstance(event.do, CardInSpec | KioskSpec) else ""
        if name:
            try:
                with VirtualCard(folder_of(scenario) / name):
                    pass
            except InputError as error:
                raise InputError(f"{scenario.file}: events[{event.index}].card: {error}") from None


def folder_of(scenario: Scenario) -> Path:
    """Where the files of a scenario lie: beside it."""
    return Path(scenario.file).parent


class _FiledContact(CardContact):
    """A card in a file, which is locked while it is in the slot."""

    def __init__(self, path: Path, pull_at_ms: UtcMs | None) -> None:
        self._stack = ExitStack()
        super().__init__(self._stack.enter_context(VirtualCard(path)), pull_at_ms)

    def out(self) -> tuple[Event, ...]:
        """As for any card; the file is free again."""
        self._stack.close()
        return super().out()


@dataclass(slots=True)
class CardOf2020:
    """What kiosks have written onto the card of one card meter, and no pass has taken over yet."""

    waiting: list[CardPass] = field(default_factory=list)

    def put_in(self, do: CardInSpec, at_ms: UtcMs, number: int) -> SlotContact:
        """The card in the meter: it is obeyed at the end of the pass, if it is still there then."""
        waiting, self.waiting = self.waiting, []
        pass_ms = min(_PASS_MS_MIN + len(waiting) * _THING_MS, _PASS_MS_MAX)
        if do.pull_after_ms is not None and do.pull_after_ms < pass_ms:
            self.waiting = waiting
            return _PassOf2020(self, [], None)
        return _PassOf2020(self, waiting or [CardPass(number)], UtcMs(at_ms + pass_ms))


class _PassOf2020:
    """One pass at a card meter. Pulled out before its end it has changed nothing, and the card keeps all."""

    def __init__(self, card: CardOf2020, carried: list[CardPass], due_ms: UtcMs | None) -> None:
        self._card, self._carried, self._due_ms = card, carried, due_ms

    @property
    def due_ms(self) -> UtcMs | None:
        return self._due_ms

    def begin(self) -> tuple[Event, ...]:
        """Nothing happens before the pass is over."""
        return ()

    def send(self, command: bytes, at_ms: UtcMs) -> None:
        """That meter sends no commands."""
        raise AssertionError((command, at_ms))

    def happen(self) -> tuple[Event, ...]:
        """The meter obeys what the card carries."""
        self._due_ms = None
        return tuple(self._carried)

    def out(self) -> tuple[Event, ...]:
        """The card is taken out; before the end of the pass it keeps what it carries."""
        if self._due_ms is not None:
            self._card.waiting = [*self._carried, *self._card.waiting]
            self._due_ms = None
        return ()
