"""What can be read of a guarded meter: looking changes nothing, and costs what each says.

Duty: be the one place where memory, purse and clock become what links, faces and scenarios see. What the
meter does is `meter`'s, which builds on this.
"""

from emulator.firmware.guarded import clock
from emulator.firmware.guarded.forecast import forecast_ms
from emulator.firmware.guarded.holdings import Holdings, holdings_of
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.known import Known, known_of
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.guarded.witnesses import witnesses
from emulator.firmware.journal import Journal
from emulator.firmware.profile import Profile
from emulator.firmware.readout import Glance, Purse, Readout, StoredPlans, purse_at
from emulator.firmware.service_point import ServicePoint
from emulator.firmware.ticks import Tick
from protocols.chain import Entry
from protocols.documents.issuers import Issuers
from protocols.documents.roles import Root
from protocols.documents.statements import Totals
from protocols.instants import UtcMs
from protocols.link.messages import Witness
from protocols.reasons import Source
from protocols.spans import Span


class ShownMeter:
    """A guarded meter as others see it. `_known` caches what its documents say, until one changes."""

    __slots__ = ("_first_root", "_known", "identity", "journal", "memory", "point", "profile")

    _first_root: Root
    _known: Known | None
    identity: Identity
    journal: Journal
    memory: Memory
    point: ServicePoint
    profile: Profile

    @property
    def glance(self) -> Glance:
        """What can be read of it without a calculation."""
        state, point = self.memory.clock, self.point
        return Glance(point.supply, point.reason, state.status, state.nonce, point.recorder.code)

    def readout(self, at_tick: Tick) -> Readout:
        """Everything that it shows at a tick; in a dispute the interval is the hull of both opinions."""
        state, point = self.memory.clock, self.point
        low_ms, high_ms = clock.shown_interval_ms(state, at_tick)
        return Readout(
            glance=self.glance,
            text=point.recorder.text,
            earliest_ms=low_ms,
            latest_ms=high_ms,
            estimate_ms=clock.estimate_ms(state, at_tick),
            purse=purse_at(point.credit, at_tick),
            mains_on=point.mains_on,
            is_warned=bool(self.memory.warned),
            next_possible_ms=self.next_possible_ms(at_tick),
            journal_number=self.journal.head.number,
            planned=self._planned(),
        )

    def _planned(self) -> StoredPlans:
        memory, permission = self.memory, self.known.permission
        lease = memory.lease
        is_alive = lease is not None and permission.lease_ends_ms is not None
        calendar = f"{lease.calendar} {lease.calendar_rev}" if lease is not None and is_alive else ""
        cuts = tuple(sorted(Span(each.from_ms, each.until_ms) for each in memory.cut_orders.values()))
        return StoredPlans(calendar, permission, cuts, memory.tariff)

    def entries_after(self, number: int, /) -> tuple[Entry, ...]:
        """What is left of its black box beyond an entry."""
        entries = self.journal.entries
        return entries[max(0, len(entries) - max(0, self.journal.head.number - number)) :]

    @property
    def purse(self) -> Purse:
        """Credit and register as of the tick to which it has run."""
        return purse_at(self.point.credit, self.memory.tick)

    def holdings(self) -> Holdings:
        """What it holds of documents, for a sync."""
        return holdings_of(self.memory, self.root.version)

    def witnesses(self, at_tick: Tick) -> tuple[Witness, ...]:
        """The last claim of each source, the latest first."""
        return witnesses(self.memory.clock, at_tick)

    def has_heard(self, source: Source, since_tick: Tick) -> bool:
        """Whether a source has answered an ask since then; lost ticks forget every answer."""
        heard = self.memory.clock.fresh.get(source)
        return heard is not None and heard.lower.tick >= since_tick

    def estimate_ms(self, at_tick: Tick) -> UtcMs:
        """The best estimate of the instant at which something happened, from its tick."""
        return clock.estimate_ms(self.memory.clock, at_tick)

    @property
    def tick(self) -> Tick:
        """The tick to which it has run."""
        return self.memory.tick

    @property
    def epoch(self) -> int:
        """The life in which its words are numbered."""
        return self.memory.epoch

    @property
    def totals(self) -> Totals:
        """What it has credited, of each issuer."""
        return self.memory.totals

    @property
    def issuers(self) -> Issuers | None:
        """Who may sign payments; None where a person of role protect may."""
        return self.memory.issuers

    def next_possible_ms(self, at_tick: Tick) -> int | None:
        """When a cut is possible next, if nothing new arrives; None: never, as things stand."""
        return forecast_ms(self.memory, self.known, at_tick)

    @property
    def root(self) -> Root:
        """Whom it believes: the last root it accepted, else the one of its manufacture."""
        return self.memory.root or self._first_root

    @property
    def known(self) -> Known:
        """What the stored documents permit and forbid."""
        if self._known is None:
            self._known = known_of(self.memory, self.root.version)
        return self._known

    @property
    def dispute_nonce(self) -> str:
        """What a rebase must name; empty while nothing is disputed."""
        return self.memory.clock.nonce
