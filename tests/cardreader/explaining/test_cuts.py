"""Which planned cuts a card names: what its meter holds, and what a clerk may cancel."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from cardreader.explaining.cuts import NamedCut, cut_to_cancel, named_cuts
from cardreader.files.documents import Words
from cardreader.files.layout import ORDERS
from cardreader.issuing.practice import practice_signer
from cardreader.loading.contents import CardContents
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.errors import InputError, RefusedError
from tests.cardreader.explaining.test_explaining import card
from tests.cardreader.meter_holdings import holdings
from tests.cardreader.one_card import METER, NOW_MS


def saying(cuts: Sequence[str], *more: bytes) -> CardContents:
    """A card on which the meter says that it holds these cuts."""
    word = msgspec.json.encode(holdings(METER, tuple(cuts)))
    return replace(card(), reports=Words((*more, word)))


def cancelled(found: CardContents, cut: str) -> CardContents:
    sheet = drafting.Sheet("x1", 1, NOW_MS, "the office")
    order = drafting.cancel_cut(sheet, cut, (METER,))
    document = seal(write_document(order), ORDER_TYPE, [practice_signer("1", "anna")])
    return replace(found, documents={**found.documents, ORDERS[0]: document})


@pytest.mark.parametrize(
    ("held", "named"),
    [
        ((), ()),
        (("cut/c2", "cut/c1"), ("c1", "c2")),
        # A card may say anything; only what a clerk could type is offered.
        (("hold/h1", "cut/", "cut/a b", "cut/<b>", "c3", f"cut/{'x' * 65}", "cut/ok"), ("ok",)),
    ],
)
def test_a_card_names_the_cuts_that_its_meter_holds(held: tuple[str, ...], named: tuple[str, ...]) -> None:
    assert tuple(each.name for each in named_cuts(saying(held))) == named


def test_another_word_before_it_and_garbage_are_passed_over() -> None:
    assert named_cuts(saying(["cut/c1"], b"garbage")) == (NamedCut("c1", waits=False),)
    assert named_cuts(replace(card(), reports=Words((b"garbage",)))) == ()


def test_a_cancellation_that_the_meter_has_not_read_is_told() -> None:
    found = cancelled(saying(["cut/c1", "cut/c2"]), "c1")
    assert named_cuts(found) == (NamedCut("c1", waits=True), NamedCut("c2", waits=False))


def test_one_cut_needs_no_name_and_several_do() -> None:
    assert cut_to_cancel(saying(["cut/c1"]), None) == "c1"
    assert cut_to_cancel(saying(["cut/c1"]), "other") == "other"
    with pytest.raises(RefusedError, match="names no planned cut"):
        cut_to_cancel(saying([]), None)
    with pytest.raises(RefusedError, match="several planned cuts: c1, c2; say --id"):
        cut_to_cancel(saying(["cut/c2", "cut/c1"]), None)
    with pytest.raises(InputError, match="--id"):
        cut_to_cancel(saying([]), "a b")
