"""People: they sign with the acts that the commands call, each act one transaction; and they pay.

What is refused is refused, and traced; a person then does something else. `paid` is what was truly paid:
every payment of which the clerk was told that it is booked.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlmodel import Session, col, select

from controller.calendars.acts import set_calendar
from controller.clocks.acts import settle
from controller.cuts.acts import cancel, order_cut
from controller.database.engine import reading
from controller.database.tables import MeterRow
from controller.households.acts import clear_household_flag, set_household_flag
from controller.moratoriums import acts as moratoriums
from controller.office.people import Actor
from controller.office.root_store import newer_root
from controller.orders.acting import Act, acting
from controller.orders.acts import sign
from controller.orders.status import OrderStatus
from controller.payments.acts import top_up
from controller.releases.acts import release_all, release_meter
from controller.roots import acts as roots
from controller.timing.comparing import Here
from controller.voids.acts import KEEP_ALL, propose
from emulator.firmware.guarded.meter import GuardedMeter
from protocols.documents.drafting import CalendarRule
from protocols.documents.kind_rule import Kind
from protocols.errors import RelanceError
from protocols.reasons import ClockStatus, FlagName
from protocols.units import UEUR_PER_EUR
from tests.simulation import schedule as do
from tests.simulation.book import Book, Page, Paid
from tests.simulation.clocks import SetClock
from tests.simulation.invariants import credited_ueur
from tests.simulation.parts import OPERATORS, Controller, secrets
from tests.simulation.truth import START_MS, Trace, Truth
from tests.simulation.watch import Watch

# What a verb makes in an act.
Draft = Callable[[Act], OrderStatus]

RELEASE_HOURS: Final = 24
_UEUR_PER_CENT: Final = UEUR_PER_EUR // 100


class People:
    """The operators, at a machine with a clock of its own. `signed` is told each document of theirs."""

    def __init__(
        self,
        controller: Controller,
        clock: SetClock,
        book: Book,
        trace: Trace,
        truth: Truth,
        signed: Callable[[Page], None],
    ) -> None:
        self.paid: dict[str, Paid] = {}
        self._second = OPERATORS[1]
        self._controller = controller
        self._clock = clock
        self._book = book
        self._trace = trace
        self._truth = truth
        self._signed = signed

    def permit_cuts(self) -> None:
        """Two people set the calendar of the season."""
        rule = CalendarRule(do.CALENDAR_RULE, "Europe/Brussels", "none")
        span_ms = (START_MS, START_MS + do.END_MS)
        self._by_two("calendar", lambda act: set_calendar(act, "season", rule, span_ms))

    def settle_disputes(self) -> None:
        """Two people begin a new epoch at every meter that has reported a dispute."""
        with reading(self._controller.store) as session:
            disputed = self._disputed(session)
        for meter in disputed:
            self._by_two(f"settle {meter}", lambda act, meter=meter: settle(act, meter))  # type: ignore[misc]

    def decide_anew(self, watch: Watch, meters: Iterable[str]) -> None:
        """Two people lift, clear or permit again what did not reach every meter: nothing sends harm twice."""
        meters = tuple(meters)
        if not all(any(watch.of(meter).pages(Kind.CUT_CALENDAR)) for meter in meters):
            self.permit_cuts()
        for page in list(self._book.of(Kind.LIFT_HOLD, Kind.CLEAR_FLAG)):
            reached = all(watch.of(meter).took(page) for meter in meters if page.addresses(meter))
            if not page.ours or page.lost or page.anew or reached:
                continue
            page.anew = True
            name = page.order.object.partition("/")[2]
            if page.order.kind is Kind.LIFT_HOLD:
                self.act(do.Lift(name, at_ms=0))
            else:
                self.act(do.ClearFlag(page.order.scope.meters[0], FlagName(name), at_ms=0))

    def act(self, event: do.Act) -> None:
        """What one of them does now."""
        match event:
            case do.Declare():
                span_ms = (START_MS + event.from_ms, START_MS + event.until_ms)
                self._by_one(event, lambda act: moratoriums.declare(act, event.name, *span_ms))
            case do.Extend():
                until_ms = START_MS + event.until_ms
                self._by_one(event, lambda act: moratoriums.extend(act, event.name, until_ms))
            case do.Lift():
                self._by_two(event, lambda act: moratoriums.lift(act, event.name))
            case do.Release(meter=""):
                self.release_all(OPERATORS[0])
            case do.Release():
                self._by_one(event, lambda act: release_meter(act, event.meter, RELEASE_HOURS))
            case do.Flag():
                self._by_one(event, lambda act: set_household_flag(act, event.meter, event.flag))
            case do.ClearFlag():
                self._by_two(event, lambda act: clear_household_flag(act, event.meter, event.flag))
            case do.Cut():
                span_ms = (START_MS + event.from_ms, START_MS + event.until_ms)
                self._by_two(event, lambda act: order_cut(act, event.name, (event.meter,), span_ms))
            case do.CancelCut():
                self._by_one(event, lambda act: cancel(act, event.name, (event.meter,)))
            case do.TopUp():
                self._pay(event)
            case do.VoidKey():
                self._void_second(event)

    def release_all(self, by: str = "") -> None:
        """One person releases the fleet; the second operator, or who has come in their place."""
        by = by or self._second
        self._by_one(do.Release(at_ms=0), lambda act: release_all(act, RELEASE_HOURS), by)

    def forget_lost(self, last_number: int, meters: dict[str, GuardedMeter]) -> None:
        """A copy takes the store's place: who paid since and has no credit gets the money back."""
        for name, meter in meters.items():
            left_ueur = credited_ueur(meter)
            for payment, paid in list(self.paid.items()):
                if paid.meter != name:
                    continue
                left_ueur -= paid.amount_ueur
                if left_ueur < 0 and paid.life == self._book.life and paid.number > last_number:
                    del self.paid[payment]

    def _void_second(self, event: do.VoidKey) -> None:
        stolen, self._second = self._second, OPERATORS[2]

        def draft(act: Act) -> OrderStatus:
            void = propose(act, stolen, [KEEP_ALL]).void
            assert void is not None, stolen
            return void

        self._by_two(event, draft)
        for by, step in ((OPERATORS[0], self._propose_root), (self._second, roots.sign)):
            with self._act(by) as act:
                proposed = step(act)
            in_force = "in force" if proposed.in_force else f"waits: {proposed.stranded}"
            self._trace.add(self._truth.now_ms(), f"{by}: root {proposed.root.version} {in_force}")

    def _propose_root(self, act: Act) -> roots.RootProposal:
        return roots.propose(act, [OPERATORS[1]], countersign=True)

    @contextmanager
    def _act(self, by: str) -> Iterator[Act]:
        held = secrets()
        self._controller.write_clock()
        here = Here(self._clock.now_ms(), self._clock.tick_ms(), self._clock.boot_id)
        with reading(self._controller.store) as session:
            newer = newer_root(session, held.root)
        root = held.root if newer is None else newer[0]
        actor = Actor(by, held.signers[by])
        with acting(self._controller.store, root, actor, here.now_ms, "simulation", here=here) as act:
            yield act

    def _pay(self, event: do.TopUp) -> None:
        def pay(act: Act) -> OrderStatus:
            status = top_up(act, event.payment, event.meter, event.cents * _UEUR_PER_CENT).status
            assert status is not None, "no issuers are in force here: the clerk's key signs"
            return status

        status = self._by_one(event, pay)
        if status is not None and event.payment not in self.paid:
            number = int(status.order.id[1:])
            paid = Paid(event.meter, event.cents * _UEUR_PER_CENT, self._book.life, number)
            self.paid[event.payment] = paid

    def _by_one(self, what: object, draft: Draft, by: str = OPERATORS[0]) -> OrderStatus | None:
        try:
            with self._act(by) as act:
                status = draft(act)
        except RelanceError as error:
            self._trace.add(self._truth.now_ms(), f"{what}: refused: {error}")
            return None
        self._trace.add(self._truth.now_ms(), f"{what}: {status.order.id} {status.state}")
        page = self._book.enter(status.envelope, self._truth.now_ms(), ours=True)
        if page is not None:
            self._signed(page)
        return status

    def _by_two(self, what: object, draft: Draft) -> None:
        status = self._by_one(what, draft)
        if status is not None:
            self._by_one(f"signs {status.order.id}", lambda act: sign(act, status.order.id), self._second)

    def _disputed(self, session: Session) -> list[str]:
        asked = select(MeterRow.id).where(
            MeterRow.clock == ClockStatus.DISPUTED, MeterRow.dispute_nonce != ""
        )
        return list(session.exec(asked.order_by(col(MeterRow.id))))
