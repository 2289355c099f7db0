"""Scenarios on the real firmwares: what the files of design §9 say, and what the meters do."""

import pytest

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.population.shipped import shipped_profiles
from emulator.scenario.commissioning import commission
from emulator.scenario.form import read_scenario
from emulator.scenario.model import Scenario
from emulator.scenario.player import Played, play
from emulator.scenario.trace import Item, json_line
from protocols.instants import ms_from_iso

HEAD = """
[scenario]
name = "played"
start = 2020-07-02T22:00:00+02:00
end = 2020-07-08T12:00:00+02:00
seed = 7
"""
BOTH = """
[[meters]]
id = "new"
firmware = "guarded"
balance_eur = "100.00"
load_w = 400
drift_ppm = 20

[[meters]]
id = "old"
firmware = "legacy-2020"
balance_eur = "100.00"
load_w = 400
drift_ppm = -20
"""
POOR = BOTH.replace("100.00", "0.10")
CALENDAR = """
[[events]]
at = 2020-07-02T22:10:00+02:00
meters = ["new"]
do = "cut_calendar"
rule = "weekdays 08:00-16:00"
zone = "Europe/Brussels"
holidays = "BE"
until = 2020-07-20T00:00:00+02:00
"""


def event(at: str, do: str, *arguments: str, meters: str = '"*"') -> str:
    lines = "\n".join(arguments)
    return f'\n[[events]]\nat = 2020-07-{at}+02:00\nmeters = {meters}\ndo = "{do}"\n{lines}\n'


def read(*parts: str) -> Scenario:
    return read_scenario(HEAD + "".join(parts), "played.toml", shipped_profiles(), CATALOGUE)


def played(*parts: str, trace: str | None = None) -> Played:
    return play(read(*parts), commission, trace=trace)


def openings(result: Played) -> list[tuple[str, str]]:
    """Who opened, and when (UTC, to the minute)."""
    off = [item for item in result.items if item.event == "supply" and item.fields["to"] == "off"]
    return [(item.meter, json_line(item)[6:22]) for item in off]


def told(result: Played, meter: str, event: str) -> list[Item]:
    return [item for item in result.items if (item.meter, item.event) == (meter, event)]


def test_the_night_of_2_july_one_lie_opens_the_old_meter_and_not_the_new_one() -> None:
    result = played(
        BOTH,
        event(
            "02T22:20:00",
            "programmed_cut",
            'id = "c1"',
            "time = 2020-07-03T23:01:00+02:00",
            "not_before = 2020-07-03T23:01:00+02:00",
            "not_after = 2020-07-10T00:00:00+02:00",
        ),
        CALENDAR,
        event("02T22:59:00", "witness", 'source = "headend"', "offset_s = 86_400"),
    )
    # The new one obeys the order, in the next window of its calendar, on Monday, at its turn.
    assert openings(result) == [("old", "2020-07-02T21:01"), ("new", "2020-07-06T06:22")]
    (claim,) = told(result, "new", "claim")
    assert (claim.fields["verdict"], claim.fields["offset_s"]) == ("disagrees", 86_400)


def test_without_credit_the_new_meter_is_cut_inside_its_window_and_paid_back() -> None:
    result = played(
        POOR,
        CALENDAR,
        event("06T10:00:00", "top_up", 'id = "p1"', 'eur = "20.00"', 'channel = "card"'),
        event("06T10:05:00", "top_up", 'id = "p1"', 'eur = "20.00"', 'channel = "code"'),
        """
[[expect]]
at = 2020-07-03T16:00:00+02:00
meters = ["new"]
supply = "off"
reason = "credit"
cuts = 1
[[expect]]
at = 2020-07-06T10:05:00+02:00
meters = ["new"]
supply = "on"
reason = "top_up"
""",
    )
    assert result.failures == ()
    payments = [item for item in told(result, "new", "order") if item.fields["kind"] == "payment"]
    assert [(item.fields["rev"], item.fields["reason"]) for item in payments] == [
        (1, "credited"),
        (1, "repeated"),
    ]


@pytest.mark.parametrize(("names", "cut"), [("", True), ('names = ["moratorium"]', False)])
def test_a_lease_that_names_a_hold_that_never_arrived_permits_no_cut(names: str, *, cut: bool) -> None:
    result = played(POOR, CALENDAR + names + "\n")
    assert ("new" in dict(openings(result))) is cut


@pytest.mark.parametrize(("signatures", "verdict", "cut"), [(1, "refused", False), (2, "accepted", True)])
def test_a_hold_is_lifted_by_two_people(signatures: int, verdict: str, *, cut: bool) -> None:
    only_new = '["new"]'
    result = played(
        POOR,
        event(
            "02T22:05:00",
            "hold",
            'id = "moratorium"',
            "from = 2020-07-01T00:00:00+02:00",
            "until = 2020-08-01T00:00:00+02:00",
            meters=only_new,
        ),
        event("02T22:06:00", "lift_hold", 'id = "moratorium"', f"signatures = {signatures}", meters=only_new),
        CALENDAR,
    )
    lift = told(result, "new", "order")[1]
    assert (lift.fields["kind"], lift.fields["verdict"]) == ("lift_hold", verdict)
    assert ("new" in dict(openings(result))) is cut


def test_two_witnesses_that_lie_alike_dispute_the_clock_and_a_rebase_begins_anew() -> None:
    lies = [
        event("03T07:00:00", "witness", f'source = "{source}"', "offset_s = 86_400", meters='["new"]')
        for source in ("headend", "timeserver")
    ]
    result = played(
        BOTH,
        *lies,
        event("03T07:10:00", "rebase", meters='["new"]'),
        """
[[expect]]
at = 2020-07-03T07:05:00+02:00
meters = ["new"]
clock = "disputed"
[[expect]]
at = 2020-07-03T07:10:00+02:00
meters = ["new"]
clock = "lost"
""",
    )
    assert result.failures == ()


def test_one_way_times_are_numbered_and_bring_a_lost_clock_no_upper_bound() -> None:
    one_way = [
        event(at, "witness", f'source = "{source}"', "offset_s = 0", "fresh = false", meters='["new"]')
        for at in ("03T07:00:00", "03T07:01:00")
        for source in ("headend", "card")
    ]
    result = played(
        BOTH,
        event("03T06:00:00", "rtc_lost", meters='["new"]'),
        *one_way,
        '[[expect]]\nat = 2020-07-03T07:05:00+02:00\nmeters = ["new"]\nclock = "lost"\n',
    )
    assert result.failures == ()
    assert all(item.fields["verdict"] != "refused" for item in told(result, "new", "claim"))


def test_a_flag_says_nothing_about_an_opening_before_it() -> None:
    result = played(
        POOR, CALENDAR, event("03T16:30:00", "flag", 'name = "medical"', "value = true", meters='["new"]')
    )
    assert [item.fields["to"] for item in told(result, "new", "supply")] == ["off"]


def test_what_no_card_carries_is_refused_by_the_old_meter_as_what_it_was() -> None:
    result = played(
        BOTH,
        event("03T10:00:00", "flag", 'name = "medical"', "value = true", meters='["old"]'),
        event("03T10:00:00", "rebase", meters='["old"]'),
        event("03T10:00:00", "emergency_credit", meters='["old"]'),
        event("03T10:00:00", "issuers", 'eur_per_day = "5"', meters='["old"]'),
        event("03T10:00:01", "debt", 'eur = "1"', "share_permille = 1", meters='["old"]'),
        event("03T10:00:02", "deferral", 'id = "d"', "until = 2020-07-04T00:00:00Z", meters='["old"]'),
        event("03T10:00:03", "parameters", 'mode = "credit"', meters='["old"]'),
        event("03T10:00:02", "refund", 'eur = "1"', meters='["old"]'),
        event("03T10:00:00", "tariff", 'eur_per_kwh = "1"', 'fixed_eur_per_day = "0"', meters='["old"]'),
        CALENDAR.replace('"new"', '"old"'),
    )
    orders = [(item.fields["object"], item.fields["reason"]) for item in told(result, "old", "order")]
    assert orders == [
        ("calendar/season", "unsupported"),
        ("flag/medical", "unsupported"),
        ("clock/meter", "unsupported"),
        ("emergency/meter", "unsupported"),
        ("issuers", "unsupported"),
        ("tariff/meter", "unsupported"),
        ("debt/meter", "unsupported"),
        ("deferral/d", "unsupported"),
        ("refund/meter", "unsupported"),
        ("parameters/meter", "unsupported"),
    ]


def test_every_event_there_is_can_be_played_twice_alike() -> None:
    everything = [
        POOR.replace("load_w = 400", 'load = "household"'),
        CALENDAR,
        event(
            "02T22:11:00", "hold", 'id = "h"', "from = 2020-07-02T00:00:00Z", "until = 2020-07-03T00:00:00Z"
        ),
        event("02T22:12:00", "shorten_hold", 'id = "h"', "until = 2020-07-02T22:00:00Z"),
        event("02T22:13:00", "lift_hold", 'id = "h"'),
        event("02T22:14:00", "set_clock", "offset_s = -3600"),
        event("02T22:15:00", "mains_off"),
        event("02T22:16:00", "rtc_lost"),
        event("02T22:17:00", "mains_on"),
        *(
            event("02T23:00:00", "witness", f'source = "{source}"', "offset_s = 0")
            for source in ("headend", "timeserver", "card", "technician")
        ),
        event("03T09:00:00", "set_load", "load_w = 9_000"),
        event("03T15:00:00", "release", "hours = 24"),
        event("03T15:01:00", "emergency_credit"),
        event("03T15:02:00", "button", 'name = "red"'),
        event("03T15:03:00", "button", 'name = "breaker"'),
        event("03T15:04:00", "cancel_cut", 'id = "c"'),
        event("03T15:05:00", "flag", 'name = "protected"', "value = true"),
        event("03T15:06:00", "flag", 'name = "protected"', "value = false"),
        event("03T15:07:00", "overcurrent"),
        event("03T15:08:00", "rebase"),
        event("03T15:09:00", "top_up", 'id = "p"', 'eur = "1"'),
        event("03T15:10:00", "issuers", 'eur_per_day = "5"'),
        event("03T15:11:00", "top_up", 'id = "q"', 'eur = "9"'),
    ]
    first, second = played(*everything), played(*everything)
    assert first == second
    assert len(first.items) > len(everything)


def judged(result: Played) -> list[tuple[object, object]]:
    return [(item.fields["object"], item.fields["reason"]) for item in told(result, "new", "order")]


def pay(at: str, name: str, eur: str, *more: str) -> str:
    return event(at, "top_up", f'id = "{name}"', f'eur = "{eur}"', *more, meters='["new"]')


def name_issuers(at: str, *more: str) -> str:
    return event(at, "issuers", 'eur_per_day = "86.40"', *more, meters='["new"]')


def test_a_payment_over_the_issuers_limit_comes_by_itself_or_by_two_people() -> None:
    result = played(
        BOTH,
        name_issuers("03T10:00:00"),
        pay("03T10:00:01", "a", "86.50"),
        pay("03T12:00:00", "b", "500"),
        pay("03T12:00:01", "b", "500", "countersigned = true"),
    )
    assert judged(result) == [
        ("issuers", "stored"),
        ("payment/controller", "over_limit"),
        ("payment/controller", "over_limit"),
        ("payment/controller", "credited"),
    ]
    credit = [(item.true_ms, item.fields["cause"]) for item in told(result, "new", "credit")]
    begun_ms = ms_from_iso("2020-07-03T10:00:00+02:00")
    assert [cause for _true_ms, cause in credit] == ["allowance", "top_up"]
    assert 99_000 <= credit[0][0] - begun_ms <= 101_000


def test_a_new_epoch_states_again_what_the_old_one_never_credited() -> None:
    result = played(
        BOTH,
        pay("03T09:00:00", "before", "10"),
        name_issuers("03T10:00:00"),
        pay("03T10:00:01", "a", "50"),
        pay("03T10:00:02", "b", "60"),
        name_issuers("03T10:01:00", "epoch = 2", "signatures = 1"),
        name_issuers("03T10:02:00", "epoch = 2"),
        pay("03T10:03:00", "a", "50"),
    )
    assert judged(result) == [
        ("payment/controller", "credited"),
        ("issuers", "stored"),
        ("payment/controller", "credited"),
        ("payment/controller", "over_limit"),
        ("", "too_few_signers"),
        ("issuers", "stored"),
        ("payment/controller", "credited"),
        ("payment/controller", "repeated"),
    ]
    # The 60 EUR that waited are paid in the new epoch; the same payment again is no news.
    before, after = (item.fields["balance_ueur"] for item in told(result, "new", "credit")[-2:])
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert 59_990_000 < after - before < 60_000_000
