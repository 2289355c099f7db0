"""People: they sign with the acts that the commands call, each act one transaction; and they pay.

What is refused is refused, and traced; a person then does something else. `till` is what was truly paid:
every payment of which the clerk was told that it is requested or booked.
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
from controller.issuers.acts import controllers_next_epoch, propose_issuers, sign_issuers
from controller.moratoriums import acts as moratoriums
from controller.office.issuing import CONTROLLER
from controller.office.people import Actor
from controller.office.root_store import newer_root
from controller.orders.acting import Act, acting
from controller.orders.acts import sign
from controller.orders.status import OrderStatus
from controller.payments.acts import FoundMoneyError, ToppedUp, top_up
from controller.payments.store import order_id_of, payment_of
from controller.releases.acts import release_all, release_meter
from controller.roots import acts as roots
from controller.roots.rules import RootChange
from controller.timing.comparing import Here
from controller.voids.acts import KEEP_ALL, propose
from protocols.documents.drafting import CalendarRule
from protocols.documents.kind_rule import Kind
from protocols.errors import RelanceError
from protocols.reasons import ClockStatus, FlagName
from protocols.units import UEUR_PER_EUR
from tests.simulation import schedule as do
from tests.simulation.book import Book, Page
from tests.simulation.clocks import SetClock
from tests.simulation.money import Paid, Till
from tests.simulation.parts import OPERATORS, Controller, issuer_signer, secrets
from tests.simulation.truth import START_MS, Trace, Truth
from tests.simulation.watch import Watch

# What a verb makes in an act.
Draft = Callable[[Act], OrderStatus]

RELEASE_HOURS: Final = 24
_UEUR_PER_CENT: Final = UEUR_PER_EUR // 100


class People:
    """The operators, at a machine with a clock of its own.

    `signed` is told each document of theirs, `requested` each payment that the service is to book.
    """

    def __init__(
        self,
        controller: Controller,
        clock: SetClock,
        book: Book,
        trace: Trace,
        truth: Truth,
        signed: Callable[[Page], None],
        requested: Callable[[str], None],
    ) -> None:
        self.till = Till()
        self._second = OPERATORS[1]
        self._controller = controller
        self._clock = clock
        self._book = book
        self._trace = trace
        self._truth = truth
        self._signed = signed
        self._requested = requested

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
            case do.VoidKey():
                self._void_second(event)
            case _:
                self._move_money(event)

    def _move_money(self, event: do.Money) -> None:
        match event:
            case do.TopUp():
                self._pay(event)
            case do.Countersign():
                self._countersign(event)
            case do.NewEpoch():
                self._begin_epoch(event)

    def release_all(self, by: str = "") -> None:
        """One person releases the fleet; the second operator, or who has come in their place."""
        by = by or self._second
        self._by_one(do.Release(at_ms=0), lambda act: release_all(act, RELEASE_HOURS), by)

    def request_unpaid(self, event: do.Unpaid) -> None:
        """Whoever has stolen the second operator's key requests, at the store, a payment of nobody."""
        unpaid = Paid(event.meter, event.cents * _UEUR_PER_CENT)
        try:
            with self._act(OPERATORS[1]) as act:
                top_up(act, f"unpaid-{event.at_ms}", unpaid.meter, unpaid.amount_ueur)
        except RelanceError as error:
            self._trace.add(self._truth.now_ms(), f"{event}: refused: {error}")
        else:
            self.till.unpaid.append(unpaid)

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
        return roots.propose(act, RootChange(dropped=frozenset({OPERATORS[1]})), countersign=True)

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
        amount_ueur = event.cents * _UEUR_PER_CENT
        paid = Paid(event.meter, amount_ueur)
        if self.till.paid.get(event.payment, paid) != paid:
            # A restored store has forgotten the id; the receipts have not.
            self._trace.add(self._truth.now_ms(), f"{event}: the id is on another receipt")
            return
        try:
            with self._act(OPERATORS[0]) as act:
                taken = self._take(act, event, amount_ueur)
        except RelanceError as error:
            self._trace.add(self._truth.now_ms(), f"{event}: refused: {error}")
            return
        self._trace.add(self._truth.now_ms(), f"{event}: {taken.state}")
        self.till.take(event.payment, paid)
        if taken.status is None:
            self._requested(event.payment)
            return
        page = self._book.enter(taken.status.envelope, self._truth.now_ms(), ours=True)
        if page is not None:
            self._signed(page)

    def _take(self, act: Act, event: do.TopUp, amount_ueur: int) -> ToppedUp:
        """The clerk enters again what was taken before; asked about money that was found, says the truth."""
        again = True if event.payment in self.till.paid else None
        try:
            return top_up(act, event.payment, event.meter, amount_ueur, again=again)
        except FoundMoneyError:
            return top_up(act, event.payment, event.meter, amount_ueur, again=False)

    def _countersign(self, event: do.Countersign) -> None:
        """Two people sign what the service has booked, one after the other."""
        with reading(self._controller.store) as session:
            order = order_id_of(session, event.payment)
            paid = payment_of(session, event.payment)
        if order is None or paid is None:
            self._trace.add(self._truth.now_ms(), f"{event}: is not booked")
            return
        self.till.countersigned.add(paid.meter)
        for by in (OPERATORS[0], self._second):
            self._by_one(event, lambda act: sign(act, order), by)

    def _begin_epoch(self, event: do.NewEpoch) -> None:
        with reading(self._controller.store) as session:
            public = issuer_signer(controllers_next_epoch(session)).public.hex()
        with self._act(OPERATORS[0]) as act:
            proposed = propose_issuers(act, {CONTROLLER: public}, {})
        with self._act(self._second) as act:
            done = sign_issuers(act, proposed.code)
        assert done.in_force, event
        self._controller.home_issuers = done.envelope
        self._book.name_issuers(done.issuers)
        self._trace.add(self._truth.now_ms(), f"{event}: issuers {done.issuers.version}")

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
