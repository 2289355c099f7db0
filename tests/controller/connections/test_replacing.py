"""A meter is replaced: what the new one is paid and ordered, and what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from controller.connections.readmitting import admit_meters
from controller.connections.replacing import OldDisplay
from controller.connections.retiring import predecessor_of, retired_of
from controller.database.engine import reading, writing
from controller.database.tables import (
    DeliveryRow,
    HouseholdRow,
    MeterRow,
    OrderRow,
    OutboxRow,
    PaymentRequestRow,
    PaymentRow,
    RetiredRow,
)
from controller.debts.acts import set_debt
from controller.exchange.purses import PursesHeard
from controller.faces.cli.retired import worth_in_words
from controller.households.acts import set_household_flag
from controller.households.commissioning import SecretFile, commission
from controller.meters.views import list_meters
from controller.moratoriums.acts import declare
from controller.office.audit import recent
from controller.orders import acts as order_acts
from controller.orders.active import standing_orders
from controller.orders.life import DeliveryState, OrderState
from controller.orders.standing import standing_of
from controller.parameters.acts import set_parameters
from controller.payments.requests import RequestState
from controller.refunds.acts import refund_out_of
from controller.releases.acts import release_meter
from controller.restores.acts import account_for
from protocols.documents.bodies import DebtBody, HoldBody, ParametersBody
from protocols.documents.drafting import declare_moratorium
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope, body_of
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.marks import EntryNamed, StoreMark
from protocols.reasons import FlagName, HoldKind, PaymentMode
from tests.controller.connections.bench import (
    ANNA,
    DORA,
    ERIC,
    EUR,
    NOW_MS,
    RealMeter,
    account,
    act_of,
    book_all,
    pay,
    people,
    replaced,
    reports,
)
from tests.controller.households.households import ean, stored


def protecting(engine: Engine, meter: str) -> dict[str, tuple[int, int]]:
    with reading(engine) as session:
        found = standing_of(standing_orders(session, (meter,)).get(meter, []), NOW_MS)
    spans = {span.name: (span.from_ms, span.until_ms) for span in found.forbidding}
    return spans | ({"flag/protected": (0, 0)} if found.is_protected else {})


# -- money ----------------------------------------------------------------------------------------


def test_the_balance_of_the_last_report_is_one_payment_to_the_new_meter(peopled: Engine) -> None:
    reports(peopled, "m1", 12_340_000, account(12_340_000, 0))
    done = replaced(peopled)
    found = (done.new, done.link, done.retired.worth_ueur, done.retired.payment)
    assert found == (True, "k1", 12_340_000, "carried.1")
    assert done.paid is not None
    assert done.paid.state is RequestState.REQUESTED
    assert stored(peopled)[ean(1)]["meter"] == "m9"
    with reading(peopled) as session:
        assert [view.id for view in list_meters(session, now_ms=NOW_MS)] == ["m2", "m7", "m9"]
        assert retired_of(session, "m1") == predecessor_of(session, "m9") == done.retired
        acts = {entry.act.act: entry.act for entry in recent(session)}
    act = acts["replace"]
    assert (act.actor, act.subject, act.detail["successor"]) == ("anna", "m1", "m9")
    assert (act.detail["worth_ueur"], act.detail["balance_ueur"]) == (12_340_000, 12_340_000)


@pytest.mark.parametrize(
    ("balance", "more", "worth"),
    [
        (10 * EUR, {}, 10 * EUR),
        # Emergency credit that was lent is in the balance, and owed.
        (2 * EUR, {"lent": 5 * EUR}, -3 * EUR),
        (5 * EUR, {"lent": 5 * EUR}, 0),
        (-3_500_000, {}, -3_500_000),
        (0, {}, 0),
    ],
)
def test_what_was_lent_is_owed_and_a_debt_is_told_and_not_paid(
    peopled: Engine, balance: int, more: dict[str, int], worth: int
) -> None:
    reports(peopled, "m1", balance, account(balance, 0, **more))
    done = replaced(peopled)
    assert done.retired.worth_ueur == worth
    assert (done.paid is not None, done.retired.payment is not None) == (worth > 0, worth > 0)


def test_payments_that_never_came_to_the_old_meter_come_to_the_new_one(peopled: Engine) -> None:
    """One is booked and not credited, one is only asked for; a refund is ordered and not taken."""
    old, purses = RealMeter("m1"), PursesHeard()
    pay(peopled, "p1", "m1", 20 * EUR)
    old.is_heard(purses)
    book_all(peopled, purses)
    old.receive(peopled)
    old.used_ueur = 5 * EUR
    old.report(peopled, with_account=True)
    pay(peopled, "p2", "m1", 7 * EUR)
    book_all(peopled, purses)
    pay(peopled, "p3", "m1", 3 * EUR)
    with act_of(peopled, DORA) as act:
        order = refund_out_of(act, "m1", 4 * EUR).order
    with act_of(peopled, ERIC) as act:
        order_acts.sign(act, order.id)
    done = replaced(peopled)
    assert done.retired.worth_ueur == (15 + 7 + 3 - 4) * EUR
    with reading(peopled) as session:
        states = {row.id: row.state for row in session.exec(select(PaymentRequestRow))}
        waits = session.exec(select(OutboxRow).where(OutboxRow.meter == "m1")).all()
        active = session.exec(select(OrderRow).where(OrderRow.state == OrderState.ACTIVE)).all()
    assert states == {"p1": "booked", "p2": "booked", "p3": "included", "carried.1": "again"}
    # A late report that shows the second payment, and nothing used, says the same of the household's money.
    old.receive(peopled)
    old.late_report(peopled)
    with reading(peopled) as session:
        late = retired_of(session, "m1")
    assert late is not None
    assert (old.balance_ueur, late.late_ueur) == ((15 + 7) * EUR, done.retired.worth_ueur)
    assert not waits
    assert not [row for row in active if '"m1"' in row.scope]
    with pytest.raises(RefusedError, match=r'meter "m1": was replaced; allowed: m9, in its place'):
        pay(peopled, "p4", "m1", EUR)


def test_a_forged_request_is_not_carried_over(peopled: Engine) -> None:
    reports(peopled, "m1", EUR)
    pay(peopled, "p1", "m1", 2 * EUR)
    with writing(peopled) as session:
        row = session.get_one(PaymentRequestRow, "p1")
        row.amount_ueur = 90 * EUR
        session.add(row)
    assert replaced(peopled).retired.worth_ueur == EUR
    with reading(peopled) as session:
        assert session.get_one(PaymentRequestRow, "p1").state == RequestState.REFUSED


def test_in_a_home_without_issuers_the_statement_is_made_at_once(engine: Engine) -> None:
    people(engine, issuers=False)
    reports(engine, "m1", 9 * EUR)
    done = replaced(engine)
    assert done.paid is not None
    assert done.paid.payment is not None
    assert (done.paid.payment.total_ueur, done.paid.payment.number) == (9 * EUR, 1)


def test_an_unknown_balance_is_said_by_a_person_or_refused(peopled: Engine) -> None:
    with pytest.raises(RefusedError, match="its balance is unknown: it has reported none"):
        replaced(peopled)
    done = replaced(peopled, display=OldDisplay(6 * EUR))
    assert (done.retired.worth_ueur, done.retired.said) == (6 * EUR, True)


@pytest.mark.parametrize(("shown", "worth"), [(True, 6 * EUR), (False, 26 * EUR)])
def test_payments_not_confirmed_are_in_the_display_or_not_and_somebody_says_it(
    peopled: Engine, worth: int, *, shown: bool
) -> None:
    purses = PursesHeard()
    RealMeter("m1").is_heard(purses)
    pay(peopled, "p1", "m1", 20 * EUR)
    book_all(peopled, purses)
    with pytest.raises(RefusedError, match=r"has not confirmed payments of 20\.00 EUR"):
        replaced(peopled, display=OldDisplay(6 * EUR))
    done = replaced(peopled, display=OldDisplay(6 * EUR, shows_coming=shown))
    assert done.retired.worth_ueur == worth


def test_twice_is_once_and_another_successor_is_refused(peopled: Engine) -> None:
    reports(peopled, "m1", 3 * EUR)
    first = replaced(peopled)
    with reading(peopled) as session:
        before = len(recent(session, limit=1_000))
    again = replaced(peopled)
    assert (again.new, again.retired, again.paid) == (False, first.retired, None)
    with reading(peopled) as session:
        assert len(recent(session, limit=1_000)) == before
    with pytest.raises(RefusedError, match="was replaced; allowed: m9"):
        replaced(peopled, "m8")
    with pytest.raises(RefusedError, match=f"was replaced at EAN {ean(1)}, not {ean(2)}"):
        replaced(peopled, ean=ean(2))


@pytest.mark.parametrize(("lost", "paid"), [(True, []), (False, [28 * EUR])])
def test_a_store_of_long_before_pays_nothing_again(peopled: Engine, lost: bool, paid: Sequence[int]) -> None:
    """The new meter holds money that this store does not know: what was carried over came first.

    Where nothing was lost, somebody else has made that sum, and the household has what is its own.
    """
    reports(peopled, "m1", 40 * EUR)
    if lost:
        with writing(peopled) as session:
            mark = StoreMark(last=EntryNamed(1_000, "ab" * 32), root=1)
            assert account_for(session, mark, 1, NOW_MS) is not None
    replaced(peopled)
    new, purses = RealMeter("m9", credited_ueur=12 * EUR), PursesHeard()
    new.is_heard(purses)
    done = book_all(peopled, purses)
    assert (done.found, done.requested) == (1, 1)
    with reading(peopled) as session:
        state = session.get_one(PaymentRequestRow, "carried.1").state
        assert state == (RequestState.FOUND if lost else RequestState.BOOKED)
        rows = session.exec(select(PaymentRow)).all()
        assert [row.amount_ueur for row in rows if not row.found] == paid


def test_a_loss_of_before_takes_no_cent_of_a_meter_that_has_spoken_since(peopled: Engine) -> None:
    """A store was restored a year ago. Five euro that nobody knows are on the new meter: 35 are carried."""
    reports(peopled, "m1", 40 * EUR)
    with writing(peopled) as session:
        mark = StoreMark(last=EntryNamed(1_000, "ab" * 32), root=1)
        assert account_for(session, mark, 1, NOW_MS - 365 * DAY_MS) is not None
    replaced(peopled)
    new, purses = RealMeter("m9", credited_ueur=5 * EUR), PursesHeard()
    new.is_heard(purses)
    book_all(peopled, purses)
    with reading(peopled) as session:
        rows = session.exec(select(PaymentRow)).all()
        assert [row.amount_ueur for row in rows if not row.found] == [35 * EUR]


def test_what_was_carried_over_is_booked_before_any_other_payment(peopled: Engine) -> None:
    """Also where a clock went back between the two."""
    reports(peopled, "m1", 40 * EUR)
    replaced(peopled)
    pay(peopled, "a", "m9", 5 * EUR)
    with writing(peopled) as session:
        row = session.get_one(PaymentRequestRow, "a")
        row.created_ms = 1
        session.add(row)
    new, purses = RealMeter("m9"), PursesHeard()
    new.is_heard(purses)
    book_all(peopled, purses)
    with reading(peopled) as session:
        assert session.get_one(PaymentRow, "carried.1").number == 1
        assert session.get_one(PaymentRow, "a").total_ueur == 45 * EUR


def test_a_late_report_is_told_and_changes_nothing(peopled: Engine) -> None:
    reports(peopled, "m1", 10 * EUR, account(10 * EUR, 0))
    replaced(peopled)
    old = RealMeter("m1", used_ueur=-8 * EUR)
    old.late_report(peopled)
    with reading(peopled) as session:
        found = retired_of(session, "m1")
        assert session.get_one(MeterRow, "m1").balance_ueur == 10 * EUR
    assert found is not None
    assert (found.worth_ueur, found.late_ueur, found.late_ms) == (10 * EUR, 8 * EUR, NOW_MS)
    old.used_ueur = 0
    old.late_report(peopled, number=500)
    with reading(peopled) as session:
        assert retired_of(session, "m1") == found, "an older one that comes later says nothing"


# -- who still speaks -----------------------------------------------------------------------------


def speaks(engine: Engine, at_ms: int) -> None:
    with writing(engine) as session:
        row = session.get_one(MeterRow, "m1")
        row.last_seen_ms = at_ms
        session.add(row)


@pytest.mark.parametrize("seen_ms", [NOW_MS - HOUR_MS + 1, NOW_MS, NOW_MS + DAY_MS])
def test_a_meter_that_still_speaks_is_refused(peopled: Engine, seen_ms: int) -> None:
    reports(peopled, "m1", 10 * EUR)
    speaks(peopled, seen_ms)
    before = stored(peopled)
    with pytest.raises(RefusedError, match=r"still speaks, \d+ min ago; allowed: once it was silent"):
        replaced(peopled)
    with pytest.raises(RefusedError, match="still speaks, and credit would be in two meters"):
        replaced(peopled, still_speaks=True)
    with pytest.raises(InputError, match="--balance-eur: allowed: without --still-speaks"):
        replaced(peopled, still_speaks=True, display=OldDisplay(0))
    assert stored(peopled) == before
    reports(peopled, "m1", -EUR)
    assert replaced(peopled, still_speaks=True).retired.worth_ueur == -EUR


@pytest.mark.parametrize(
    ("balance", "more", "worth"),
    [
        (EUR // 3, {}, EUR // 3),  # what is left after a refund in whole cents
        (EUR, {}, EUR),
        (EUR + 1, {}, None),
        (EUR, {"lent": 5 * EUR}, -4 * EUR),
        (0, {}, 0),
        (-EUR, {}, -EUR),
    ],
)
def test_a_rest_stays_on_a_meter_that_speaks_and_is_not_paid_again(
    peopled: Engine, balance: int, more: dict[str, int], worth: int | None
) -> None:
    reports(peopled, "m1", balance, account(balance, 0, **more))
    speaks(peopled, NOW_MS)
    if worth is None:
        with pytest.raises(RefusedError, match=r"at most 1\.00 EUR on its purse"):
            replaced(peopled, still_speaks=True)
        return
    done = replaced(peopled, still_speaks=True)
    assert (done.retired.worth_ueur, done.retired.spoke) == (worth, True)
    assert (done.retired.payment, done.paid) == (None, None)
    stays = "still spoke: the household goes on using them there" in worth_in_words(done.retired)
    assert stays == (worth > 0)


def test_a_rest_that_is_being_refunded_does_not_stay(peopled: Engine) -> None:
    """The household would have it in cash, and use it there."""
    reports(peopled, "m1", EUR, account(EUR, 0))
    speaks(peopled, NOW_MS)
    with act_of(peopled, DORA) as act:
        order = refund_out_of(act, "m1", EUR // 2).order
    with act_of(peopled, ERIC) as act:
        order_acts.sign(act, order.id)
    with pytest.raises(RefusedError, match="no payment that waits or refund"):
        replaced(peopled, still_speaks=True)


def test_a_meter_that_was_silent_for_an_hour_speaks_no_more(peopled: Engine) -> None:
    reports(peopled, "m1", 10 * EUR)
    speaks(peopled, NOW_MS - HOUR_MS)
    assert replaced(peopled).new


def test_a_payment_on_its_way_to_a_meter_that_still_speaks_is_not_carried_over(peopled: Engine) -> None:
    reports(peopled, "m1", 0)
    speaks(peopled, NOW_MS)
    pay(peopled, "p1", "m1", EUR)
    with pytest.raises(RefusedError, match="and no payment that waits"):
        replaced(peopled, still_speaks=True)


# -- protection, and what may harm ----------------------------------------------------------------


def test_one_person_takes_all_protection_over_and_nothing_that_is_the_fleets(peopled: Engine) -> None:
    reports(peopled, "m1", 0)
    ends_ms = NOW_MS + 9 * DAY_MS
    with act_of(peopled, now_ms=NOW_MS - DAY_MS) as act:
        for flag in FlagName:
            set_household_flag(act, "m1", flag)
        sheet, alone = act.sheet(Kind.HOLD, "own"), Scope(meters=("m1",))
        medical = HoldKind.MEDICAL
        act.submit(declare_moratorium(sheet, "own", NOW_MS - DAY_MS, ends_ms, alone, medical))
        declare(act, "two", NOW_MS - DAY_MS, ends_ms, Scope(meters=("m1", "m7")))
        declare(act, "all", NOW_MS - DAY_MS, ends_ms)
        declare(act, "over", NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS, Scope(meters=("m1",)))
        release_meter(act, "m1", 48)
    before = protecting(peopled, "m1")
    done = replaced(peopled)
    assert {each.state for each in done.carried.protection} == {OrderState.ACTIVE}
    names = {*before} - {"hold/all", "hold/over"}
    after = protecting(peopled, "m9")
    assert {*after} == names
    holds = {name for name in names if name.startswith("hold/")}
    assert {name: after[name] for name in holds} == {name: before[name] for name in holds}
    orders = {each.order.object: each.order for each in done.carried.protection}
    assert body_of(orders["hold/own"], HoldBody).hold_kind is HoldKind.MEDICAL
    (hours,) = [each for each in orders.values() if each.kind == "release"]
    assert json.loads(bytes(hours.body)) == {"hours": 48}
    assert (done.carried.drafts, done.carried.left) == ((), ())


def test_debt_and_parameters_are_drafted_for_what_is_left_of_them(peopled: Engine) -> None:
    debt = DebtBody(100 * EUR, 350, 5 * EUR, 9 * EUR, 30)
    with act_of(peopled, DORA, NOW_MS - DAY_MS) as act:
        orders = [
            set_debt(act, "m1", debt).order.id,
            set_parameters(act, "m1", ParametersBody(NOW_MS - DAY_MS, PaymentMode.CREDIT, ("a",))).order.id,
            set_parameters(act, "m1", ParametersBody(NOW_MS + DAY_MS, back_to=0)).order.id,
        ]
        waits = set_debt(act, "m1", DebtBody(1, 0)).order.id
    for order in orders:
        with act_of(peopled, ERIC, NOW_MS - DAY_MS) as act:
            order_acts.sign(act, order)
            # The meter has it: a later version takes nothing of it away.
            for row in act.session.exec(select(DeliveryRow).where(DeliveryRow.order_id == order)):
                row.state = DeliveryState.STORED
                act.session.add(row)
    reports(peopled, "m1", 0, account(0, 30 * EUR, debt=100 * EUR, recovered=30 * EUR))
    done = replaced(peopled)
    assert {each.state for each in done.carried.drafts} == {OrderState.DRAFT}
    (first, *sets) = [each.order for each in done.carried.drafts]
    assert body_of(first, DebtBody) == DebtBody(70 * EUR, 350, 5 * EUR, 9 * EUR, 30)
    assert [body_of(each, ParametersBody) for each in sets] == [
        ParametersBody(NOW_MS - DAY_MS, PaymentMode.CREDIT, ("a",)),
        ParametersBody(NOW_MS + DAY_MS),
    ]
    assert done.carried.left == (f"{waits} debt/m1",)
    with reading(peopled) as session:
        assert session.get_one(OrderRow, waits).state == OrderState.WITHDRAWN


def test_a_debt_of_which_nobody_knows_the_rest_is_told_as_left(peopled: Engine) -> None:
    with act_of(peopled, DORA) as act:
        order = set_debt(act, "m1", DebtBody(100 * EUR, 350)).order.id
    with act_of(peopled, ERIC) as act:
        order_acts.sign(act, order)
    reports(peopled, "m1", 0)
    assert replaced(peopled).carried.left == (f"{order} debt/m1",)


# -- who may come, and who is out -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "more", "words"),
    [
        ("m1", {}, "is the old one; allowed: the id of another meter"),
        ("m2", {}, f"is at EAN {ean(2)}; allowed: one connection"),
        ("m7", {}, "has had payment p7; allowed: a meter without any"),
        ("m9", {"ean": ean(2)}, f"EAN {ean(2)}: has meter m2, not m1"),
        ("m9", {"ean": ean(9)}, f"EAN {ean(9)}: no household is known"),
        ("m9", {"old": "m2", "ean": ean(2)}, f"`relance meters commission m9 --ean {ean(2)}`"),
    ],
)
def test_a_wrong_meter_is_refused_and_changes_nothing(
    peopled: Engine, new: str, more: dict[str, str], words: str
) -> None:
    reports(peopled, "m1", 10 * EUR)
    pay(peopled, "p7", "m7", EUR)
    before = stored(peopled)
    with pytest.raises((RefusedError, InputError)) as caught:
        replaced(peopled, new, None, **more)
    assert words in str(caught.value)
    assert stored(peopled) == before
    with reading(peopled) as session:
        assert session.exec(select(RetiredRow)).all() == []


def test_a_meter_that_was_replaced_never_comes_back_under_its_id(peopled: Engine) -> None:
    reports(peopled, "m1", 10 * EUR)
    replaced(peopled)
    with pytest.raises(RefusedError, match="was replaced by m9, to which its money went"):
        admit_meters(peopled, ["m1"], "k1", ANNA, NOW_MS)
    with pytest.raises(RefusedError, match="was replaced; allowed: m9"):
        commission(peopled, "m1", ean(2), None, ANNA, NOW_MS)


def test_the_new_meters_secrets_are_written_and_a_file_that_is_there_undoes_all(
    peopled: Engine, tmp_path: Path
) -> None:
    reports(peopled, "m1", 10 * EUR)
    out = SecretFile(path=tmp_path / "m9.json", fleet_key=bytes(32), root=b'{"payload":"x"}')
    out.path.write_text("mine")
    before = stored(peopled)
    with pytest.raises(InputError, match="exists already"):
        replaced(peopled, out=out)
    assert (stored(peopled), out.path.read_text()) == (before, "mine")
    out.path.unlink()
    replaced(peopled, out=out)
    assert json.loads(out.path.read_text())["meter"] == "m9"
    with reading(peopled) as session:
        assert session.get_one(HouseholdRow, ean(1)).flags == "medical"
        assert session.exec(select(DeliveryRow).where(DeliveryRow.meter == "m1")).all() == []
