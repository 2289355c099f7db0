"""Debt: what of each payment brings it back, below which caps, and what a refund takes (design §4.3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from emulator.firmware.effects import RecordEmitted
from emulator.firmware.guarded.image import decode_image
from protocols.documents.accounts import differences
from protocols.documents.bodies import DebtBody, RefundBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS, HOUR_MS
from protocols.limits import DEBT_UEUR_MAX
from protocols.link.records import CreditChanged
from protocols.reasons import PaymentMode
from protocols.units import QUANTA_PER_EUR, QUANTA_PER_UEUR
from tests.emulator.firmware.guarded.programs import Step, balances_q, live, programs
from tests.emulator.firmware.guarded.workbench import ISSUERS, MONDAY_MS, Workbench

E = 1_000_000
UEUR = st.sampled_from([0, 1, 999, E, 5 * E, 20 * E, 50 * E])
BODIES = st.builds(
    DebtBody,
    UEUR,
    st.sampled_from([0, 1, 333, 350, 1_000]),
    st.sampled_from([0, 7, 4 * E, DEBT_UEUR_MAX]),
    st.sampled_from([0, 5 * E, DEBT_UEUR_MAX]),
    st.sampled_from([1, 7]),
)


class Payer:
    """A household that draws nothing, and all that it has paid."""

    def __init__(self, balance_eur: int = 0, load_w: int = 0) -> None:
        self.bench = Workbench(balance_q=balance_eur * QUANTA_PER_EUR, load_w=load_w)
        self.total_ueur = 0

    def pays(self, ueur: int) -> int:
        """Returns what of it went to the debt, in quanta."""
        before_q = self.bench.meter.point.credit.recovered_q
        self.total_ueur += ueur
        self.bench.pay(1, self.total_ueur)
        return self.bench.meter.point.credit.recovered_q - before_q

    def owes(self, body: DebtBody) -> str:
        return self.bench.give(Kind.DEBT, "m1", body).reason

    @property
    def debt_eur(self) -> float:
        return self.bench.meter.point.credit.debt_q / QUANTA_PER_EUR

    @property
    def balance_eur(self) -> float:
        return self.bench.meter.point.credit.balance_q / QUANTA_PER_EUR


@settings(max_examples=200)
@given(balance_q=balances_q, body=BODIES, mode=st.sampled_from(PaymentMode), program=programs)
def test_every_purse_adds_up_to_the_quantum_and_nothing_goes_below_zero(
    balance_q: int, body: DebtBody, mode: PaymentMode, program: list[Step]
) -> None:
    bench = Workbench(balance_q=balance_q, mode=mode)
    bench.give(Kind.DEBT, "m1", body)
    live(bench, program)
    credit = bench.meter.point.credit
    assert differences(bench.meter.purse.account) == ()
    assert 0 <= credit.debt_q <= credit.debt_set_q
    assert min(credit.recovered_q, credit.refunded_q) >= 0


@given(
    body=BODIES,
    payments=st.lists(st.tuples(st.integers(0, 20 * HOUR_MS), UEUR), max_size=12),
)
def test_each_payment_is_shared_as_the_rule_says(body: DebtBody, payments: list[tuple[int, int]]) -> None:
    """The oracle adds up what was taken since the period of each payment began, counted from the order."""
    payer = Payer()
    payer.owes(body)
    period_ms, owed_q = body.period_days * DAY_MS, body.total_ueur * QUANTA_PER_UEUR
    taken: list[tuple[int, int]] = []
    for wait_ms, ueur in payments:
        payer.bench.wait(wait_ms)
        period = (payer.bench.now_ms - MONDAY_MS) // period_ms
        room_q = body.period_cap_ueur * QUANTA_PER_UEUR - sum(q for when, q in taken if when == period)
        wanted_q = ueur * QUANTA_PER_UEUR * body.share_permille // 1_000
        share_q = min(wanted_q, body.payment_cap_ueur * QUANTA_PER_UEUR, room_q, owed_q)
        assert payer.pays(ueur) == share_q
        owed_q -= share_q
        taken.append((period, share_q))


@settings(max_examples=200)
@given(body=BODIES, balance_q=balances_q, program=programs, ueur=UEUR)
def test_no_debt_is_taken_while_emergency_credit_is_owed(
    body: DebtBody, balance_q: int, program: list[Step], ueur: int
) -> None:
    bench = Workbench(balance_q=balance_q)
    live(bench, program)
    bench.give(Kind.DEBT, "m1", body)
    credit = bench.meter.point.credit
    lent_q, recovered_q = credit.emergency_limit_q - credit.emergency_left_q, credit.recovered_q
    held = bench.meter.memory.totals.of("controller")
    bench.pay(1, (0 if held is None else held.total_ueur) + ueur)
    taken_q = credit.recovered_q - recovered_q
    assert taken_q == 0 or credit.emergency_left_q == credit.emergency_limit_q
    assert taken_q <= max(ueur * QUANTA_PER_UEUR - lent_q, 0)


@pytest.mark.parametrize(
    ("body", "paid_eur", "debt_eur", "balance_eur"),
    [
        (DebtBody(100 * E, 350), [20], 93, 13),
        (DebtBody(5 * E, 1_000), [20], 0, 15),
        (DebtBody(100 * E, 0), [20], 100, 20),
        (DebtBody(100 * E, 350, 4 * E), [20, 20], 92, 32),
        (DebtBody(100 * E, 350, DEBT_UEUR_MAX, 10 * E), [20, 20], 90, 30),
        (DebtBody(100 * E, 350, 4 * E, 0), [20], 100, 20),
    ],
)
def test_a_share_below_every_cap(
    body: DebtBody, paid_eur: list[int], debt_eur: float, balance_eur: float
) -> None:
    payer = Payer()
    payer.owes(body)
    for eur in paid_eur:
        payer.pays(eur * E)
    assert (payer.debt_eur, payer.balance_eur) == (debt_eur, balance_eur)


def test_a_cap_is_free_again_in_the_next_period_and_waiting_saves_none_up() -> None:
    payer = Payer()
    payer.owes(DebtBody(100 * E, 500, DEBT_UEUR_MAX, 5 * E, 7))
    taken_eur = []
    for days in (0, 6, 1, 21, 0):
        payer.bench.wait(days * DAY_MS)
        taken_eur.append(payer.pays(10 * E) / QUANTA_PER_EUR)
    assert taken_eur == [5, 0, 5, 5, 0]


def test_a_lower_total_gives_back_what_payments_brought_beyond_it_and_with_it_supply() -> None:
    payer = Payer(load_w=1_000)
    payer.bench.permit((MONDAY_MS, MONDAY_MS + 9 * DAY_MS))
    payer.owes(DebtBody(10 * E, 1_000))
    payer.pays(10 * E)
    payer.bench.wait(2 * HOUR_MS)
    assert payer.bench.supply == "off"
    payer.owes(DebtBody(4 * E, 1_000))
    assert (payer.bench.supply, payer.debt_eur) == ("on", 0)
    assert payer.balance_eur == pytest.approx(5.7, abs=0.1)
    assert payer.bench.supply_changes()[-1][2] == "top_up"


def test_a_debt_is_raised_by_its_total_and_what_was_brought_stays_brought() -> None:
    payer = Payer()
    payer.owes(DebtBody(10 * E, 500))
    payer.pays(10 * E)
    payer.owes(DebtBody(30 * E, 500))
    assert (payer.debt_eur, payer.balance_eur) == (25, 5)


def test_a_payment_that_waited_for_its_allowance_is_shared_too() -> None:
    """86.40 EUR a day: 90 EUR are covered an hour later."""
    bench = Workbench(balance_q=0, load_w=0, issuers=ISSUERS)
    bench.give(Kind.DEBT, "m1", DebtBody(100 * E, 500))
    assert bench.state(90 * E).reason == "over_limit"
    assert bench.meter.point.credit.recovered_q == 0
    bench.wait(HOUR_MS)
    assert bench.meter.point.credit.recovered_q == 45 * QUANTA_PER_EUR


@pytest.mark.parametrize(
    ("balance_eur", "totals_eur", "verdicts", "left_eur"),
    [
        (30, [20], ["stored"], 10),
        (30, [20, 20, 30, 10], ["stored", "out_of_range", "stored", "out_of_range"], 0),
        (30, [31], ["out_of_range"], 30),
        (0, [1], ["out_of_range"], 0),
    ],
)
def test_a_refund_takes_what_its_total_adds_and_no_purse_below_zero(
    balance_eur: int, totals_eur: list[int], verdicts: list[str], left_eur: float
) -> None:
    payer = Payer(balance_eur)
    found = [payer.bench.give(Kind.REFUND, "m1", RefundBody(eur * E)).reason for eur in totals_eur]
    assert (found, payer.balance_eur) == (verdicts, left_eur)
    assert differences(payer.bench.meter.purse.account) == ()


def test_a_refund_is_repeated_by_its_own_document_only() -> None:
    """A restored store gives a number or a total again for another refund, which was not obeyed."""
    bench = Payer(30).bench
    first = bench.order(Kind.REFUND, "m1", RefundBody(10 * E))
    second = bench.order(Kind.REFUND, "m1", RefundBody(20 * E))
    other = replace(second, id="o9", body=replace(second, body=RefundBody(15 * E)).body)
    assert [bench.send(each).reason for each in (first, second, second, first, other)] == [
        "stored",
        "stored",
        "repeated",
        "stale_rev",
        "stale_rev",
    ]
    assert bench.meter.point.credit.refunded_q == 20 * QUANTA_PER_EUR


def test_one_person_puts_no_debt_on_anybody_and_refunds_nothing() -> None:
    bench = Workbench()
    for kind, body in ((Kind.DEBT, DebtBody(5 * E, 500)), (Kind.REFUND, RefundBody(E))):
        assert bench.send(bench.order(kind, "m1", body), ("dora",)).reason == "too_few_signers"
    assert (bench.meter.memory.debt, bench.meter.point.credit.refunded_q) == (None, 0)


def test_a_debt_for_the_fleet_is_refused() -> None:
    bench = Workbench()
    order = bench.order(Kind.DEBT, "m1", DebtBody(E, 500), scope=Scope(fleet=True))
    assert bench.send(order).reason == "not_addressed"


def test_debts_survive_a_power_cut() -> None:
    payer = Payer()
    payer.owes(DebtBody(100 * E, 350, DEBT_UEUR_MAX, 5 * E))
    payer.pays(10 * E)
    memory = decode_image(payer.bench.meter.image())
    assert memory == payer.bench.meter.memory
    assert memory.debt is not None
    assert memory.debt.taken_q == 35 * QUANTA_PER_EUR // 10


def test_the_journal_names_what_changed_the_credit() -> None:
    payer = Payer(balance_eur=9)
    payer.owes(DebtBody(5 * E, 500))
    payer.bench.give(Kind.REFUND, "m1", RefundBody(E))
    records = [each.record for each in payer.bench.effects if isinstance(each, RecordEmitted)]
    assert [each.cause for each in records if isinstance(each, CreditChanged)] == ["debt", "refund"]
