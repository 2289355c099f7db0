"""The households of the night whose guarded meter has a card alone: real cards, a kiosk, the dialogue."""

from dataclasses import replace

import pytest

from controller.demo import night
from controller.demo.card_fleet import WayBack
from controller.demo.card_households import HOUSEHOLDS_MAX, ByCard, play_by_card
from controller.demo.population import TwinHousehold, households
from controller.demo.report import render
from controller.demo.report_fields import report_fields
from protocols.instants import MINUTE_MS
from protocols.reasons import Energy
from tests.controller.demo.test_report import made

HOMES = households(60, 7)
SERVED = [home for home in HOMES if home.energy is Energy.ELECTRICITY and home.balance_q >= 0]


def way_back(home: TwinHousehold, place: int, cut_ms: int = night.LIE_MS + 2 * MINUTE_MS) -> WayBack:
    served_ms = night.NIGHT_ENDS_MS + (place + 1) * night.CARD_MS + 7
    return WayBack(home.card, cut_ms, "Eupen", served_ms, served_ms, served_ms + night.WAY_HOME_MS)


@pytest.fixture(scope="module")
def by_card() -> ByCard:
    found = play_by_card([way_back(home, place) for place, home in enumerate(SERVED[:7])], HOMES, 7)
    assert found is not None
    return found


def test_nobody_is_cut_by_the_wrong_date_although_each_meter_has_heard_it(by_card: ByCard) -> None:
    assert (by_card.households, by_card.heard_wrong_date, by_card.early_cuts) == (7, 7, 0)


def test_whose_card_brought_the_cancellation_is_never_cut_and_the_others_come_back_by_card(
    by_card: ByCard,
) -> None:
    # Places 1, 3 and 5 wait until Monday.
    assert (by_card.cancelled, by_card.cuts, len(by_card.minutes)) == (4, 3, 3)
    # Cut after 08:00, at the kiosk from 10:00 on, half an hour home.
    assert all(20 < minutes < 180 for minutes in by_card.minutes)


def test_a_card_that_was_pulled_out_is_put_in_again_and_every_cent_is_credited_once(by_card: ByCard) -> None:
    # Places 0, 3 and 6 pull it out.
    assert (by_card.passes, by_card.pulled, by_card.accepted) == (10, 3, 7)
    assert by_card.paid_ueur == by_card.credited_ueur == 7 * 20_000_000


def test_it_is_played_alike_each_time_and_for_a_dozen_at_most(by_card: ByCard) -> None:
    ways = [way_back(home, place) for place, home in enumerate(SERVED[:7])]
    assert play_by_card(ways[::-1], HOMES, 7) == by_card
    many = play_by_card([way_back(home, place) for place, home in enumerate(SERVED)], HOMES, 7)
    assert many is not None
    assert many.households == HOUSEHOLDS_MAX


def test_who_was_cut_for_something_else_is_not_among_them() -> None:
    late = way_back(SERVED[0], 0, cut_ms=night.PLANNED_CUT_MS)
    gas = way_back(next(home for home in HOMES if home.energy is Energy.GAS), 1)
    assert play_by_card([late, gas], HOMES, 7) is None
    assert play_by_card([], HOMES, 7) is None


def test_the_page_and_the_data_tell_of_them(by_card: ByCard) -> None:
    result = replace(made(), by_card=by_card)
    told = report_fields(result)["by_card"]
    assert (told["meters"], told["paid"], told["credited"], told["back_by_card"]) == (7, 14_000, 14_000, 3)
    page = render(result)
    assert "Without a network, by card" in page
    assert page.count("140.00 €") == 2
    assert "Without a network, by card" not in render(made())
    assert report_fields(made())["by_card"] is None
