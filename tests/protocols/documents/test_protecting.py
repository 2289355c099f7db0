"""Each kind of protecting document is one act of the algebra; the others are none."""

import pytest

from protocols.documents.bodies import Body, FlagBody, HoldBody, HoldFloorBody, LiftBody, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.merging import NOTHING, Protection, in_force
from protocols.documents.orders import Order, Scope, make_body
from protocols.documents.protecting import FLOORS, PROTECTING, join_order
from protocols.instants import LATEST_MS, ms_from_iso
from protocols.reasons import FlagName, Refusal

T = ms_from_iso("2020-07-01T00:00Z")


def document(kind: Kind, rev: int, body: Body) -> Order:
    return Order(
        id=f"o{rev}",
        kind=kind,
        object=f"{KINDS[kind].prefix}/x",
        scope=Scope(meters=("m1",)),
        rev=rev,
        issued_at_ms=T + 1_000,
        not_before_ms=T + 700,
        not_after_ms=T + 9_000,
        basis="test",
        body=make_body(body),
    )


def joined(*documents: Order) -> Protection:
    held = NOTHING
    for each in documents:
        after = join_order(held, each)
        assert isinstance(after, Protection), after
        held = after
    return held


HOLD = document(Kind.HOLD, 1, HoldBody(T + 2_000, T + 3_000))
LATER = document(Kind.HOLD, 2, HoldBody(T + 2_500, T + 4_000))
SHORTER = document(Kind.SHORTEN_HOLD, 3, HoldFloorBody(T + 2_000, T + 2_200))
LIFTED = document(Kind.LIFT_HOLD, 3, LiftBody())
FLAG = document(Kind.SET_FLAG, 1, FlagBody(FlagName.MEDICAL))
CLEARED = document(Kind.CLEAR_FLAG, 2, FlagBody(FlagName.MEDICAL))
RELEASE = document(Kind.RELEASE, 1, ReleaseBody(72))


@pytest.mark.parametrize(
    ("documents", "span_ms"),
    [
        ((HOLD,), (T + 2_000, T + 3_000)),
        ((HOLD, LATER), (T + 2_000, T + 4_000)),
        ((HOLD, LATER, SHORTER), (T + 2_000, T + 2_200)),
        ((HOLD, LATER, LIFTED), None),
        ((FLAG,), (T + 700, LATEST_MS)),  # from its order on
        ((FLAG, CLEARED), None),
        ((RELEASE,), None),  # its hours are ticks of the meter
    ],
)
def test_what_is_in_force_after_some_documents(
    documents: tuple[Order, ...], span_ms: tuple[int, int] | None
) -> None:
    assert in_force(joined(*documents)) == span_ms


def test_a_release_is_remembered_by_its_rev() -> None:
    assert [each.rev for each in joined(RELEASE).above] == [1]


def test_what_comes_below_a_floor_is_refused() -> None:
    assert join_order(joined(LIFTED), HOLD) is Refusal.BELOW_FLOOR


@pytest.mark.parametrize("kind", sorted(set(Kind) - {*PROTECTING, *FLOORS}))
def test_no_other_kind_protects(kind: Kind) -> None:
    with pytest.raises(AssertionError, match="does not protect"):
        join_order(NOTHING, document(kind, 1, LiftBody()))
