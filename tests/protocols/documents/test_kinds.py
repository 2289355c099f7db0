"""The row of each kind, cell by cell, and what must be true of any row, also of one that is still to come."""

import re

import pytest

from protocols.documents.kind_rule import Dates, Joins, Kind, KindRule, Role, ShownBy, Silence
from protocols.documents.kinds import KINDS
from protocols.instants import DAY_MS, MINUTE_MS

# What each kind was before it had a row; lives in days, backdating in minutes, `-` for None.
ROWS = """
kind             role    prefix    joins          shown_by  rank silence         dates         life backdated
hold             protect hold      interval       revision  20   until_effective some_instant  7    2880
release          protect release   remembered     revision  10   until_effective number        30   2880
payment          protect payment   latest         statement 50   until_effective some_instant  3650 2880
emergency_credit protect emergency each           receipt   60   until_effective some_instant  7    2880
set_flag         protect flag      from_its_order revision  30   until_effective some_instant  3650 1
cancel_cut       protect cut       tombstone      tombstone 40   until_effective some_instant  400  2880
cut_calendar     harm    calendar  latest         calendar  70   lapses          every_instant -    60
cut_order        harm    cut       latest         cut_order -    lapses          end_only      -    -
shorten_hold     harm    hold      floor          floor     -    lapses          every_instant 7    60
lift_hold        harm    hold      floor          floor     -    lapses          every_instant 7    60
clear_flag       harm    flag      floor          floor     -    lapses          every_instant 7    60
void             harm    void      taken_away     receipt   75   lapses          every_instant 28   60
limiter          harm    limiter   latest         receipt   -    lapses          every_instant 7    60
tariff           harm    tariff    latest         receipt   80   lapses          every_instant 28   60
deferral         harm    deferral  latest         receipt   81   lapses          every_instant 28   60
debt             harm    debt      latest         receipt   82   lapses          every_instant 28   60
refund           harm    refund    latest         receipt   84   lapses          every_instant 28   60
parameters       harm    parameters latest        receipt   86   lapses          every_instant 28   60
keys             harm    keys      latest         receipt   88   until_stored    every_instant 3650 60
rebase           harm    clock     latest         receipt   -    lapses          none          7    60
lease            lease   lease     latest         lease     90   until_stored    some_instant  7    60
"""
UNDONE_BY = {
    Kind.HOLD: Kind.LIFT_HOLD,
    Kind.SHORTEN_HOLD: Kind.LIFT_HOLD,
    Kind.SET_FLAG: Kind.CLEAR_FLAG,
    Kind.CUT_ORDER: Kind.CANCEL_CUT,
}


def written(value: int | None, unit_ms: int = 1) -> str:
    return "-" if value is None else str(value // unit_ms)


def row_of(kind: Kind, rule: KindRule) -> list[str]:
    return [
        kind,
        rule.role,
        rule.prefix,
        rule.joins,
        rule.shown_by,
        written(rule.resent_rank),
        rule.silence,
        rule.dates,
        written(rule.life_ms, DAY_MS),
        written(rule.backdated_ms, MINUTE_MS),
    ]


def test_each_kind_is_what_it_was() -> None:
    assert [row_of(kind, rule) for kind, rule in KINDS.items()] == [
        line.split() for line in ROWS.strip().splitlines()[1:]
    ]


def test_what_is_true_of_one_kind_alone() -> None:
    assert [kind for kind, rule in KINDS.items() if rule.one_meter] == [
        Kind.PAYMENT,
        Kind.DEBT,
        Kind.REFUND,
        Kind.PARAMETERS,
    ]
    assert [kind for kind, rule in KINDS.items() if rule.needs_supply] == [Kind.RELEASE]
    assert {kind: rule.life_ms_max for kind, rule in KINDS.items() if rule.life_ms_max is not None} == {
        Kind.LEASE: 31 * DAY_MS
    }


def test_who_undoes_a_kind_stands_on_the_other_side_and_revises_the_same_object() -> None:
    assert {kind: rule.undone_by for kind, rule in KINDS.items() if rule.undone_by is not None} == UNDONE_BY
    for kind, other in UNDONE_BY.items():
        assert KINDS[other].prefix == KINDS[kind].prefix
        assert KINDS[other].joins in {Joins.FLOOR, Joins.TOMBSTONE}


def test_holds_alone_have_a_quota() -> None:
    assert {kind: rule.quota for kind, rule in KINDS.items() if rule.quota is not None} == {Kind.HOLD: 8}


@pytest.mark.parametrize("kind", Kind)
def test_only_of_protection_an_expiry_is_undone(kind: Kind) -> None:
    assert KINDS[kind].revivable is (KINDS[kind].role is Role.PROTECT)


# ------------------------------------------------------------------ true of any row


@pytest.mark.parametrize("kind", Kind)
def test_harm_lapses_in_silence_is_never_retained_and_needs_every_instant(kind: Kind) -> None:
    rule = KINDS[kind]
    if rule.role is Role.HARM:
        # New keys cut nobody, and a meter that sleeps must still come to them (decision 0054).
        assert rule.silence is (Silence.UNTIL_STORED if kind is Kind.KEYS else Silence.LAPSES)
        assert not rule.retained
        assert rule.dates is not Dates.SOME_INSTANT
    else:
        assert rule.silence is not Silence.LAPSES
        assert rule.dates in {Dates.SOME_INSTANT, Dates.NUMBER}
    assert rule.retained is (rule.role is Role.PROTECT)


@pytest.mark.parametrize("kind", Kind)
def test_only_two_people_lower_protection(kind: Kind) -> None:
    rule = KINDS[kind]
    assert rule.joins is not Joins.FLOOR or rule.role is Role.HARM
    assert (rule.shown_by is ShownBy.FLOOR) is (rule.joins is Joins.FLOOR)


def test_each_kind_that_is_sent_again_has_its_own_rank_and_the_lease_comes_last() -> None:
    ranks = {kind: rule.resent_rank for kind, rule in KINDS.items() if rule.resent_rank is not None}
    assert len(set(ranks.values())) == len(ranks)
    assert max(ranks, key=lambda kind: ranks[kind]) is Kind.LEASE


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_that_is_sent_again_unasked_is_sent_again_at_a_sync(kind: Kind) -> None:
    assert KINDS[kind].silence is Silence.LAPSES or KINDS[kind].resent_rank is not None


@pytest.mark.parametrize("kind", Kind)
def test_a_prefix_is_a_word_that_an_object_can_begin_with(kind: Kind) -> None:
    assert re.fullmatch(r"[a-z]+", KINDS[kind].prefix)
