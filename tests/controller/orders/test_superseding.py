"""Which order supersedes which, and whom a scope covers."""

import pytest
from msgspec.structs import replace

from controller.orders.superseding import covers, replaces
from protocols.cutting import planning
from protocols.documents import drafting
from protocols.documents.kinds import KINDS
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS, HOUR_MS
from tests.protocols.documents.drafted import DRAFTS, NOW_MS, sheet

M1 = Scope(meters=("m1",))


@pytest.mark.parametrize(
    ("newer", "older"), [("lift", "declare"), ("lift", "shorten"), ("clear_flag", "set_flag")]
)
def test_the_kind_that_undoes_another_supersedes_its_orders(newer: str, older: str) -> None:
    undone, undoes = DRAFTS[older](), replace(DRAFTS[newer](), rev=2)
    assert KINDS[undone.kind].undone_by is undoes.kind
    assert replaces(undoes, undone)


@pytest.mark.parametrize(
    ("newer", "older", "replaced"),
    [
        ("lift", "declare", True),
        ("shorten", "declare", True),
        ("declare", "declare", True),
        ("declare", "lift", False),
        ("release", "release", True),
        ("payment", "payment", True),
        ("tariff", "tariff", True),
        ("clear_flag", "set_flag", True),
        ("set_flag", "clear_flag", False),
        ("emergency", "emergency", False),
        ("release", "declare", False),
    ],
)
def test_which_order_supersedes_which(newer: str, older: str, replaced: bool) -> None:
    new = replace(DRAFTS[newer](), rev=2)
    assert replaces(new, DRAFTS[older]()) is replaced
    assert not replaces(DRAFTS[older](), new)


def test_a_cancel_supersedes_the_cut_order_and_an_earlier_cancel() -> None:
    at_ms = NOW_MS + DAY_MS + 10 * HOUR_MS
    cut = planning.plan_cut(sheet(1), "c", ("m1",), (at_ms, at_ms + HOUR_MS))
    cancel = drafting.cancel_cut(sheet(2), "c", ("m1",))
    assert KINDS[cut.kind].undone_by is cancel.kind
    assert replaces(cancel, cut)
    assert replaces(replace(cancel, rev=3), cancel)
    assert not replaces(replace(cut, rev=3), cancel)


def test_a_hold_is_superseded_only_by_one_that_covers_it() -> None:
    wide = drafting.declare_moratorium(sheet(1), "h", NOW_MS, NOW_MS + 2 * DAY_MS)
    narrow = drafting.declare_moratorium(sheet(2), "h", NOW_MS, NOW_MS + DAY_MS)
    assert not replaces(narrow, wide)
    shorter = drafting.release(sheet(2), "all", 24)
    assert not replaces(shorter, drafting.release(sheet(1), "all", 72))


def test_a_scope_covers_what_it_addresses() -> None:
    fleet, both, one = Scope(fleet=True), Scope(meters=("m1", "m2")), M1
    assert covers(fleet, both)
    assert covers(both, one)
    assert not covers(one, both)
    assert not covers(both, fleet)
    assert not covers(both, Scope(group="north"))
