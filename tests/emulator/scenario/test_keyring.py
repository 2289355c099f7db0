"""A scenario's keyring: keys from the seed, and orders a meter can check against the root."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.events import DocumentChannel
from emulator.scenario.desk import Desk
from emulator.scenario.keyring import Keyring, secret_of
from emulator.scenario.model import (
    CutCalendarSpec,
    FlagSpec,
    HoldSpec,
    ProgrammedCutSpec,
    ReleaseSpec,
    ShortenHoldSpec,
    TopUpSpec,
)
from protocols.documents.bodies import HoldFloorBody, LeaseBody, Named, PaymentBody, RebaseBody
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, OneWayTime, Order, body_of, read_order
from protocols.documents.roles import meets, open_signed, read_root, time_source, write_root
from protocols.instants import DAY_MS, ms_from_iso
from protocols.reasons import FlagName, Refusal, Source
from protocols.spans import Window

AT_MS = ms_from_iso("2020-07-02T20:00:00Z")
KEYRING = Keyring(7, AT_MS + DAY_MS)
CALENDAR = CutCalendarSpec(
    "daily 08:00-09:00", "UTC", "none", AT_MS + 9 * DAY_MS, (Window(AT_MS, AT_MS + 1),), ()
)


def lease(desk: Desk, *missing: str) -> bytes:
    calendar, _ = desk.write_calendar(CALENDAR, AT_MS)
    envelope = desk.write_lease(calendar, missing, AT_MS)
    assert isinstance(envelope, bytes), envelope
    return envelope


Write = Callable[[Desk], bytes]
WRITINGS: dict[Kind, Write] = {
    Kind.HOLD: lambda desk: desk.write_hold(HoldSpec("h", AT_MS, AT_MS + DAY_MS, 1), AT_MS),
    Kind.RELEASE: lambda desk: desk.write_release(ReleaseSpec(72), AT_MS),
    Kind.PAYMENT: lambda desk: desk.write_payment(TopUpSpec("p", 1, DocumentChannel.CODE), AT_MS),
    Kind.EMERGENCY_CREDIT: lambda desk: desk.write_emergency_credit(AT_MS),
    Kind.SET_FLAG: lambda desk: desk.write_flag(FlagSpec(FlagName.MEDICAL, True), AT_MS),
    Kind.CANCEL_CUT: lambda desk: desk.write_cancel("c", AT_MS),
    Kind.CUT_CALENDAR: lambda desk: desk.write_calendar(CALENDAR, AT_MS)[1],
    Kind.CUT_ORDER: lambda desk: desk.write_cut(ProgrammedCutSpec("c", None, AT_MS, AT_MS + DAY_MS), AT_MS),
    Kind.SHORTEN_HOLD: lambda desk: desk.write_shortening(ShortenHoldSpec("h", AT_MS + 1, 2), AT_MS),
    Kind.LIFT_HOLD: lambda desk: desk.write_lift("h", 2, AT_MS),
    Kind.CLEAR_FLAG: lambda desk: desk.write_flag(FlagSpec(FlagName.MEDICAL, False), AT_MS),
    Kind.REBASE: lambda desk: desk.write_rebase("", AT_MS),
    Kind.LEASE: lease,
}


def desk_of(meter: str = "m1", keyring: Keyring = KEYRING) -> Desk:
    return Desk(keyring, meter)


def opened(envelope: bytes) -> Order:
    return read_order(open_signed(envelope, KEYRING.root, ORDER_TYPE).payload)


def acknowledge(desk: Desk, envelope: bytes) -> None:
    desk.receive_receipt(opened(envelope).id)


def test_the_root_is_one_that_meters_take() -> None:
    assert read_root(write_root(KEYRING.root)) == KEYRING.root


@given(st.integers(0, 2**63 - 1))
def test_the_same_seed_makes_the_same_office_and_another_seed_another(seed: int) -> None:
    assert Keyring(seed, AT_MS).root == Keyring(seed, AT_MS).root
    assert Keyring(seed, AT_MS).root.keys.keys().isdisjoint(Keyring(seed + 1, AT_MS).root.keys)
    assert secret_of(seed, "a") != secret_of(seed, "b")


@pytest.mark.parametrize("kind", sorted(WRITINGS))
def test_every_order_is_signed_by_as_many_as_its_role_needs_and_is_well_formed(kind: Kind) -> None:
    envelope = WRITINGS[kind](desk_of())
    signed = open_signed(envelope, KEYRING.root, ORDER_TYPE)
    order = opened(envelope)
    assert order.kind is kind
    assert order.scope.meters == ("m1",)
    assert order.issued_at_ms == AT_MS
    assert meets(signed, KEYRING.root, KINDS[kind].role)


@pytest.mark.parametrize(("signatures", "enough"), [(0, False), (1, False), (2, True), (3, True)])
def test_signatures_are_distinct_holders_of_the_role(signatures: int, *, enough: bool) -> None:
    signed = open_signed(desk_of().write_lift("h", signatures, AT_MS), KEYRING.root, ORDER_TYPE)
    assert len(signed.holders(Role.HARM)) == signatures
    assert meets(signed, KEYRING.root, Role.HARM) is enough


@pytest.mark.parametrize("source", list(Source))
def test_a_time_is_signed_by_its_own_authority(source: Source) -> None:
    envelope = KEYRING.seal_time(source, OneWayTime(number=1, time_ms=AT_MS, spread_ms=1_000))
    assert time_source(open_signed(envelope, KEYRING.root, TIME_TYPE), KEYRING.root) is source


def test_revisions_count_per_object_and_meter() -> None:
    desk, other = desk_of("m1"), desk_of("m2")
    hold = HoldSpec("a", AT_MS, AT_MS + 1, 1)
    revs = [
        opened(desk.write_hold(hold, AT_MS)).rev,
        opened(desk.write_hold(hold, AT_MS)).rev,
        opened(desk.write_hold(HoldSpec("b", AT_MS, AT_MS + 1, 1), AT_MS)).rev,
        opened(desk.write_lift("a", 2, AT_MS)).rev,
        opened(other.write_hold(hold, AT_MS)).rev,
    ]
    assert revs == [1, 2, 1, 3, 1]


def test_the_same_payment_id_is_the_same_statement_and_totals_run_on() -> None:
    desk = desk_of()
    first = desk.write_payment(TopUpSpec("p1", 20, DocumentChannel.MQTT), AT_MS)
    second = desk.write_payment(TopUpSpec("p2", 5, DocumentChannel.CARD), AT_MS + 1)
    again = desk.write_payment(TopUpSpec("p1", 20, DocumentChannel.CARD), AT_MS + 2)
    assert again == first
    assert body_of(opened(first), PaymentBody) == PaymentBody("controller", 1, 20)
    assert body_of(opened(second), PaymentBody) == PaymentBody("controller", 2, 25)


def test_the_issuers_key_is_its_own_in_each_epoch_and_none_of_the_root() -> None:
    keys = [KEYRING.issuer(epoch).public.hex() for epoch in (1, 2)]
    assert len(set(keys)) == 2
    assert not set(keys) & {key.public for key in KEYRING.root.keys.values()}


def test_a_lease_names_what_the_meter_has_acknowledged_and_nothing_else() -> None:
    desk = desk_of()
    hold = HoldSpec("a", AT_MS, AT_MS + DAY_MS, 1)
    assert body_of(opened(lease(desk)), LeaseBody).names == ()
    desk.write_hold(hold, AT_MS)  # never acknowledged
    for _ in range(2):
        acknowledge(desk, desk.write_hold(hold, AT_MS))
    acknowledge(desk, desk.write_flag(FlagSpec(FlagName.MEDICAL, True), AT_MS))
    acknowledge(desk, desk.write_release(ReleaseSpec(24), AT_MS))
    assert body_of(opened(lease(desk)), LeaseBody).names == (
        Named("flag/medical", 0, (1,)),
        Named("hold/a", 0, (2, 3)),
        Named(f"release/{KEYRING.releasing_key}", 0, (1,)),
    )
    acknowledge(desk, desk.write_lift("a", 2, AT_MS))
    assert Named("hold/a", 4, ()) in body_of(opened(lease(desk)), LeaseBody).names


def test_a_lease_can_name_holds_that_never_arrived() -> None:
    desk = desk_of()
    acknowledge(desk, desk.write_hold(HoldSpec("a", AT_MS, AT_MS + DAY_MS, 1), AT_MS))
    names = body_of(opened(lease(desk, "a", "b")), LeaseBody).names
    assert names == (Named("hold/a", 0, (1, 2)), Named("hold/b", 0, (1,)))


def test_there_is_no_lease_while_revisions_are_merged() -> None:
    desk = desk_of()
    for _ in range(17):
        acknowledge(desk, desk.write_hold(HoldSpec("a", AT_MS, AT_MS + DAY_MS, 1), AT_MS))
    calendar, _ = desk.write_calendar(CALENDAR, AT_MS)
    assert desk.write_lease(calendar, (), AT_MS) is Refusal.TOO_MANY


@pytest.mark.parametrize(
    ("until_ms", "from_ms"),
    [(AT_MS + 100, AT_MS - 500), (AT_MS - 500, AT_MS - 1_500), (AT_MS - 9_000, AT_MS - 10_000)],
)
def test_a_shortened_hold_begins_where_it_began_and_always_before_its_end(
    until_ms: int, from_ms: int
) -> None:
    desk = desk_of()
    acknowledge(desk, desk.write_hold(HoldSpec("a", AT_MS - 500, AT_MS + DAY_MS, 1), AT_MS))
    order = opened(desk.write_shortening(ShortenHoldSpec("a", until_ms, 2), AT_MS))
    assert body_of(order, HoldFloorBody) == HoldFloorBody(from_ms, until_ms)


def test_a_rebase_names_the_dispute() -> None:
    order = opened(desk_of().write_rebase("0123456789abcdef", AT_MS))
    assert body_of(order, RebaseBody).nonce == "0123456789abcdef"
