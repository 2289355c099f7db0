"""A meter is taken out of the fleet: nothing is sent to it or waits for it, and what was owed is told."""

import msgspec
import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from controller.connections.readmitting import admit_meters
from controller.connections.removing import Removed, remove_meter
from controller.connections.retiring import list_retired
from controller.database.engine import reading, writing
from controller.database.tables import DeliveryRow, LinkRow, MeterRow, OrderRow, OutboxRow
from controller.exchange.purses import PursesHeard
from controller.exchange.words import IntakeRefusal
from controller.households.commissioning import commission
from controller.households.flags_due import flags_due
from controller.leases.views import lease_status
from controller.meters.admission import count_left_speaking, list_quarantine
from controller.meters.choosing import METER_FIELDS
from controller.meters.views import count_meters, list_meters, meter_names
from controller.moratoriums.acts import declare
from controller.moratoriums.views import list_holds
from controller.office.audit import recent, verify_audit
from controller.orders.acting import acting
from controller.orders.life import OrderState
from controller.orders.progress import Progress
from controller.orders.store import targets
from controller.orders.upkeep import keep_up
from controller.payments.requests import RequestState
from controller.payments.store import payments_of
from controller.query.rules import read_query
from controller.releases.acts import release_all, release_meter
from controller.releases.views import reached
from controller.service.views import overview
from protocols.documents.orders import Scope
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS, HOUR_MS
from tests.controller.connections.bench import (
    ANNA,
    EUR,
    NOW_MS,
    RealMeter,
    account,
    act_of,
    book_all,
    pay,
    reports,
)
from tests.controller.exchange.spoken import holdings
from tests.controller.exchange.test_forgeries import holds
from tests.controller.exchange.test_intake import KEY, arrival, reported, take
from tests.controller.households.households import ean, stored
from tests.emulator.firmware.guarded.workbench import ROOT


def removed(engine: Engine, meter: str = "m1", **more: bool) -> Removed:
    with act_of(engine) as act:
        return remove_meter(act, meter, **more)


@pytest.mark.parametrize("balance", [None, 0, 12_340_000, -3_500_000])
def test_what_is_on_the_purse_is_told_and_an_unknown_balance_is_unknown(
    peopled: Engine, balance: int | None
) -> None:
    if balance is not None:
        reports(peopled, "m1", balance)
    done = removed(peopled)
    assert (done.new, done.retired.worth_ueur, done.retired.successor) == (True, balance, None)
    assert stored(peopled)[ean(1)]["meter"] == ean(1), "the connection stays, without a meter"
    again = removed(peopled)
    assert (again.new, again.retired) == (False, done.retired)
    with reading(peopled) as session:
        assert list_retired(session) == [done.retired]
        acts = [entry.act for entry in recent(session) if entry.act.act == "remove"]
        assert verify_audit(session) is None
    assert [(act.subject, act.detail["worth_ueur"]) for act in acts] == [("m1", balance)]


def test_nothing_waits_for_it_any_longer_and_its_ledger_stays(peopled: Engine) -> None:
    reports(peopled, "m1", 0)
    pay(peopled, "p1", "m1", EUR)
    with act_of(peopled) as act:
        declare(act, "covid", NOW_MS, NOW_MS + 30 * DAY_MS)
        declare(act, "two", NOW_MS, NOW_MS + 30 * DAY_MS, Scope(meters=("m1", "m7")))
        everybody = release_all(act, 24).order.id
        own = release_meter(act, "m1", 24).order.id
    done = removed(peopled)
    assert done.retired.worth_ueur == EUR, "a payment that nobody has booked is owed"
    assert done.left == (f"{own} release/{ANNA.signer.keyid}",)
    query = read_query("link==k1", METER_FIELDS, "--where")
    with reading(peopled) as session:
        alone = {view.name: view.progress for view in list_holds(session)}
        assert alone == dict.fromkeys(("covid", "two"), Progress(stored=0, sent=0, refused=0, unknown=1))
        assert targets(session, Scope(fleet=True)) == ["m7"]
        assert targets(session, Scope(meters=("m1", "m7"))) == ["m7"]
        assert meter_names(session, query, NOW_MS) == ("m7",)
        assert reached(session, [everybody]).over == 1, "`release --wait` waits for m7 alone"
        assert session.get_one(OrderRow, own).state == OrderState.SUPERSEDED
        assert not session.exec(select(OutboxRow).where(OutboxRow.meter == "m1")).all()
        found = overview(session, ROOT, NOW_MS)
        assert (found.meters, found.flags_due) == (1, 0)
        assert [each.meter for each in lease_status(session, NOW_MS)] == ["m7"]
        assert [each.spoken for each in flags_due(session, NOW_MS)] == [False]
        assert [view.id for view in list_meters(session, now_ms=NOW_MS)] == [ean(1), "m2", "m7"]
        assert count_meters(session, now_ms=NOW_MS) == 3
        assert payments_of(session, "m1") == []


def test_an_order_that_it_has_is_not_sent_again(peopled: Engine) -> None:
    with act_of(peopled) as act:
        order = declare(act, "two", NOW_MS, NOW_MS + 30 * DAY_MS, Scope(meters=("m1", "m7"))).order.id
    with writing(peopled) as session:
        for row in session.exec(select(DeliveryRow).where(DeliveryRow.order_id == order)):
            row.state, row.sent_ms, row.stored_ms = "stored", NOW_MS, NOW_MS
            session.add(row)
        for message in session.exec(select(OutboxRow)):
            session.delete(message)
    removed(peopled)
    with writing(peopled) as session:
        assert keep_up(session, NOW_MS + HOUR_MS, None).retried == 1
        assert [row.meter for row in session.exec(select(OutboxRow))] == ["m7"]


def test_it_must_be_silent_and_somebody_says_why(peopled: Engine) -> None:
    with writing(peopled) as session:
        row = session.get_one(MeterRow, "m1")
        row.last_seen_ms = NOW_MS
        session.add(row)
    with pytest.raises(RefusedError, match="still speaks, 0 min ago"):
        removed(peopled)
    done = removed(peopled, still_speaks=True)
    assert (done.new, done.retired.spoke) == (True, True)
    with acting(peopled, ROOT, ANNA, NOW_MS) as act, pytest.raises(InputError, match="--basis"):
        remove_meter(act, "m7")
    with pytest.raises(RefusedError, match="no such meter"):
        removed(peopled, "m99")


def test_its_words_change_nothing_and_are_shown_until_a_person_admits_it(peopled: Engine) -> None:
    removed(peopled)
    late = msgspec.structs.replace(reported(7), balance_ueur=5 * EUR)
    refused = take(peopled, arrival(late), holdings(KEY, holds(8)))
    assert refused == {IntakeRefusal.NOT_ADMITTED: 2}
    with reading(peopled) as session:
        row = session.get_one(MeterRow, "m1")
        assert (row.balance_ueur, row.report_number, row.holds_number) == (None, 0, 0)
        assert [(each.name, each.why) for each in list_quarantine(session)] == [("meter/m1", "retired")]
        assert [each.late_ueur for each in list_retired(session)] == [5 * EUR]
        heard_ms = list_quarantine(session)[0].last_ms
        assert [count_left_speaking(session, heard_ms - 1), count_left_speaking(session, heard_ms)] == [1, 0]
        assert session.exec(select(OutboxRow)).all() == []
    for act in (
        lambda: pay(peopled, "p1", "m1", EUR),
        lambda: commission(peopled, "m1", ean(1), None, ANNA, NOW_MS),
    ):
        with pytest.raises(RefusedError, match="`relance meters admit m1` brings it back"):
            act()
    assert admit_meters(peopled, ["m1"], None, ANNA, NOW_MS).new == ("m1",)
    assert take(peopled, arrival(late)) == {}
    with reading(peopled) as session:
        assert session.get_one(MeterRow, "m1").balance_ueur == 5 * EUR
        assert (list_retired(session), list_quarantine(session)) == ([], [])
    assert commission(peopled, "m1", ean(1), None, ANNA, NOW_MS).new


def test_a_meter_that_a_person_admitted_and_nobody_heard_is_removed_too(peopled: Engine) -> None:
    commission(peopled, "m5", ean(2), "k1", ANNA, NOW_MS)
    assert removed(peopled, "m5").new
    assert take(peopled, arrival(msgspec.structs.replace(reported(1), meter="m5"))) == {
        IntakeRefusal.NOT_ADMITTED: 1
    }
    with reading(peopled) as session:
        assert session.exec(select(DeliveryRow).where(col(DeliveryRow.meter) == "m5")).all() == []


@pytest.mark.parametrize("commissioned", [False, True])
def test_a_meter_of_which_nobody_ever_heard_makes_room(peopled: Engine, *, commissioned: bool) -> None:
    meter = "m2"
    if commissioned:
        meter = "m3"
        assert commission(peopled, meter, ean(2), None, ANNA, NOW_MS).link is None
    done = removed(peopled, meter)
    assert (done.new, done.retired.ean, done.retired.worth_ueur) == (True, ean(2), None)
    assert stored(peopled)[ean(2)]["meter"] == ean(2)
    with reading(peopled) as session:
        assert list_retired(session) == []
        act = recent(session)[0].act
    assert (act.act, act.subject, act.detail) == ("remove", meter, {"ean": ean(2), "worth_ueur": None})
    with pytest.raises(RefusedError, match="no such meter"):
        removed(peopled, meter)
    with pytest.raises(RefusedError):
        removed(peopled, ean(2))
    assert commission(peopled, "m5", ean(2), "k1", ANNA, NOW_MS).new


def test_a_meter_that_is_named_by_its_ean_is_expected_again(peopled: Engine) -> None:
    with writing(peopled) as session:
        session.add(LinkRow(id="k2", state="online", sequence=1, meters=1, seen_ms=1))
        session.flush()
        session.add(MeterRow(id=ean(2), link="k2", first_seen_ms=1))
    commissioned = commission(peopled, ean(2), ean(2), None, ANNA, NOW_MS)
    assert commissioned.new
    assert removed(peopled, ean(2)).new
    with reading(peopled) as session:
        listed = {view.id: view.expected for view in list_meters(session, now_ms=NOW_MS)}
    assert listed == {"m1": False, "m7": False, ean(2): True}
    assert commission(peopled, "m8", ean(2), "k2", ANNA, NOW_MS).new


# -- it comes back --------------------------------------------------------------------------------


def test_what_was_only_asked_for_waits_again_when_it_comes_back(peopled: Engine) -> None:
    reports(peopled, "m1", 2 * EUR)
    pay(peopled, "p1", "m1", 9 * EUR)
    assert removed(peopled).retired.worth_ueur == 11 * EUR
    (back,) = admit_meters(peopled, ["m1"], None, ANNA, NOW_MS).back
    assert (back.worth_ueur, back.waits_ueur, back.sent) == (11 * EUR, 9 * EUR, ())
    assert pay(peopled, "p1", "m1", 9 * EUR).state is RequestState.REQUESTED
    meter, purses = RealMeter("m1"), PursesHeard()
    for _ in range(2):
        meter.is_heard(purses)
        book_all(peopled, purses)
        meter.receive(peopled)
    assert meter.credited_ueur == 9 * EUR
    assert pay(peopled, "p1", "m1", 9 * EUR).state is RequestState.BOOKED


def test_a_statement_on_its_way_is_sent_again_when_it_comes_back_and_not_before(peopled: Engine) -> None:
    meter, purses = RealMeter("m1"), PursesHeard()
    meter.is_heard(purses)
    pay(peopled, "p1", "m1", 9 * EUR)
    book_all(peopled, purses)
    reports(peopled, "m1", 0, account(0, 0))
    assert removed(peopled).retired.worth_ueur == 9 * EUR
    with writing(peopled) as session:
        keep_up(session, NOW_MS + HOUR_MS, None)
        assert session.exec(select(OutboxRow)).all() == []
    (back,) = admit_meters(peopled, ["m1"], None, ANNA, NOW_MS + HOUR_MS).back
    with reading(peopled) as session:
        (message,) = session.exec(select(OutboxRow)).all()
        assert back.sent == (message.order_id,)
        assert message.meter == "m1"
    again = admit_meters(peopled, ["m1"], None, ANNA, NOW_MS + HOUR_MS)
    assert (again.new, again.back) == ((), ())


def test_a_statement_that_the_meter_has_is_not_sent_again(peopled: Engine) -> None:
    meter, purses = RealMeter("m1"), PursesHeard()
    meter.is_heard(purses)
    pay(peopled, "p1", "m1", 9 * EUR)
    book_all(peopled, purses)
    meter.receive(peopled)
    meter.report(peopled, with_account=True)
    removed(peopled)
    (back,) = admit_meters(peopled, ["m1"], None, ANNA, NOW_MS).back
    assert (back.sent, back.waits_ueur, back.worth_ueur) == ((), 0, 9 * EUR)


def test_the_second_time_that_it_leaves_the_same_is_owed(peopled: Engine) -> None:
    reports(peopled, "m1", 2 * EUR)
    pay(peopled, "p1", "m1", 9 * EUR)
    removed(peopled)
    admit_meters(peopled, ["m1"], None, ANNA, NOW_MS)
    assert removed(peopled).retired.worth_ueur == 11 * EUR
