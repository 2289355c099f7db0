"""A voided key leaves no trace: whatever came in which order, all is as if it had never signed."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocols.documents.bodies import (
    FlagBody,
    HoldBody,
    HoldFloorBody,
    Kept,
    LiftBody,
    ReleaseBody,
    VoidBody,
)
from protocols.documents.envelope import Signer, seal
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.merging import Protection, Revision
from protocols.documents.orders import (
    ORDER_TYPE,
    Order,
    Scope,
    body_of,
    make_body,
    short_keyid,
    write_document,
)
from protocols.documents.room import join_in_table
from protocols.documents.voiding import as_hold, counting, is_well_formed, take_away
from protocols.instants import DAY_MS
from protocols.limits import HOLDS_PER_KEY_MAX, ID_CHARS_MAX, KEPT_MAX, PAYLOAD_BYTES_MAX, REV_MAX
from protocols.reasons import FlagName, Refusal

BASE_MS = 1_600_000_000_000
# Anna's stolen key, the one that she has got since, and Bert's.
STOLEN, NEW, BERT = (letter * 64 for letter in "abc")
HOLDERS = {STOLEN: "anna", NEW: "anna", BERT: "bert"}
NAMES = tuple(f"h{number:02}" for number in range(HOLDS_PER_KEY_MAX + 3))


class Told(NamedTuple):
    """A document, and the key that signed it; empty for what two people sign."""

    order: Order
    keyid: str


def order(kind: Kind, name: str, rev: int, body: object) -> Order:
    return Order(
        id="o",
        kind=kind,
        object=f"{KINDS[kind].prefix}/{name}",
        scope=Scope(fleet=True),
        rev=rev,
        issued_at_ms=BASE_MS,
        not_before_ms=BASE_MS,
        not_after_ms=BASE_MS + DAY_MS,
        basis="",
        body=make_body(body),  # type: ignore[arg-type] # a body of any kind
    )


SPANS = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(
    lambda ends: (BASE_MS + min(ends), BASE_MS + max(ends) + 1)
)
REVS = st.integers(1, 16)
KEYS = st.sampled_from([STOLEN, STOLEN, NEW, BERT])
HOLDS = st.builds(
    lambda name, rev, span, keyid: Told(order(Kind.HOLD, name, rev, HoldBody(*span)), keyid),
    st.sampled_from(NAMES),
    REVS,
    SPANS,
    KEYS,
)
FLAGS = st.builds(
    lambda rev, keyid: Told(order(Kind.SET_FLAG, "medical", rev, FlagBody(FlagName.MEDICAL)), keyid),
    REVS,
    KEYS,
)
RELEASES = st.builds(
    lambda name, rev, keyid: Told(order(Kind.RELEASE, name, rev, ReleaseBody(24)), keyid),
    st.sampled_from(["all", "one"]),
    REVS,
    KEYS,
)
FLOORS = st.builds(
    lambda kind, name, rev, span: Told(
        order(kind, name, rev, LiftBody() if kind is Kind.LIFT_HOLD else HoldFloorBody(*span)), ""
    ),
    st.sampled_from([Kind.LIFT_HOLD, Kind.SHORTEN_HOLD]),
    st.sampled_from(NAMES[:3]),
    REVS,
    SPANS,
)
VOIDS = st.builds(
    lambda keeps: Told(order(Kind.VOID, STOLEN, 1, VoidBody(STOLEN, "anna", tuple(keeps), BERT)), ""),
    st.lists(
        st.builds(
            lambda name, rev, span: Kept(f"hold/{name}", rev, *span), st.sampled_from(NAMES), REVS, SPANS
        )
    ),
)

State = tuple[Mapping[str, Protection], frozenset[str]]
NEW_METER: State = ({}, frozenset())


def join(state: State, told: Told) -> State:
    """What a meter does with one document, as far as its protection goes."""
    table, voided = state
    if told.order.kind is Kind.VOID:
        body = body_of(told.order, VoidBody)
        table = take_away(table, body.key, body.holder)
        for kept in body.keeps:
            table = joined(table, as_hold(told.order, kept), BERT)
        return table, voided | {short_keyid(body.key)}
    if told.keyid and not counting(told.order, frozenset({told.keyid}), voided):
        return state
    return joined(table, told.order, told.keyid), voided


def joined(table: Mapping[str, Protection], each: Order, keyid: str) -> Mapping[str, Protection]:
    found = join_in_table(table, each, HOLDERS.get(keyid, ""), short_keyid(keyid))
    return table if isinstance(found, Refusal) else found


def all_told(documents: Sequence[Told]) -> Mapping[str, Protection]:
    return reduce(join, documents, NEW_METER)[0]


# More than a quota of most keys; without floors, since who goes beyond a quota loses the place of a revision.
@given(st.data(), st.lists(HOLDS | FLAGS | RELEASES, min_size=10, max_size=50), VOIDS)
def test_in_any_order_and_repetition_nothing_of_the_key_is_left_and_all_else_is(
    data: st.DataObject, documents: list[Told], void: Told
) -> None:
    honest = [each for each in documents if each.keyid != STOLEN]
    again = data.draw(st.lists(st.sampled_from([*documents, void]), max_size=10))
    told = data.draw(st.permutations([*documents, void, *again]))
    assert all_told(told) == all_told([*honest, void])


@given(
    st.data(),
    st.lists(HOLDS.filter(lambda told: told.order.object < "hold/h08") | FLOORS, max_size=40),
    VOIDS,
)
def test_with_floors_too(data: st.DataObject, documents: list[Told], void: Told) -> None:
    few = Told(replace(void.order, body=make_body(VoidBody(STOLEN, "anna"))), "")
    honest = [each for each in documents if each.keyid != STOLEN]
    assert all_told(data.draw(st.permutations([*documents, few]))) == all_told([*honest, few])


def test_what_older_firmware_stored_of_the_person_goes_and_of_nobody_stays() -> None:
    mine, nobodys = Revision(1, 1, 9, holder="anna"), Revision(2, 1, 9)
    table = {"hold/a": Protection(None, (mine, nobodys)), "hold/b": Protection(None, (mine,))}
    assert take_away(table, STOLEN, "anna") == {"hold/a": Protection(None, (nobodys,))}
    assert take_away(table, BERT, "bert") is table


def test_the_numbers_of_the_keys_releases_go_and_those_of_others_stay() -> None:
    numbers = Protection(None, (Revision(7, 0, 0, fingerprint="f" * 16),))
    table = {f"release/{STOLEN}": numbers, f"release/{BERT}": numbers}
    assert take_away(table, STOLEN, "anna") == {f"release/{BERT}": numbers}


def test_money_and_harm_of_a_voided_key_count_as_before() -> None:
    both, voided = frozenset({STOLEN, BERT}), {short_keyid(STOLEN)}
    for kind in Kind:
        counted = counting(replace(order(Kind.HOLD, "a", 1, HoldBody(0, 1)), kind=kind), both, voided)
        assert counted == ({BERT} if kind in {Kind.HOLD, Kind.RELEASE, Kind.SET_FLAG} else both), kind


def test_a_void_keeps_holds_alone_and_for_one_who_signed_it() -> None:
    kept = Kept("hold/a", 1, 1, 2)

    def fits(body: VoidBody, name: str = STOLEN) -> bool:
        return is_well_formed(order(Kind.VOID, name, 1, body), body, [BERT, NEW])

    assert fits(VoidBody(STOLEN, "anna"))
    assert fits(VoidBody(STOLEN, "anna", (kept,), BERT))
    assert not fits(VoidBody(STOLEN, "anna"), BERT)
    assert not fits(VoidBody(STOLEN, "anna", (kept,), ""))
    assert not fits(VoidBody(STOLEN, "anna", (kept,), "d" * 64))
    assert not fits(VoidBody(STOLEN, "anna", (replace(kept, object="flag/medical"),), BERT))
    assert not fits(VoidBody(STOLEN, "anna", (replace(kept, until_ms=0),), BERT))
    assert not is_well_formed(
        order(Kind.VOID, BERT, 1, VoidBody(BERT, "bert", (kept,), BERT)),
        VoidBody(BERT, "bert", (kept,), BERT),
        [BERT],
    )


def test_a_void_of_as_many_holds_as_it_may_keep_fits_a_message() -> None:
    last_ms = 4_102_444_800_000
    keeps = tuple(
        Kept(f"hold/{number:0{ID_CHARS_MAX}d}", REV_MAX, last_ms - 1, last_ms) for number in range(KEPT_MAX)
    )
    void = order(Kind.VOID, STOLEN, REV_MAX, VoidBody(STOLEN, "a" * ID_CHARS_MAX, keeps, BERT))
    signers = [Signer.from_seed(bytes([number]) * 32) for number in range(2)]
    data = seal(write_document(replace(void, basis="b" * 256, id="o" * 64)), ORDER_TYPE, signers)
    assert len(data) <= PAYLOAD_BYTES_MAX
