"""Meters are replaced, in any sequence with payments, restored stores, late words: money stays whole."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Engine

from controller.database.engine import open_store, reading
from controller.exchange.purses import PursesHeard
from controller.payments.store import verify_ledger
from tests.controller.connections.bench import EUR, RealMeter, book_all, pay, people, replaced


class ReplacingMachine(RuleBasedStateMachine):
    """What the household has paid is used as reported, or in the present meter: every cent, once."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "relance.db"
        self.engine = self._open(create=True)
        people(self.engine)
        self.purses = PursesHeard()
        self.meter = RealMeter("m1")
        self.meter.report(self.engine, with_account=True)
        self.old: list[RealMeter] = []
        self.paid_ueur = 0
        self.payments = 0
        self.gone_ueur = 0
        # As the store was just before the last replacement, and what was paid since.
        self.backup: Path | None = None
        self.paid_since_ueur = 0

    def _open(self, *, create: bool = False) -> Engine:
        return open_store(f"sqlite:///{self.path}", create=create)

    @rule(ueur=st.integers(1, 60 * EUR))
    def take_a_payment(self, ueur: int) -> None:
        self.payments += 1
        self.paid_ueur += ueur
        self.paid_since_ueur += ueur
        pay(self.engine, f"p{self.payments}", self.meter.id, ueur)

    @rule()
    def book_what_is_asked(self) -> None:
        self.meter.is_heard(self.purses)
        book_all(self.engine, self.purses)

    @rule(skip=st.integers(0, 1))
    def statements_arrive(self, skip: int) -> None:
        self.meter.receive(self.engine, skip=skip)

    @rule(share=st.integers(1, 100))
    def energy_is_used(self, share: int) -> None:
        self.meter.used_ueur += self.meter.balance_ueur * share // 100

    @rule(with_account=st.booleans())
    def a_report_arrives(self, *, with_account: bool) -> None:
        self.meter.report(self.engine, with_account=with_account)

    @rule()
    def the_service_starts_again(self) -> None:
        self.purses = PursesHeard()

    @precondition(lambda self: len(self.old) < 3 and self.meter.has_reported)
    @rule()
    def the_meter_is_replaced(self) -> None:
        self.engine.dispose()
        self.backup = Path(self.folder.name) / "backup.db"
        shutil.copy(self.path, self.backup)
        self.engine = self._open()
        self._replace(RealMeter(f"n{len(self.old)}"))
        self.paid_since_ueur = 0

    def _replace(self, new: RealMeter) -> None:
        old = self.meter
        done = replaced(self.engine, new.id, old=old.id)
        assert done.new
        self.gone_ueur += old.reported_used_ueur
        self.old.append(old)
        self.meter = new

    @precondition(lambda self: self.old)
    @rule()
    def the_command_runs_twice(self) -> None:
        again = replaced(self.engine, self.meter.id, old=self.old[-1].id)
        assert not again.new
        assert again.paid is None

    @precondition(lambda self: self.old)
    @rule(ueur=st.integers(0, 5 * EUR))
    def the_old_meter_speaks_late(self, ueur: int) -> None:
        old = self.old[-1]
        old.receive(self.engine)
        old.used_ueur += min(ueur, old.balance_ueur)
        old.late_report(self.engine)

    @precondition(lambda self: self.old and self.backup is not None and not self.paid_since_ueur)
    @rule()
    def the_store_is_restored_and_the_command_runs_again(self) -> None:
        assert self.backup is not None
        self.engine.dispose()
        shutil.copy(self.backup, self.path)
        self.engine = self._open()
        self.purses = PursesHeard()
        assert replaced(self.engine, self.meter.id, old=self.old[-1].id).new
        # What the new meter had reported is forgotten with the rest.
        self.meter.has_reported = False

    @invariant()
    def the_ledger_adds_up(self) -> None:
        with reading(self.engine) as session:
            assert verify_ledger(session) == []

    @invariant()
    def no_cent_is_doubled(self) -> None:
        assert self.meter.credited_ueur + self.gone_ueur <= self.paid_ueur

    def teardown(self) -> None:
        for _ in range(2):
            self.meter.is_heard(self.purses)
            book_all(self.engine, self.purses)
            self.meter.receive(self.engine)
        assert self.meter.credited_ueur + self.gone_ueur == self.paid_ueur
        self.engine.dispose()
        self.folder.cleanup()


TestMoneyOverMeters = ReplacingMachine.TestCase
TestMoneyOverMeters.settings = settings(max_examples=12, stateful_step_count=14, deadline=None)
