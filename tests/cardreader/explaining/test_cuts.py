"""Which planned cuts a card names: what its meter holds, and what a clerk may cancel."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from msgspec.structs import replace as changed

from cardreader.explaining.cuts import NamedCut, cut_to_cancel, named_cuts
from cardreader.files.documents import Words
from cardreader.files.layout import ORDERS
from cardreader.files.meter_state import CUTS_TOLD_MAX, CutTold
from cardreader.issuing.practice import practice_signer
from cardreader.loading.contents import CardContents
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.errors import InputError, RefusedError
from tests.cardreader.explaining.test_explaining import SAID, card
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


def told(*cuts: CutTold, held: Sequence[str] = ()) -> CardContents:
    """A card whose state tells of these cuts, and whose holdings name others."""
    return replace(saying(held), state=card(changed(SAID, cuts=cuts)).state)


DONE = CutTold(object="cut/c1", from_ms=NOW_MS - 2, until_ms=NOW_MS - 1, is_done=True)
PLANNED = CutTold(object="cut/c2", from_ms=NOW_MS + 1, until_ms=NOW_MS + 2)


def test_the_state_says_when_a_cut_is_and_which_one_took_the_supply() -> None:
    assert named_cuts(told(DONE, PLANNED)) == (
        NamedCut("c1", waits=False, from_ms=NOW_MS - 2, until_ms=NOW_MS - 1, is_done=True),
        NamedCut("c2", waits=False, from_ms=NOW_MS + 1, until_ms=NOW_MS + 2),
    )
    assert cut_to_cancel(told(DONE), None) == "c1", "its cancellation gives the supply back"


def test_holdings_of_an_earlier_visit_name_no_cut_that_the_state_does_not_tell() -> None:
    """Where a card is full the meter writes its state alone."""
    assert named_cuts(told(held=("cut/old",))) == ()
    many = [changed(PLANNED, object=f"cut/c{number}") for number in range(CUTS_TOLD_MAX)]
    assert named_cuts(told(*many, held=("cut/more",)))[-1] == NamedCut("more", waits=False)
