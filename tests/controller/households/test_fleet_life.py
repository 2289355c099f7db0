"""A meter comes to a connection, and a household leaves one: what passes on, and what does not."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import Engine

from controller.connections.moving import MovedOut, list_tenancies, move_out
from controller.connections.removing import remove_meter
from controller.connections.replacing import Wanted, replace_meter
from controller.database.engine import reading, writing
from controller.database.tables import (
    DeliveryRow,
    LinkRow,
    MeterRow,
    PaymentRequestRow,
    PaymentRow,
    Table,
    TenancyRow,
)
from controller.debts.acts import set_debt
from controller.households.acts import set_household_flag
from controller.households.commissioning import Commissioned, SecretFile, commission
from controller.meters.admission import Admission, set_admission
from controller.meters.views import show_meter
from controller.moratoriums.acts import declare
from controller.office.audit import recent
from controller.office.people import Actor
from controller.orders import acts as order_acts
from controller.orders.acting import acting
from controller.orders.active import standing_orders
from controller.orders.life import DeliveryState, OrderState
from controller.orders.standing import Standing, standing_of
from controller.parameters.acts import set_parameters
from controller.payments.requests import RequestState
from controller.refunds.acts import refund_out_of
from emulator.fleet.building import identity_of
from protocols.documents.accounts import Account
from protocols.documents.bodies import Body, DebtBody, ParametersBody, RefundBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Scope, body_of
from protocols.errors import InputError, RefusedError
from protocols.instants import DAY_MS, HOUR_MS
from protocols.reasons import FlagName, PaymentMode
from tests.controller.connections.bench import account
from tests.controller.households.households import ean, stored, take_file
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS

NOW_MS = MONDAY_MS + 10 * DAY_MS
ANNA, DORA, ERIC = (Actor(name, SIGNERS[name]) for name in ("anna", "dora", "eric"))
HEADS = "ean,meter,area,category,link,groups,language,flags"


@pytest.fixture
def peopled(engine: Engine) -> Engine:
    """A household at m1, which has spoken, one whose meter is m2, and one without a meter so far."""
    people(engine)
    return engine


def people(engine: Engine) -> None:
    take_file(
        engine,
        HEADS,
        f"{ean(1)},m1,Namur,ordinary,k1,winter,fr,medical",
        f"{ean(2)},m2,Namur,ordinary,,,nl,",
        f"{ean(3)},,Mons,,k9,,,",
    )
    with writing(engine) as session:
        session.add(LinkRow(id="k1", state="online", sequence=1, meters=1, seen_ms=1))
        session.flush()
        for name in ("m1", "m7"):
            meter = MeterRow(id=name, link="k1", first_seen_ms=1, balance_ueur=-3_500_000)
            meter.reported_ms = NOW_MS - HOUR_MS
            session.add(meter)


def leave(engine: Engine, name: str = "m1", on_ms: int = NOW_MS - DAY_MS) -> MovedOut:
    with acting(engine, ROOT, DORA, NOW_MS, "it moved") as act:
        return move_out(act, name, on_ms)


def protect(engine: Engine, *flags: FlagName) -> None:
    with acting(engine, ROOT, ANNA, NOW_MS - 2 * DAY_MS) as act:
        for flag in flags:
            set_household_flag(act, "m1", flag)


def standing(engine: Engine, meter: str = "m1") -> Standing:
    with reading(engine) as session:
        return standing_of(standing_orders(session, (meter,)).get(meter, []), NOW_MS)


def protecting(engine: Engine) -> set[str]:
    found = standing(engine)
    names = {span.name for span in found.forbidding if span.until_ms > NOW_MS}
    return names | ({"flag/protected"} if found.is_protected else set())


# -- a household leaves ---------------------------------------------------------------------------


def test_what_belonged_to_the_household_does_not_pass_on_and_the_place_stays(peopled: Engine) -> None:
    moved = leave(peopled)
    row = stored(peopled)[ean(1)]
    assert row == {"ean": ean(1), "meter": "m1", "area": "Namur", "link": "k1", "groups": "winter"}
    assert moved.groups == ("winter",)
    left = moved.tenancy
    assert (left.number, left.meter, left.until_ms, left.recorded_by) == (1, "m1", NOW_MS - DAY_MS, "dora")
    assert (left.balance_ueur, left.reported_ms) == (-3_500_000, NOW_MS - HOUR_MS)
    with reading(peopled) as session:
        assert list_tenancies(session, ean(1)) == [left]
        assert session.get_one(TenancyRow, (ean(1), 1)).flags == "medical"
        act = recent(session)[0].act
    assert (act.act, act.actor, act.subject) == ("move_out", "dora", "m1")
    sums = {"balance_ueur": -3_500_000, "owed_ueur": -3_500_000, "coming_ueur": 0}
    assert act.detail == {"ean": ean(1), "until_ms": NOW_MS - DAY_MS} | sums


FLAGS = st.sets(st.sampled_from(FlagName))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(flags=FLAGS, own=st.booleans(), fleet=st.booleans())
def test_one_person_takes_no_protection_away_and_two_take_all_of_the_leavers(
    engine: Engine, flags: set[FlagName], *, own: bool, fleet: bool
) -> None:
    with writing(engine) as session:
        for table in reversed(Table.metadata.sorted_tables):
            session.execute(table.delete())
    people(engine)
    protect(engine, *flags)
    spans = {"own": Scope(meters=("m1",))} if own else {}
    spans |= {"all": Scope(fleet=True)} if fleet else {}
    with acting(engine, ROOT, ANNA, NOW_MS - 2 * DAY_MS) as act:
        for name, scope in spans.items():
            declare(act, name, NOW_MS - 2 * DAY_MS, NOW_MS + 9 * DAY_MS, scope)
    before = protecting(engine)
    assert before == {f"flag/{flag}" for flag in flags} | {f"hold/{name}" for name in spans}
    moved = leave(engine)
    assert protecting(engine) == before, "one person has signed"
    assert {each.state for each in moved.drafts} <= {OrderState.DRAFT}
    for draft in moved.drafts:
        with acting(engine, ROOT, ERIC, NOW_MS) as act:
            order_acts.sign(act, draft.order.id)
    assert protecting(engine) == before & {"hold/all"}


def test_a_move_that_would_take_anothers_payment_is_refused_and_changes_nothing(peopled: Engine) -> None:
    with writing(peopled) as session:
        session.add(
            PaymentRow(
                id="till-7",
                meter="m1",
                issuer="c",
                amount_ueur=1,
                number=1,
                total_ueur=1,
                created_by="anna",
                created_ms=NOW_MS - HOUR_MS,
            )
        )
    before = stored(peopled)
    with pytest.raises(RefusedError, match=r"payment till-7 was taken at .*, after the move"):
        leave(peopled)
    assert stored(peopled) == before
    assert leave(peopled, on_ms=NOW_MS - HOUR_MS).tenancy.number == 1


def request(engine: Engine, state: str, at_ms: int, *, booked_ms: int | None = None) -> None:
    """A clerk asked for a payment at an instant; the service may have booked it later."""
    with writing(engine) as session:
        session.add(
            PaymentRequestRow(
                id="till-8",
                meter="m1",
                amount_ueur=1,
                envelope=b"",
                state=state,
                created_by="anna",
                created_ms=at_ms,
            )
        )
        if booked_ms is not None:
            session.add(
                PaymentRow(
                    id="till-8",
                    meter="m1",
                    issuer="c",
                    amount_ueur=1,
                    number=1,
                    total_ueur=1,
                    created_by="anna",
                    created_ms=booked_ms,
                )
            )


def test_a_payment_counts_from_when_it_was_asked_for(peopled: Engine) -> None:
    request(peopled, RequestState.BOOKED, NOW_MS - 2 * DAY_MS, booked_ms=NOW_MS - HOUR_MS)
    assert leave(peopled).tenancy.number == 1


@pytest.mark.parametrize("state", list(RequestState))
def test_a_payment_that_is_only_asked_for_counts_unless_it_was_refused(
    peopled: Engine, state: RequestState
) -> None:
    request(peopled, state, NOW_MS - HOUR_MS)
    if state is RequestState.REFUSED:
        assert leave(peopled).tenancy.number == 1
    else:
        with pytest.raises(RefusedError, match=r"payment till-8 was taken at .*, after the move"):
            leave(peopled)


def test_moves_come_one_after_the_other_and_none_is_to_come(peopled: Engine) -> None:
    leave(peopled, ean(1), NOW_MS - 2 * DAY_MS)
    with pytest.raises(RefusedError, match=r"a household left on .*; allowed: a later move"):
        leave(peopled, "m1", NOW_MS - 3 * DAY_MS)
    assert leave(peopled).tenancy.number == 2
    with pytest.raises(InputError, match="is to come; allowed: up to now"):
        leave(peopled, "m2", NOW_MS + 1)
    with pytest.raises(RefusedError, match="no household is known"):
        leave(peopled, "m7")


def test_of_a_meter_that_never_spoke_the_purse_is_not_known(peopled: Engine) -> None:
    left = leave(peopled, "m2").tenancy
    assert (left.balance_ueur, left.reported_ms) == (None, None)


# -- money and terms of the leaver's --------------------------------------------------------------


def drafted(moved: MovedOut) -> dict[str, object]:
    """What the drafts say, by the kind of each."""
    bodies: dict[Kind, type[Body]] = {
        Kind.REFUND: RefundBody,
        Kind.DEBT: DebtBody,
        Kind.PARAMETERS: ParametersBody,
    }
    orders = [each.order for each in moved.drafts]
    return {each.kind.value: body_of(each, bodies[each.kind]) for each in orders if each.kind in bodies}


def balance(engine: Engine, ueur: int, account: Account | None = None) -> None:
    with writing(engine) as session:
        row = session.get_one(MeterRow, "m1")
        row.balance_ueur = ueur
        row.account = None if account is None else msgspec.json.encode(account).decode()
        session.add(row)


@pytest.mark.parametrize(
    ("ueur", "refunded"),
    [(-3_500_000, None), (0, None), (9_999, None), (12_345_678, 12_340_000)],
)
def test_a_move_drafts_that_the_leavers_credit_is_taken_out_in_whole_cents(
    peopled: Engine, ueur: int, refunded: int | None
) -> None:
    balance(peopled, ueur)
    moved = leave(peopled)
    assert drafted(moved) == ({} if refunded is None else {"refund": RefundBody(refunded)})
    assert {each.state for each in moved.drafts} <= {OrderState.DRAFT}


def test_emergency_credit_that_was_lent_is_not_paid_back(peopled: Engine) -> None:
    balance(peopled, 7_000_000, account(7_000_000, 0, lent=5_000_000))
    assert drafted(leave(peopled)) == {"refund": RefundBody(2_000_000)}


@pytest.mark.parametrize("state", [DeliveryState.STORED, DeliveryState.EFFECTIVE])
def test_what_was_paid_back_since_the_last_report_is_not_paid_back_again(
    peopled: Engine, state: DeliveryState
) -> None:
    """The meter has taken the refund; its last report is of before, or its next one shows it."""
    balance(peopled, 5_000_000, account(5_000_000, 5_000_000))
    with acting(peopled, ROOT, DORA, NOW_MS - 2 * HOUR_MS) as act:
        order = refund_out_of(act, "m1", 4_000_000).order
    with acting(peopled, ROOT, ERIC, NOW_MS - 2 * HOUR_MS) as act:
        order_acts.sign(act, order.id)
    with writing(peopled) as session:
        delivery = session.get_one(DeliveryRow, (order.id, "m1"))
        delivery.state = state.value
        session.add(delivery)
    (draft,) = leave(peopled).drafts
    assert body_of(draft.order, RefundBody).total_ueur == (4 + 1) * 1_000_000
    with acting(peopled, ROOT, DORA, NOW_MS) as act:
        order_acts.withdraw(act, draft.order.id)
    balance(peopled, 1_000_000, account(1_000_000, 5_000_000, refunded=4_000_000))
    (draft,) = leave(peopled, on_ms=NOW_MS).drafts
    assert body_of(draft.order, RefundBody).total_ueur == (4 + 1) * 1_000_000


def test_a_refund_that_waits_is_named_and_no_other_is_drafted(peopled: Engine) -> None:
    balance(peopled, 5_000_000)
    with acting(peopled, ROOT, DORA, NOW_MS - 2 * DAY_MS) as act:
        waits = refund_out_of(act, "m1", 1_000_000).order.id
    moved = leave(peopled)
    assert (moved.refund_waits, moved.drafts) == (waits, ())


def test_a_move_drafts_the_end_of_the_debts_share_and_of_the_payment_mode(peopled: Engine) -> None:
    terms = DebtBody(90_000_000, 350, 5_000_000, 9_000_000, 30)
    with acting(peopled, ROOT, DORA, NOW_MS - 2 * DAY_MS) as act:
        mode = ParametersBody(NOW_MS - 2 * DAY_MS, PaymentMode.CREDIT, ("street-7",))
        orders = [set_debt(act, "m1", terms), set_parameters(act, "m1", mode)]
    with acting(peopled, ROOT, ERIC, NOW_MS - 2 * DAY_MS) as act:
        for order in orders:
            order_acts.sign(act, order.order.id)
    assert drafted(leave(peopled)) == {
        "debt": DebtBody(90_000_000, 0, 5_000_000, 9_000_000, 30),
        "parameters": ParametersBody(NOW_MS, groups=("street-7",)),
    }


def test_what_has_no_share_and_no_mode_needs_no_end(peopled: Engine) -> None:
    with acting(peopled, ROOT, DORA, NOW_MS - 2 * DAY_MS) as act:
        groups = ParametersBody(NOW_MS - 2 * DAY_MS, groups=("street-7",))
        orders = [set_debt(act, "m1", DebtBody(1, 0)), set_parameters(act, "m1", groups)]
    with acting(peopled, ROOT, ERIC, NOW_MS - 2 * DAY_MS) as act:
        for order in orders:
            order_acts.sign(act, order.order.id)
    assert leave(peopled).drafts == ()


def test_a_payment_to_the_meter_before_counts_and_what_was_carried_over_from_it_does_not(
    peopled: Engine,
) -> None:
    balance(peopled, 5_000_000)
    request(peopled, RequestState.BOOKED, NOW_MS - 3 * DAY_MS, booked_ms=NOW_MS - HOUR_MS)
    with acting(peopled, ROOT, ANNA, NOW_MS, "work order 7") as act:
        replace_meter(act, Wanted(old="m1", new="m9", ean=ean(1)))
    with pytest.raises(RefusedError, match=r"payment till-8 was taken at .*, after the move"):
        leave(peopled, "m9", NOW_MS - 4 * DAY_MS)
    assert leave(peopled, "m9", NOW_MS - 2 * DAY_MS).tenancy.number == 1


# -- a meter comes --------------------------------------------------------------------------------


def put(
    engine: Engine, meter: str, at: str, link: str | None = None, out: SecretFile | None = None
) -> Commissioned:
    return commission(engine, meter, at, link, ANNA, NOW_MS, out=out)


def test_a_meter_is_put_at_a_connection_once(peopled: Engine) -> None:
    made = put(peopled, "m3", ean(3))
    assert made == Commissioned(meter="m3", ean=ean(3), link="k9", new=True)
    assert put(peopled, "m3", ean(3)).new is False
    with reading(peopled) as session:
        view = show_meter(session, "m3")
        acts = [entry.act.act for entry in recent(session)]
    assert (view.expected, view.link, view.household is not None) == (False, "k9", True)
    assert acts == ["commission", "admit", "import"]
    # The file does not say which meter it is: what was put there stays.
    assert take_file(peopled, HEADS, f"{ean(3)},,Mons,,k9,,,").counts.same == 1


def test_a_meter_that_was_put_at_a_connection_by_mistake_makes_room(peopled: Engine) -> None:
    put(peopled, "m3", ean(3))
    with reading(peopled) as session:
        assert show_meter(session, "m3").last_seen_ms is None
    with pytest.raises(RefusedError, match="has meter m3, which was put there and has not spoken yet"):
        put(peopled, "m4", ean(3))
    with acting(peopled, ROOT, ANNA, NOW_MS, "wrong id") as act:
        remove_meter(act, "m3")
    assert put(peopled, "m4", ean(3)).new is True


def test_a_meter_that_has_spoken_already_stays_at_its_link(peopled: Engine) -> None:
    assert put(peopled, "m7", ean(3), "k2") == Commissioned(meter="m7", ean=ean(3), link="k1", new=True)


@pytest.mark.parametrize(
    ("meter", "at", "words"),
    [
        ("m3", ean(9), f"EAN {ean(9)}: no household is known"),
        ("m1", ean(3), f"is at EAN {ean(1)}; allowed: one connection"),
        ("m3", ean(1), "has meter m1, which is known to speak"),
        ("m2", ean(2), "admission is closed; --link says where it will be"),
    ],
)
def test_a_meter_in_a_wrong_place_is_refused_and_changes_nothing(
    peopled: Engine, meter: str, at: str, words: str
) -> None:
    with writing(peopled) as session:
        set_admission(session, Admission.CLOSED, "anna", NOW_MS)
    before = stored(peopled)
    with pytest.raises(RefusedError) as caught:
        put(peopled, meter, at)
    assert words in str(caught.value)
    assert stored(peopled) == before


def test_what_goes_into_a_meter_is_what_an_emulated_one_has(peopled: Engine, tmp_path: Path) -> None:
    fleet_key = bytes(range(32))
    out = SecretFile(path=tmp_path / "m3.json", fleet_key=fleet_key, root=b'{"payload":"x"}')
    put(peopled, "m3", ean(3), out=out)
    found = json.loads(out.path.read_text())
    identity = identity_of("m3", fleet_key)
    assert bytes.fromhex(found["key"]) == identity.key
    assert {name: bytes.fromhex(key) for name, key in found["asks"].items()} == dict(identity.ask_keys)
    assert (found["meter"], found["ean"], found["root"]) == ("m3", ean(3), {"payload": "x"})
    assert out.path.stat().st_mode & 0o777 == 0o600
    put(peopled, "m3", ean(3), out=structs.replace(out, path=tmp_path / "again.json"))
    with reading(peopled) as session:
        told = [entry.act.detail for entry in recent(session) if entry.act.act == "commission"]
    assert [each["keys_written"] for each in told] == [1, 1], "every copy of the keys is in the audit"
    with pytest.raises(InputError, match="exists already"):
        put(peopled, "m4", ean(2), out=out)
    assert stored(peopled)[ean(2)]["meter"] == "m2", "nothing half done"


def test_no_file_takes_a_meter_that_has_spoken_from_its_connection(peopled: Engine) -> None:
    before = stored(peopled)
    found = take_file(peopled, "ean,meter", f"{ean(1)},m77", f"{ean(2)},m78")
    assert [(each.row, each.column, each.value) for each in found.problems] == [(2, "meter", "m77")]
    assert "the meter that is there, m1" in found.problems[0].allowed
    assert stored(peopled) == before
    # The other one has never spoken.
    assert take_file(peopled, "ean,meter", f"{ean(2)},m78").counts.changed == 1
