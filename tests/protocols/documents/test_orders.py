"""What is written reads back the same; whatever else comes is refused with a DocumentError."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocols.documents.bodies import (
    Body,
    CancelCutBody,
    CutCalendarBody,
    CutOrderBody,
    DebtBody,
    DeferralBody,
    EmergencyCreditBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    Kept,
    KeysBody,
    LeaseBody,
    LiftBody,
    LimiterBody,
    Named,
    ParametersBody,
    PaymentBody,
    RebaseBody,
    RefundBody,
    RegisterPrice,
    ReleaseBody,
    Switch,
    TariffBody,
    VoidBody,
)
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import (
    OneWayTime,
    Order,
    Scope,
    SignedTime,
    TimeAnswer,
    body_of,
    digest_of,
    make_body,
    read_order,
    read_time,
    write_document,
)
from protocols.errors import DocumentError
from protocols.instants import HOUR_MS
from protocols.limits import (
    CLAIM_SPREAD_MS_MAX,
    CLAIM_SPREAD_MS_MIN,
    DEBT_UEUR_MAX,
    ID_CHARS_MAX,
    INSTANT_MS_MAX,
    INSTANT_MS_MIN,
    KEY_GENERATIONS_MAX,
    PAYLOAD_BYTES_MAX,
    RELEASE_HOURS,
    REV_MAX,
    STATEMENT_UEUR_MAX,
)
from protocols.reasons import FlagName, HoldKind, PaymentMode

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
REVS = st.integers(1, REV_MAX)
INSTANTS = st.integers(INSTANT_MS_MIN, INSTANT_MS_MAX)
KEYIDS = st.binary(min_size=32, max_size=32).map(bytes.hex)
SPANS = st.tuples(INSTANTS, INSTANTS).filter(lambda span: span[0] != span[1]).map(sorted)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
NAMED = st.builds(
    Named, IDS.map("hold/".__add__), st.integers(0, REV_MAX), st.lists(REVS, max_size=16).map(tuple)
)
WINDOWS = (
    st.lists(INSTANTS, max_size=20, unique=True)
    .map(sorted)
    .map(lambda edges: tuple(zip(edges[::2], edges[1::2], strict=False)))
)

PRICES = st.integers(0, 10**8)
OBIS = st.from_regex(r"[0-9]{1,3}-[0-9]{1,3}:[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True)
REGISTERS = st.lists(
    st.builds(RegisterPrice, OBIS, PRICES, PRICES), max_size=4, unique_by=lambda each: each.obis
)


@st.composite
def tariffs(draw: st.DrawFn) -> TariffBody:
    """Of any registers, each switch to one of them or to none."""
    registers = draw(REGISTERS)
    edges_ms = sorted(draw(st.lists(INSTANTS, max_size=9, unique=True))) if registers else []
    switches = tuple(Switch(at_ms, draw(st.integers(0, len(registers)))) for at_ms in edges_ms)
    return TariffBody(draw(PRICES), draw(PRICES), tuple(registers), switches)


BODIES: dict[type[Any], st.SearchStrategy[Any]] = {
    HoldBody: SPANS.map(lambda span: HoldBody(span[0], span[1], HoldKind.WINTER)),
    ReleaseBody: st.sampled_from(RELEASE_HOURS).map(ReleaseBody),
    PaymentBody: st.builds(PaymentBody, IDS, REVS, st.integers(0, STATEMENT_UEUR_MAX)),
    EmergencyCreditBody: st.builds(EmergencyCreditBody),
    FlagBody: st.sampled_from(FlagName).map(FlagBody),
    CancelCutBody: st.builds(CancelCutBody, IDS.map("cut/".__add__)),
    CutCalendarBody: st.builds(CutCalendarBody, WINDOWS, TEXTS),
    CutOrderBody: st.builds(CutOrderBody),
    HoldFloorBody: SPANS.map(lambda span: HoldFloorBody(*span)),
    LiftBody: st.builds(LiftBody),
    VoidBody: st.builds(
        VoidBody,
        KEYIDS,
        IDS,
        st.lists(st.builds(Kept, IDS.map("hold/".__add__), REVS, INSTANTS, INSTANTS), max_size=4).map(tuple),
        KEYIDS,
    ),
    LimiterBody: st.builds(LimiterBody, st.booleans()),
    TariffBody: tariffs(),
    DeferralBody: SPANS.map(lambda span: DeferralBody(*span)),
    DebtBody: st.builds(
        DebtBody,
        st.integers(0, DEBT_UEUR_MAX),
        st.integers(0, 1_000),
        st.integers(0, DEBT_UEUR_MAX),
        st.integers(0, DEBT_UEUR_MAX),
        st.integers(1, 366),
    ),
    RefundBody: st.builds(RefundBody, st.integers(0, DEBT_UEUR_MAX)),
    KeysBody: st.builds(KeysBody, st.integers(1, KEY_GENERATIONS_MAX), KEYIDS, KEYIDS, KEYIDS),
    ParametersBody: st.one_of(
        st.builds(
            ParametersBody,
            INSTANTS,
            st.none() | st.sampled_from(PaymentMode),
            st.none() | st.lists(IDS, max_size=8).map(tuple),
        ),
        st.builds(ParametersBody, INSTANTS, back_to=st.integers(0, REV_MAX)),
    ),
    RebaseBody: st.builds(RebaseBody, IDS),
    LeaseBody: st.builds(
        LeaseBody,
        IDS.map("calendar/".__add__),
        REVS,
        KEYIDS,
        st.lists(NAMED, max_size=4).map(tuple),
    ),
}
SCOPES = st.one_of(
    st.lists(IDS, min_size=1, max_size=4).map(lambda meters: Scope(meters=tuple(meters))),
    IDS.map(lambda group: Scope(group=group)),
    st.just(Scope(fleet=True)),
)


@st.composite
def orders(draw: st.DrawFn) -> tuple[Order, Body]:
    kind = draw(st.sampled_from(Kind))
    body: Body = draw(BODIES[KINDS[kind].body])
    not_before_ms, not_after_ms = draw(SPANS)
    order = Order(
        id=draw(IDS),
        kind=kind,
        object=f"{KINDS[kind].prefix}/{draw(IDS)}",
        scope=draw(SCOPES),
        rev=draw(REVS),
        issued_at_ms=draw(INSTANTS),
        not_before_ms=not_before_ms,
        not_after_ms=not_after_ms,
        basis=draw(TEXTS),
        body=make_body(body),
    )
    return order, body


SPREADS = st.integers(CLAIM_SPREAD_MS_MIN, CLAIM_SPREAD_MS_MAX)
NONCES = st.from_regex(r"[0-9a-f]{16,64}", fullmatch=True)
TIMES = st.one_of(
    st.builds(TimeAnswer, meter=IDS, nonce=NONCES, time_ms=INSTANTS, spread_ms=SPREADS),
    st.builds(OneWayTime, number=REVS, time_ms=INSTANTS, spread_ms=SPREADS),
)


@given(written=orders())
def test_an_order_of_any_kind_reads_back_as_it_was_written(written: tuple[Order, Body]) -> None:
    order, body = written
    payload = write_document(order)
    found = read_order(payload)

    assert found == order
    assert body_of(found, KINDS[order.kind].body) == body
    assert write_document(found) == payload
    assert digest_of(found) == digest_of(order)


@given(time=TIMES)
def test_a_signed_time_reads_back_as_it_was_written(time: SignedTime) -> None:
    assert read_time(write_document(time)) == time


@given(data=st.data(), written=orders())
def test_a_document_cut_off_anywhere_is_refused(data: st.DataObject, written: tuple[Order, Body]) -> None:
    payload = write_document(written[0])
    with pytest.raises(DocumentError):
        read_order(payload[: data.draw(st.integers(0, len(payload) - 1))])


@given(written=orders(), other=st.sampled_from(Kind))
def test_a_body_of_another_kind_is_refused(written: tuple[Order, Body], other: Kind) -> None:
    """Unless it has the very form of that kind: the kind is signed, so the form alone decides nothing."""
    order, body = written
    try:
        found = read_order(write_document(replace(order, kind=other)))
    except DocumentError:
        return
    assert KINDS[found.kind].prefix == KINDS[order.kind].prefix
    assert body_of(found, KINDS[other].body) == msgspec.convert(msgspec.to_builtins(body), KINDS[other].body)


def test_harm_takes_two_people_lease_the_service_and_protection_one() -> None:
    harm = {Kind.CUT_CALENDAR, Kind.CUT_ORDER, Kind.SHORTEN_HOLD, Kind.LIFT_HOLD, Kind.CLEAR_FLAG}
    harm |= {
        Kind.LIMITER,
        Kind.TARIFF,
        Kind.DEFERRAL,
        Kind.DEBT,
        Kind.REFUND,
        Kind.PARAMETERS,
        Kind.KEYS,
        Kind.REBASE,
        Kind.VOID,
    }
    assert {kind for kind, rule in KINDS.items() if rule.role is Role.HARM} == harm
    assert {kind for kind, rule in KINDS.items() if rule.role is Role.LEASE} == {Kind.LEASE}
    assert set(KINDS) == set(Kind)


HOLD = Order(
    id="o-1",
    kind=Kind.HOLD,
    object="hold/moratorium-2020",
    scope=Scope(fleet=True),
    rev=1,
    issued_at_ms=1_593_700_000_000,
    not_before_ms=1_593_700_000_000,
    not_after_ms=1_600_000_000_000,
    basis="decree",
    body=make_body(HoldBody(1_593_700_000_000, 1_594_500_000_000)),
)
NOON_MS = 1_593_770_400_000


def calendar(*edges_h: tuple[int, int]) -> dict[str, Any]:
    windows = [[NOON_MS + start * HOUR_MS, NOON_MS + end * HOUR_MS] for start, end in edges_h]
    return {"kind": "cut_calendar", "object": "calendar/season-2020", "body": {"windows": windows}}


def changed(values: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "parameters", "object": "parameters/m1", "body": {"from_ms": NOON_MS} | values}


def priced(registers: list[str], *switches: tuple[int, int]) -> dict[str, Any]:
    prices = {"price_ueur_per_kwh": 1, "fixed_ueur_per_day": 0}
    body = prices | {
        "registers": [{"obis": obis} | prices for obis in registers],
        "switches": [[NOON_MS + later, place] for later, place in switches],
    }
    return {"kind": "tariff", "object": "tariff/base", "body": body}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ""),
        (priced(["1-0:1.8.1", "1-0:1.8.2"], (0, 1), (1, 2), (2, 0)), ""),
        (priced(["1-0:1.8.1", "1-0:1.8.1"]), "each register stands in a tariff once"),
        (priced(["1-0:1.8.1"], (1, 1), (1, 0)), "switches must be sorted, at different instants"),
        (priced(["1-0:1.8.1"], (0, 2)), "a switch names a register that the tariff has not"),
        (priced(["1-0:1.8.1"], (0, 5)), "at `$.switches[0][1]`"),
        (changed({"mode": "credit", "groups": ["north"]}), ""),
        (changed({"back_to": 0}), ""),
        (changed({"back_to": 1, "mode": "credit"}), "back_to stands alone"),
        (changed({"back_to": 1, "groups": []}), "back_to stands alone"),
        (changed({"mode": "postpaid"}), "Invalid enum value 'postpaid' - at `$.mode`"),
        (priced([], (0, 0)), "a tariff without registers has nothing to switch"),
        (priced(["1.8.1"]), "at `$.registers[0].obis`"),
        (priced([f"1-0:1.8.{place}" for place in range(5)]), "at `$.registers`"),
        ({"kind": "hang"}, "Invalid enum value 'hang' - at `$.kind`"),
        ({"object": "flag/medical"}, "object 'flag/medical'; a hold revises hold/NAME"),
        ({"object": "hold/../x"}, "at `$.object`"),
        ({"object": "hold/x\n"}, "at `$.object`"),
        ({"id": "a b"}, "at `$.id`"),
        ({"id": "a\n"}, "at `$.id`"),
        ({"id": "a/b"}, "at `$.id`"),
        ({"id": "a" * (ID_CHARS_MAX + 1)}, "at `$.id`"),
        ({"rev": 0}, "at `$.rev`"),
        ({"rev": REV_MAX + 1}, "at `$.rev`"),
        ({"rev": 1.5}, "at `$.rev`"),
        ({"rev": "1"}, "at `$.rev`"),
        ({"v": 2}, "at `$.v`"),
        ({"later": 1}, "unknown field `later`"),
        ({"scope": {}}, "exactly one of them"),
        ({"scope": {"fleet": True, "group": "x"}}, "exactly one of them"),
        ({"not_after_ms": HOLD.not_before_ms}, "not_after_ms must be later than not_before_ms"),
        ({"issued_at_ms": INSTANT_MS_MAX + 1}, "at `$.issued_at_ms`"),
        ({"body": {"from_ms": NOON_MS, "until_ms": NOON_MS}}, "until_ms must be later than from_ms"),
        ({"body": {"from_ms": NOON_MS}}, "order: body: Object missing required field `until_ms`"),
        ({"body": []}, "order: body: Expected `object`"),
        ({"body": None}, "order: body: Expected `object`"),
        (calendar((0, 2), (3, 5)), ""),
        (calendar(), ""),
        (calendar((3, 5), (0, 2)), "windows must be sorted, disjoint and not empty"),
        (calendar((0, 4), (3, 5)), "windows must be sorted, disjoint and not empty"),
        (calendar((2, 2)), "windows must be sorted, disjoint and not empty"),
        ({"basis": "x" * PAYLOAD_BYTES_MAX}, "bytes; at most 16384"),
    ],
)
def test_an_order_that_breaks_its_form_gets_one_clear_line(changes: dict[str, Any], says: str) -> None:
    payload = json.dumps({**json.loads(write_document(HOLD)), **changes}).encode()
    if not says:
        read_order(payload)
        return
    with pytest.raises(DocumentError) as caught:
        read_order(payload)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(Kind),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*Order.__struct_fields__, "form", "from_ms", "windows"]), inner)
    ),
    max_leaves=20,
)
PIECES = st.sampled_from(
    [
        b"\xff",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"\\udfff\\ud800",
        b"\\u0000",
        b"\0",
        b"\xf5",
        b"9" * 5_000,
        b"1e999",
        b"-0",
        b'"',
    ]
)


@given(value=JSON_VALUES)
def test_any_json_is_read_or_refused_with_a_document_error(value: object) -> None:
    payload = json.dumps(value).encode()
    for read in (read_order, read_time):
        try:
            read(payload)
        except DocumentError:
            continue
        raise AssertionError(payload)


@given(data=st.data(), written=orders(), piece=PIECES)
def test_junk_inside_a_good_order_is_harmless_or_refused(
    data: st.DataObject, written: tuple[Order, Body], piece: bytes
) -> None:
    payload = write_document(written[0])
    at = data.draw(st.integers(0, len(payload)))
    over = data.draw(st.integers(0, 3))
    try:
        order = read_order(payload[:at] + piece + payload[at + over :])
    except DocumentError:
        return
    write_document(order)


@given(
    depth=st.integers(1, PAYLOAD_BYTES_MAX),
    opening=st.sampled_from([b"[", b'{"a":', b'{"id":', b'{"body":', b'{"scope":', b'{"form":']),
    first=st.sampled_from(
        [b"", b'{"body":', b'{"id":', b'{"x":', b'{"scope":{"meters":', b'{"form":"answer","x":']
    ),
)
def test_no_nesting_is_too_deep_to_be_refused(depth: int, opening: bytes, first: bytes) -> None:
    for read in (read_order, read_time):
        with pytest.raises(DocumentError):
            read(first + opening * depth)


@given(payload=st.binary(max_size=64))
def test_bytes_that_are_no_document_are_refused(payload: bytes) -> None:
    for read in (read_order, read_time):
        with pytest.raises(DocumentError):
            read(payload)
