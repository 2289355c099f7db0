"""Two kiosks of one office, one household's card and its meter: as small as money needs them.

Kiosks, stores and the card are the product's own. The meter credits by the rule of
`protocols.documents.statements`, checks the issuers' keys, and remembers that in one step; then it says so on
the card. A `Fuse` ends a program at any commit of its store and before or after any command to the card, or
lets another program of the same kiosk run in between.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from cardreader.card.card import SmartCard
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import generation_key
from cardreader.files.access import KeyHolder
from cardreader.files.layout import LOG, STATE, STATEMENTS
from cardreader.files.meter_state import MeterState, state_word
from cardreader.files.visits import Deed, Visit
from cardreader.host.transport import InProcess
from cardreader.iso7816.apdu import CardGoneError
from cardreader.issuing.practice import practice_root, practice_secret, practice_signer
from cardreader.kiosk.desk import CardAtDesk, Kiosk, receive_card
from cardreader.kiosk.home import CardsKey, KioskForm, KioskHome
from cardreader.kiosk.rules import Moment
from cardreader.kiosk.shifts import open_shift
from cardreader.kiosk.store import open_kiosk_store, writing_kiosk
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import Signer, read_envelope, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuer, Issuers, has_issued, write_issuers
from protocols.documents.orders import body_of, read_order
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.documents.statements import NO_TOTALS, Totals, apply_statement, open_epochs
from protocols.instants import UtcMs
from protocols.link.keys import meter_key
from protocols.link.messages import StatementHeld
from protocols.reasons import ClockStatus, Language, Refusal, Supply, SupplyReason
from tests.cardreader.one_card import (
    FLEET_KEY,
    GENERATION,
    METER,
    METER_KEYS,
    NOW_MS,
    SERIAL,
    challenge,
    issued,
    session,
)
from tests.cardreader.tearing import PowerLost

EURO: Final = 1_000_000
KIOSKS: Final = ("k1", "k2")
SIGNERS: Final = {name: Signer.from_seed(practice_secret("1", f"kiosk/{name}")) for name in KIOSKS}
HARM: Final = [practice_signer("1", each) for each in ("dora", "eric")]
ROOT: Final = seal(write_root(practice_root("1", 4_000_000_000_000)), ROOT_TYPE, HARM)


def issuers_of(epoch: int) -> Issuers:
    """The issuers document with which every kiosk begins this epoch."""
    issuers = (
        Issuer(name=name, epoch=epoch, public=signer.public.hex(), allowance_ueur_per_day=10**9)
        for name, signer in SIGNERS.items()
    )
    return Issuers(version=epoch, issuers=tuple(issuers))


ISSUERS: Final = issuers_of(1)
SEALED_ISSUERS: Final = seal(write_issuers(ISSUERS), ISSUERS_TYPE, HARM)
CARD: Final = bytes(issued().content)


class Killed(Exception):  # noqa: N818 # what happens, and no error
    """The program was killed."""


@dataclass
class Fuse:
    """Burns one step at each commit and around each command; at 0 the program is killed. None: never.

    `other`: another program, which runs once, from its beginning to its end, after so many `gaps` between
    two transactions or before a command to the card: nowhere else can another program come in.
    """

    steps: int | None = None
    gaps: int = 0
    other: Callable[[], None] | None = None

    def burn(self) -> None:
        """One step."""
        if self.steps is not None:
            if self.steps <= 0:
                raise Killed
            self.steps -= 1

    def gap(self) -> None:
        """Here another program may come in."""
        self.gaps -= 1
        if self.other is not None and self.gaps < 0:
            other, self.other = self.other, None
            other()


@dataclass
class FusedChannel:
    """A card in a reader, before a program that may be killed; torn memory looks like a card pulled out."""

    memory: WholeMemory
    fuse: Fuse

    def __post_init__(self) -> None:
        self._channel = InProcess(SmartCard(self.memory))

    def transmit(self, command: bytes) -> bytes:
        """As `CardChannel`."""
        self.fuse.gap()
        self.fuse.burn()
        try:
            answer = self._channel.transmit(command)
        except PowerLost:
            raise CardGoneError("card: it was pulled out") from None
        self.fuse.burn()
        return answer


class GoneCard:
    """A reader from which the card was taken away."""

    def transmit(self, command: bytes) -> bytes:
        """As `CardChannel`."""
        del command
        raise CardGoneError("card: it was pulled out")


def home_of(name: str) -> KioskHome:
    """A kiosk whose issuer the meter knows."""
    form = KioskForm(kiosk=name, office="namur", issuer=name, epoch=1)
    cards = CardsKey(GENERATION, generation_key(FLEET_KEY, GENERATION).hex())
    return KioskHome(form, SIGNERS[name], cards, 32 * b"w", ROOT, SEALED_ISSUERS)


def _wait_for_no_disk(connection: Any, *_unused: object) -> None:  # noqa: ANN401 # a driver's own connection
    """Here programs are killed, and no machine is."""
    connection.execute("PRAGMA synchronous=OFF")


@dataclass
class Till:
    """One kiosk with its store, and a shift that is open."""

    name: str
    folder: Path
    fuse: Fuse = field(default_factory=Fuse)

    def __post_init__(self) -> None:
        self.engine: Engine = open_kiosk_store(self.folder / f"{self.name}.db")
        event.listen(self.engine, "checkout", _wait_for_no_disk)
        self.kiosk = Kiosk(home_of(self.name), self.engine, self.name)
        with writing_kiosk(self.engine) as store:
            open_shift(store, "anna", Language.FRENCH, 0, UtcMs(NOW_MS))
        event.listen(self.engine, "commit", self._commit)
        event.listen(self.engine, "checkout", self._checkout)

    def _checkout(self, *_unused: object) -> None:
        """A transaction is about to begin, and has no lock yet."""
        self.fuse.gap()

    def _commit(self, connection: Connection) -> None:
        del connection
        self.fuse.burn()

    @contextmanager
    def serving(self, memory: WholeMemory, steps: int | None = None) -> Iterator[CardAtDesk]:
        """A card at this kiosk, which is killed after so many steps."""
        self.fuse.steps = steps
        try:
            channel = FusedChannel(memory, self.fuse)
            yield receive_card(self.kiosk, channel, challenge(), UtcMs(NOW_MS))
        finally:
            self.fuse.steps = None

    def begin_epoch(self, epoch: int) -> None:
        """The line brings the issuers document of this epoch."""
        issuers = seal(write_issuers(issuers_of(epoch)), ISSUERS_TYPE, HARM)
        self.kiosk = replace(self.kiosk, home=replace(self.kiosk.home, issuers=issuers))

    def close_issuer(self) -> None:
        """The line brings an issuers document that names no kiosk any more."""
        issuers = seal(write_issuers(Issuers(version=9, issuers=())), ISSUERS_TYPE, HARM)
        self.kiosk = replace(self.kiosk, home=replace(self.kiosk.home, issuers=issuers))

    def let_in(self, other: Callable[[], None], gaps: int) -> None:
        """Another program comes in after so many gaps of the next command."""
        self.fuse.other, self.fuse.gaps = other, gaps


NOW: Final = Moment(NOW_MS, 1_000, 7)


@dataclass
class CreditMeter:
    """What the meter remembers: its totals, and the sum of what it has credited."""

    totals: Totals = NO_TOTALS
    credited_ueur: int = 0

    def __post_init__(self) -> None:
        self.begin_epoch(1)

    def begin_epoch(self, epoch: int) -> None:
        """It takes the issuers document of this epoch: all before are closed for good."""
        opened = open_epochs(self.totals, {each.name: each.epoch for each in issuers_of(epoch).issuers})
        assert isinstance(opened, Totals)
        self.totals = opened

    def visit(self, memory: WholeMemory, *, pull_before_it_says: bool = False) -> None:
        """Reads the card, credits what is new, and says so on the card unless it is pulled out."""
        slot = session(InProcess(SmartCard(memory)), METER_KEYS)
        for found in [slot.read(each) for each in STATEMENTS]:
            if found:
                self._credit(found)
        if pull_before_it_says:
            return
        slot.write(STATE, state_word(self._state(), meter_key(FLEET_KEY, METER)).encode())
        slot.append(LOG, Visit(KeyHolder.METER, Deed.APPLIED, 0, METER).encode())
        slot.commit()

    def _credit(self, document: bytes) -> None:
        body = body_of(read_order(read_envelope(document).payload), PaymentBody)
        issuer = ISSUERS.of(body.issuer)
        assert issuer is not None
        assert has_issued(document, issuer)
        applied = apply_statement(self.totals, body.issuer, body.number, body.total_ueur, epoch=body.epoch)
        if applied in (Refusal.STALE_EPOCH, Refusal.UNKNOWN_ISSUER):
            return  # of an epoch that is closed, or that this meter has not heard of yet
        assert isinstance(applied, tuple), applied
        self.totals, difference_ueur = applied
        self.credited_ueur += difference_ueur

    def _state(self) -> MeterState:
        held = [
            StatementHeld(each.issuer, each.number, each.total_ueur, each.epoch) for each in self.totals.held
        ]
        return MeterState(
            card=SERIAL.hex(),
            pairing=1,
            meter=METER,
            epoch=1,
            number=1,
            time_ms=NOW_MS,
            energy_wh=0,
            balance_ueur=self.credited_ueur,
            emergency_ueur=0,
            supply=Supply.ON,
            reason=SupplyReason.NONE,
            code="9",
            clock=ClockStatus.TRUSTED,
            earliest_ms=NOW_MS,
            latest_ms=None,
            journal=0,
            journal_hash=64 * "0",
            totals=tuple(held),
        )
