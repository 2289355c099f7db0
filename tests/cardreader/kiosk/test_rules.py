"""What a kiosk may do with money, as ledgers: limits, silence, found money, payments taken back."""

from typing import NamedTuple

import pytest

from cardreader.kiosk.rules import (
    CardEvidence,
    CashUp,
    Moment,
    PaymentState,
    Shown,
    TillAccount,
    Usage,
    VoidWay,
    booked_cash,
    check_payment,
    found_money,
    silence_ms,
    void_way,
)
from protocols.errors import InputError, RefusedError
from protocols.instants import HOUR_MS

EURO = 1_000_000


class Limits(NamedTuple):
    payment_min_ueur: int = 5 * EURO
    payment_max_ueur: int = 100 * EURO
    meter_day_ueur: int = 150 * EURO
    offline_ueur: int = 500 * EURO
    offline_count: int = 3
    offline_hours: int = 48
    revoked: bool = False


@pytest.mark.parametrize(
    ("euro", "limits", "usage", "said"),
    [
        (4, None, Usage(), "allowed: 5 to 250"),
        (251, None, Usage(), "allowed: 5 to 250"),
        (250, None, Usage(), None),
        (20, Limits(), Usage(silent_ms=0), None),
        (20, Limits(revoked=True), Usage(silent_ms=0), "K2"),
        (101, Limits(), Usage(silent_ms=0), "K3"),
        (100, Limits(), Usage(50 * EURO, silent_ms=0), None),
        (100, Limits(), Usage(51 * EURO, silent_ms=0), "left: 99.00 € (code K4)"),
        (20, Limits(), Usage(), "K5"),
        (20, Limits(), Usage(silent_ms=48 * HOUR_MS), None),
        (20, Limits(), Usage(silent_ms=48 * HOUR_MS + 1), "K5"),
        (20, Limits(), Usage(0, 480 * EURO, 2, 0), None),
        (20, Limits(), Usage(0, 481 * EURO, 2, 0), "K6"),
        (20, Limits(), Usage(0, 60 * EURO, 3, 0), "3 payments, 60.00 € wait"),
    ],
)
def test_a_payment_within_its_limits(
    euro: int, limits: Limits | None, usage: Usage, said: str | None
) -> None:
    if said is None:
        check_payment(euro * EURO, limits, usage, TillAccount())
        return
    with pytest.raises((RefusedError, InputError)) as caught:
        check_payment(euro * EURO, limits, usage, TillAccount())
    assert said in str(caught.value)


def test_no_total_grows_beyond_what_a_meter_credits() -> None:
    with pytest.raises(RefusedError, match="no meter credits that"):
        check_payment(20 * EURO, None, Usage(), TillAccount(counting_ueur=2**53))


@pytest.mark.parametrize(
    ("heard", "now", "silent_ms"),
    [
        (None, Moment(9, 9, 1), None),
        (Moment(100, 10, 1), Moment(130, 40, 1), 30),
        (Moment(100, 10, 1), Moment(50, 40, 1), 30),  # the clock was set back: the tick counts
        (Moment(100, 10, 1), Moment(900, 40, 1), 800),  # it was set ahead: the longer counts
        (Moment(100, 10, 1), Moment(130, 2, 2), 30),  # booted: only the wall clock can say
        (Moment(100, 10, 1), Moment(99, 2, 2), None),  # booted, and set back: nobody knows
    ],
)
def test_the_longer_silence_counts_whatever_clock_was_set(
    heard: Moment | None, now: Moment, silent_ms: int | None
) -> None:
    assert silence_ms(heard, now) == silent_ms


@pytest.mark.parametrize(
    ("counting", "signed", "proved", "said", "found"),
    [
        (0, 0, 0, 0, 0),
        (50, 50, 50, 50, 0),
        (20, 20, 50, 0, 30),  # its own statement: the store is an old copy
        (20, 20, 50, 50, 30),
        (30, 50, 50, 0, 0),  # 20 was voided: an earlier image shows it, and it is no money
        (20, 20, 20, 50, None),  # only said: whoever writes on a card could say it
        (30, 50, 0, 50, 0),  # the voided statement was credited after all: the next payments are less
    ],
)
def test_what_the_card_shows_and_what_of_it_is_found(
    counting: int, signed: int, proved: int, said: int, found: int | None
) -> None:
    account, shown = TillAccount(counting, signed, 1), Shown(proved, said)
    if found is None:
        with pytest.raises(RefusedError, match="code K1"):
            found_money(account, shown)
    else:
        assert found_money(account, shown) == found


@pytest.mark.parametrize(
    ("state", "evidence", "way"),
    [
        (PaymentState.TAKEN, None, VoidWay.FREE),
        (PaymentState.WRITTEN, CardEvidence("a", 4, 30), VoidWay.CARD),
        (PaymentState.COMMITTED, CardEvidence("a", 4, 30), VoidWay.CARD),
        (PaymentState.VOIDING, CardEvidence("a", 4, 30), VoidWay.CARD),
        (PaymentState.COMMITTED, CardEvidence("a", 4, 31), VoidWay.REFUND),
        (PaymentState.COMMITTED, CardEvidence("a", 5, 30), VoidWay.REFUND),
        (PaymentState.COMMITTED, None, "put that card in"),
        (PaymentState.COMMITTED, CardEvidence("b", 4, 0), "this is card b"),
        (PaymentState.ASKED, None, "nothing to void"),
        (PaymentState.DECLINED, None, "nothing to void"),
    ],
)
def test_how_a_payment_is_taken_back(
    state: PaymentState, evidence: CardEvidence | None, way: VoidWay | str
) -> None:
    account = TillAccount(counting_ueur=50)
    if isinstance(way, VoidWay):
        assert void_way(state, ("a", 4), 20, account, evidence) is way
    else:
        with pytest.raises(RefusedError, match=way):
            void_way(state, ("a", 4), 20, account, evidence)


def test_the_drawer_at_the_end_of_a_shift() -> None:
    booked = booked_cash(100, [20, 30], [20])
    assert booked == 130
    assert CashUp(booked, 125).difference_ueur == -5
