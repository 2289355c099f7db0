"""When what must hold is judged: every two hours, soon after an act in calm weather, and healed."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from controller.database.engine import reading
from protocols.documents.kind_rule import Kind
from protocols.instants import HOUR_MS, iso_from_ms
from tests.simulation import invariants, money
from tests.simulation import schedule as do
from tests.simulation.book import Book, Page
from tests.simulation.parts import Controller, Fleet, Timeserver
from tests.simulation.people import People
from tests.simulation.truth import START_MS, Trace, Truth
from tests.simulation.watch import Watch

_PROMPT: Final = "protection arrives at once"
_OWES: Final = "who owes can be cut"
_NO_BUG: Final = "no part meets a bug"


class Violation(Struct, frozen=True):
    """An invariant that did not hold, and the facts."""

    invariant: str
    text: str


class Found:
    """What broke, each fact once."""

    def __init__(self, trace: Trace, truth: Truth) -> None:
        self.violations: list[Violation] = []
        self._trace = trace
        self._truth = truth

    def add(self, invariant: str, what: str) -> None:
        """An invariant did not hold."""
        found = Violation(invariant, what)
        if found not in self.violations:
            self._trace.add(self._truth.now_ms(), f"BROKEN {invariant}: {what}")
            self.violations.append(found)

    def all(self, invariant: str, found: Iterable[str]) -> None:
        """Whatever shows that an invariant did not hold."""
        for each in found:
            self.add(invariant, each)


class Judge:
    """Asks the invariants of a run.

    `syncs`: how often links have synced since it was set to 0; `cut`: the meter that two people order cut.
    """

    def __init__(
        self,
        found: Found,
        parts: tuple[Controller, Timeserver, Fleet],
        book: Book,
        watch: Watch,
        people: People,
        truth: Truth,
    ) -> None:
        self.syncs = 0
        self._found = found
        self._controller, self._timeserver, self._fleet = parts
        self._book = book
        self._watch = watch
        self._people = people
        self._truth = truth
        self._owed: set[str] = set()
        self.cut = ""

    def meanwhile(self) -> None:
        """What holds at every instant."""
        meters = self._fleet.meters()
        till, span_ms = self._people.till, self._truth.now_ms() - START_MS
        self._found.all("no cent doubled", money.doubled(till, self._stolen(meters), meters))
        self._found.all("no cent doubled", money.over_allowance(till, meters, span_ms))
        with reading(self._controller.store) as session:
            untrue = invariants.untrue_effects(session, self._book, self._watch, meters)
            self._found.all("effective is true", untrue)
            self._found.all("sent is true", invariants.untrue_sendings(session, self._book))
            self._found.all("lists can be shown", invariants.unlisted(session))

    def payment(self, payment: str, denied: set[str]) -> None:
        """A payment was requested some minutes ago, and nothing has held it up but for `denied` meters."""
        if self._people.till.paid[payment].meter in denied:
            return
        with reading(self._controller.store) as session:
            self._found.all(_PROMPT, invariants.unpaid(session, payment, self._book, self._watch))

    def arrival(self, page: Page, denied: set[str]) -> None:
        """A document was signed some minutes ago, and nothing has held it up but for `denied` meters."""
        meters = self._fleet.meters()
        for name in sorted(meters.keys() - denied):
            if page.addresses(name) and not invariants.has_come(self._watch, name, meters[name], page):
                what = f"{page.order.id} {page.order.object} of {iso_from_ms(page.at_ms)}"
                self._found.add(_PROMPT, f"{name} has not taken {what} in calm weather")

    def renewal(self) -> None:
        """Healed: the leases."""
        found = invariants.stale_leases(self._watch, self._fleet.meters(), self._truth.now_ms())
        self._found.all("leases are renewed", found)

    def promptness(self) -> None:
        """Healed, and flooded: what has just been released and paid."""
        meters = self._fleet.meters()
        self._found.all(_PROMPT, invariants.late(self._book, self._watch, meters))
        with reading(self._controller.store) as session:
            self._found.all(_PROMPT, money.late(self._people.till, session, meters))

    def flood(self) -> None:
        """Some minutes after the flood."""
        self._found.all("nobody is made to talk", invariants.talkative(self.syncs))

    def choose_cut(self) -> str:
        """The richest household whose meter knows the time, which shall be cut; empty for none."""
        meters = invariants.certain(self._fleet.meters())
        self.cut = max(meters, key=lambda name: (meters[name].purse.balance_ueur, name), default="")
        return self.cut

    def cut_is_taken(self) -> bool:
        """Whether that household's meter has taken the order to cut it."""
        pages = self._watch.of(self.cut).pages(Kind.CUT_ORDER)
        return any(page.order.object.startswith("cut/healed") for page, _ in pages)

    def cut_order(self) -> None:
        """Some minutes after two people have ordered that cut."""
        if self.cut and not self.cut_is_taken():
            self._found.add(_OWES, f"{self.cut} did not take the cut that two people ordered")

    def note_owing(self) -> None:
        """Before the window that is judged: who has to be cut in it."""
        self._owed = invariants.owing(self._fleet.meters())
        if self.cut:
            self._owed.add(self.cut)

    def window(self) -> None:
        """After that window."""
        window_ms = (START_MS + do.JUDGED_FROM_MS - 2 * HOUR_MS, START_MS + do.JUDGED_UNTIL_MS)
        meters = self._fleet.meters()
        self._found.all(_OWES, invariants.still_supplied(self._watch, meters, self._owed, window_ms))

    def end(self) -> None:
        """At the end of the run."""
        meters, end_ms = self._fleet.meters(), self._truth.now_ms()
        links = {name: running.link.name for running in self._fleet.links for name in running.link.meters}
        exact = (invariants.purse_is_exact(self._fleet.plan, *each) for each in meters.items())
        self._found.all("every purse is exact", (found for found in exact if found is not None))
        with reading(self._controller.store) as session:
            lost = money.lost(self._people.till, self._stolen(meters), session, meters)
            self._found.all("no cent lost", lost)
            self._found.all("lists are true", invariants.untrue_lists(session, meters, links))
            running = [each.link for each in self._fleet.links]
            self._found.all("no entry of a black box is lost", invariants.lost_entries(session, running))
        missing = invariants.missing_protection(self._book, self._watch, meters, end_ms)
        self._found.all("all protection arrives", missing)
        for program in (self._controller, self._timeserver, self._fleet):
            self._found.all(_NO_BUG, map(repr, program.errors()))

    def _stolen(self, meters: money.Meters) -> dict[str, int]:
        span_ms = self._truth.now_ms() - START_MS
        return {name: money.stolen_ueur(self._watch, name, meter, span_ms) for name, meter in meters.items()}

    def bug(self, what: str) -> None:
        """A part has ended by itself, or has logged an error."""
        self._found.add(_NO_BUG, what)
