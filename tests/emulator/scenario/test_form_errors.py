"""A ledger of wrong files: what stands in the file, and the exact line a person gets."""

import re

import pytest

from protocols.errors import InputError
from tests.emulator.scenario.scenario_texts import FILE, HEAD, METERS, event, expectation, read

WITNESS = 'do = "witness"\nsource = "card"\nfresh = true'
CALENDAR = 'do = "cut_calendar"\nrule = "daily 08:00-16:00"\nzone = "Europe/Brussels"\nholidays = "none"\n'
HOLD = 'do = "hold"\nid = "h"\nfrom = 2020-07-03T00:00:00Z\n'
CUT = 'do = "programmed_cut"\nid = "d"\n'
OFFSET = "a date-time with its offset, such as 2020-07-02T22:00:00+02:00"
EUR = 'money as a decimal string in euro, such as "12.34", from -400000 to 400000 with at most 6 decimals'
TOP_UP_EUR = EUR.replace("from -400000", "from 0")
ID = "1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit"
MEETS = 'every meter as "*", or an array of their ids, such as ["m1"]'
YEARS = "an instant from 2000-01-01T00:00:00Z to 2200-01-01T00:00:00Z"
DOS = (
    "witness, set_clock, rtc_lost, mains_off, mains_on, hold, lift_hold, shorten_hold, cut_calendar, "
    "programmed_cut, cancel_cut, top_up, issuers, tariff, deferral, debt, refund, parameters, "
    "release, emergency_credit, rebase, button, flag, set_load, overcurrent, card_in, card_out, kiosk"
)
MONTH = "after at and at most 31 days ahead of it, to 2020-08-02T20:59:00Z"
PROFILES = "wallonia-card-2020, flanders-digital, smets2-like, wallonia-smart"
PURSE = "more than a meter's purse holds, with its balance and earlier payments"
REASONS = (
    "credit, programmed_cut, cut_order, safety, limiter, release, top_up, emergency_credit, hold, clock, "
    "button, leak_test, leak, none"
)


def told(text: str | bytes) -> list[str]:
    """The lines of the error, without the file's name, which each of them has."""
    with pytest.raises(InputError) as caught:
        read(text)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"{FILE}: ") for line in lines)
    return [line.removeprefix(f"{FILE}: ") for line in lines]


def problems_of(text: str | bytes) -> list[str]:
    """The same without the numbers of the lines: `test_places.py` has those."""
    return [re.sub(r"^line [0-9]+: ", "", line) for line in told(text)]


EVENTS = [
    # who and what
    (
        'do = "witness"\nsource = "gps"\noffset_s = 0',
        'source: "gps"; allowed: headend, timeserver, card, technician',
    ),
    ('do = "witnes"', f'do: "witnes"; allowed: {DOS} (perhaps witness)'),
    ("do = 3", f"do: 3; allowed: {DOS}"),
    ("", f"do: missing; allowed: {DOS}"),
    ('do = "rtc_lost"\nwhen = 3', "when: unknown key; allowed: at, meters, do"),
    (
        'do = "rtc_lost"\n"two\\nlines" = 3',
        '"two\\nlines": unknown key; allowed: at, meters, do',
    ),
    ('do = "rtc_lost"\nmeters = "m1"', f'meters: "m1"; allowed: {MEETS}'),
    ('do = "rtc_lost"\nmeters = []', f"meters: an empty array; allowed: {MEETS}"),
    ('do = "rtc_lost"\nmeters = ["*"]', f'meters[0]: "*"; allowed: {MEETS}'),
    ('do = "rtc_lost"\nmeters = ["m1", 7]', f"meters[1]: 7; allowed: {MEETS}"),
    ('do = "rtc_lost"\nmeters = ["m1", "old3"]', 'meters[1]: "old3"; allowed: m1, old1, old2 (perhaps old2)'),
    ('do = "rtc_lost"\nmeters = ["m1", "m1"]', 'meters[1]: "m1" stands here twice; allowed: each meter once'),
    # claims
    (WITNESS, "offset_s: missing; allowed: exactly one of offset_s, time"),
    (
        WITNESS + "\noffset_s = 1\ntime = 2020-07-03T00:00:00Z",
        "offset_s: beside time; allowed: exactly one of offset_s, time",
    ),
    (WITNESS + "\noffset_s = 1.0", "offset_s: 1.0; allowed: an integer from -6311433600 to 6311433600"),
    (WITNESS + "\noffset_s = true", "offset_s: true; allowed: an integer from -6311433600 to 6311433600"),
    (WITNESS + "\noffset_s = -700000000", f"offset_s: -700000000 from at; allowed: {YEARS}"),
    (WITNESS + "\noffset_s = 0\nspread_s = 0", "spread_s: 0; allowed: an integer from 1 to 86400"),
    (WITNESS.replace("true", '"no"') + "\noffset_s = 0", 'fresh: "no"; allowed: true, false'),
    ('do = "set_clock"\ntime = 1970-01-01T00:00:00Z', f"time: 1970-01-01T00:00:00+00:00; allowed: {YEARS}"),
    ('do = "set_clock"\ntime = 2020-07-03', f"time: 2020-07-03; allowed: {OFFSET}"),
    ('do = "set_clock"\ntime = "2020-07-03T00:00:00Z"', f'time: "2020-07-03T00:00:00Z"; allowed: {OFFSET}'),
    (
        'do = "set_clock"\ntime = 2020-07-03T00:00:00',
        f"time: 2020-07-03T00:00:00 is a local time without an offset; allowed: {OFFSET}",
    ),
    (
        'do = "set_clock"\ntime = 2020-07-03T00:00:00.0005Z',
        f"time: 2020-07-03T00:00:00.000500+00:00 is finer than a millisecond; allowed: {OFFSET}",
    ),
    # holds
    (HOLD, f"until: missing; allowed: {OFFSET}"),
    (
        HOLD + "until = 2020-07-03T00:00:00Z",
        "until: 2020-07-03T00:00:00Z; allowed: after from, 2020-07-03T00:00:00Z",
    ),
    (HOLD + "until = 2020-07-04T00:00:00Z\nsignatures = 4", "signatures: 4; allowed: an integer from 0 to 3"),
    ('do = "lift_hold"', f"id: missing; allowed: {ID}"),
    ('do = "lift_hold"\nid = "a/b"', f'id: "a/b"; allowed: {ID}'),
    # calendars
    (
        CALENDAR + "until = 2020-08-02T20:59:01Z",
        f"until: 2020-08-02T20:59:01Z; allowed: {MONTH}",
    ),
    (
        CALENDAR + "until = 2020-07-02T20:59:00Z",
        f"until: 2020-07-02T20:59:00Z; allowed: {MONTH}",
    ),
    (
        CALENDAR.replace("daily", "workdays") + "until = 2020-07-04T00:00:00Z",
        (
            'rule: part 1: "workdays"; allowed: weekdays, weekend, daily, mon to sun, a range such as '
            "mon-fri, several with commas"
        ),
    ),
    (
        CALENDAR.replace("Brussels", "Bruxelles") + "until = 2020-07-04T00:00:00Z",
        'zone: "Europe/Bruxelles"; allowed: an IANA zone name such as Europe/Brussels',
    ),
    (
        CALENDAR.replace('"none"', '"XX"') + "until = 2020-07-04T00:00:00Z",
        'holidays: "XX"; allowed: "none" or an ISO country code such as "BE"',
    ),
    (CALENDAR + 'until = 2020-07-04T00:00:00Z\nnames = ["a b"]', f'names[0]: "a b"; allowed: {ID}'),
    # cuts
    (
        'do = "programmed_cut"\nid = "d"\ntime = 2020-07-03T00:00:00Z\nnot_before = 2020-07-03T00:00:00Z',
        "not_after: missing; allowed: an instant, since guarded meters are addressed",
    ),
    (
        CUT + "not_before = 2020-07-03T00:00:00Z\nnot_after = 2020-07-04T00:00:00Z",
        "time: missing; allowed: an instant, since legacy-2020 meters are addressed",
    ),
    (
        (
            'do = "programmed_cut"\nmeters = ["m1"]\nid = "d"\nnot_before = 2020-07-03T00:00:00Z\n'
            "not_after = 2020-07-03T00:00:00Z"
        ),
        "not_after: 2020-07-03T00:00:00Z; allowed: after not_before, 2020-07-03T00:00:00Z",
    ),
    (
        (
            'do = "programmed_cut"\nmeters = ["old1"]\nid = "d"\ntime = 2020-07-03T00:00:00Z\n'
            "not_after = 2020-07-03T00:00:00Z"
        ),
        "not_before: one end of an interval; allowed: not_before and not_after, or neither",
    ),
    # money and the rest
    ('do = "top_up"\nid = "p"\neur = 20.00', f"eur: 20.0; allowed: {TOP_UP_EUR}"),
    ('do = "top_up"\nid = "p"\neur = "20,00"', f'eur: "20,00"; allowed: {TOP_UP_EUR}'),
    ('do = "top_up"\nid = "p"\neur = "1e3"', f'eur: "1e3"; allowed: {TOP_UP_EUR}'),
    ('do = "top_up"\nid = "p"\neur = "400000.000001"', f'eur: "400000.000001"; allowed: {TOP_UP_EUR}'),
    ('do = "top_up"\nid = "p"\neur = "-1"', f'eur: "-1"; allowed: {TOP_UP_EUR}'),
    ('do = "top_up"\nid = "p"\neur = "0.00"', 'eur: "0.00"; allowed: an amount above 0'),
    ('do = "top_up"\nid = "p"\neur = "1"\nchannel = "sms"', 'channel: "sms"; allowed: mqtt, card, code'),
    (
        'do = "top_up"\nid = "p"\neur = "400000"',
        f"eur: {PURSE}; allowed: at most 400000 in all",
    ),
    (
        'do = "release"\nuntil = 2022-07-04T00:00:00+02:00',
        "until: 2022-07-03T22:00:00Z; allowed: an instant at most 400 days before or after at",
    ),
    ('do = "release"\nhours = 36', "hours: 36; allowed: 24, 48, 72, 240"),
    ('do = "release"\nhours = 72.0', "hours: 72.0; allowed: 24, 48, 72, 240"),
    ('do = "button"\nname = "green"', 'name: "green"; allowed: red, blue, breaker'),
    ('do = "flag"\nname = "protected"', "value: missing; allowed: true, false"),
    ('do = "set_load"\nload_w = -1', "load_w: -1; allowed: an integer from 0 to 1000000"),
]


@pytest.mark.parametrize(("arguments", "line"), EVENTS)
def test_a_wrong_event_gets_its_line(arguments: str, line: str) -> None:
    assert problems_of(HEAD + METERS + event(arguments)) == [f"events[0].{line}"]


HEADS = [
    # find and replace in the head, and the line
    ("[scenario]", "[scenari]", "scenario: missing; allowed: a table, [scenario]"),
    ("[scenario]", "[[scenario]]", "scenario: an array; allowed: a table, [scenario]"),
    ("name", "nam", "scenario.name: missing; allowed: a text on one line of at most 256 characters"),
    (
        '"a wrong date the evening before"',
        '"a\\nb"',
        'scenario.name: "a\\nb"; allowed: a text on one line of at most 256 characters',
    ),
    ("T22:00:00+02:00", "", f"scenario.start: 2020-07-02; allowed: {OFFSET}"),
    (
        "end = 2020-07-04T12:00:00+02:00",
        "end = 2020-07-02T20:00:00Z",
        "scenario.end: 2020-07-02T20:00:00Z; allowed: after start, 2020-07-02T20:00:00Z",
    ),
    (
        "end = 2020-07-04T12",
        "end = 2031-07-04T12",
        "scenario.end: 2031-07-04T10:00:00Z; allowed: at most 3660 days after start",
    ),
    ("end =", "seed = -1\nend =", "scenario.seed: -1; allowed: an integer from 0 to 9223372036854775807"),
    (
        "end =",
        f"seed = 0x{'f' * 5_000}\nend =",
        "scenario.seed: an integer beyond 64 bits; allowed: an integer from 0 to 9223372036854775807",
    ),
    (
        "end =",
        "sed = 1\nend =",
        "scenario.sed: unknown key; allowed: name, start, end, seed, home (perhaps seed)",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "line"), HEADS)
def test_a_wrong_head_gets_its_line_first(right: str, wrong: str, line: str) -> None:
    assert right in HEAD
    assert line in problems_of(HEAD.replace(right, wrong, 1) + METERS)


METER_CASES = [
    # find and replace in the meters, and the line
    ('id = "m1"', "", f"meters[0].id: missing; allowed: {ID}"),
    ('id = "m1"', 'id = "*"', f'meters[0].id: "*"; allowed: {ID}'),
    (
        'id = "m1"',
        'id = "old2"',
        'meters[1].id: "old2" is already the id of another meter; allowed: each id once',
    ),
    ('id = "m1"', f'id = "{"m" * 65}"', f'meters[0].id: "{"m" * 65}"; allowed: {ID}'),
    ('"old{n}"', '"old"', 'meters[1].id: "old"; allowed: with count, a text that holds {n}, such as m{n}'),
    ('"old{n}"', '"{n} x"', f'meters[1].id: "{{n}} x" becomes "2 x"; allowed: {ID}'),
    ("count = 2", "", f'meters[1].id: "old{{n}}"; allowed: {ID}'),
    ("count = 2", "count = 0", "meters[1].count: 0; allowed: an integer from 1 to 100000"),
    (
        "count = 2",
        "count = 100000",
        "meters[1].count: 100001 meters with these; allowed: at most 100000 in a file",
    ),
    ('"guarded"', '"smart"', 'meters[0].firmware: "smart"; allowed: guarded, legacy-2020'),
    ('firmware = "guarded"', "", "meters[0].firmware: missing; allowed: guarded, legacy-2020"),
    ('"12.34"', "12.34", f"meters[0].balance_eur: 12.34; allowed: {EUR}"),
    ('"12.34"', '"12.3456789"', f'meters[0].balance_eur: "12.3456789"; allowed: {EUR}'),
    ('"12.34"', '"400000.01"', f'meters[0].balance_eur: "400000.01"; allowed: {EUR}'),
    ('"12.34"', '"12.34"\nload_w = "400"', 'meters[0].load_w: "400"; allowed: an integer from 0 to 1000000'),
    ('"12.34"', '"12.34"\nload = "office"', 'meters[0].load: "office"; allowed: household'),
    (
        '"12.34"',
        '"12.34"\nload = "household"\nload_w = 1',
        "meters[0].load: beside load_w; allowed: one of load, load_w",
    ),
    (
        '"12.34"',
        '"12.34"\nprofile = "flanders"',
        f'meters[0].profile: "flanders"; allowed: {PROFILES} (perhaps flanders-digital)',
    ),
    ('"12.34"', '"12.34"\nenergy = "water"', 'meters[0].energy: "water"; allowed: electricity, gas'),
    (
        '"12.34"',
        '"12.34"\ndrift_ppm = 0.5',
        "meters[0].drift_ppm: 0.5; allowed: an integer from -100000 to 100000",
    ),
    ('"12.34"', '"12.34"\nmode = "postpaid"', 'meters[0].mode: "postpaid"; allowed: prepaid, credit'),
    (
        '"-0.50"',
        '"-0.50"\nmode = "credit"',
        'meters[1].mode: "credit"; allowed: credit with firmware = "guarded" only',
    ),
    (
        '"12.34"',
        '"12.34"\nfaults = ["date_only"]',
        'meters[0].faults: faults of a guarded meter; allowed: faults with firmware = "legacy-2020" only',
    ),
    (
        '"-0.50"',
        '"-0.50"\nfaults = ["leap_skp"]',
        'meters[1].faults[0]: "leap_skp"; allowed: date_only, leap_skip, std_vs_local (perhaps leap_skip)',
    ),
    (
        '"-0.50"',
        '"-0.50"\nfaults = ["date_only", "date_only"]',
        'meters[1].faults[1]: "date_only" stands here twice; allowed: each name once',
    ),
    ('"-0.50"', '"-0.50"\nfaults = "date_only"', 'meters[1].faults: "date_only"; allowed: an array of names'),
]


@pytest.mark.parametrize(("right", "wrong", "line"), METER_CASES)
def test_a_wrong_meter_gets_its_line(right: str, wrong: str, line: str) -> None:
    assert right in METERS
    assert problems_of(HEAD + METERS.replace(right, wrong, 1)) == [line]


REST = [
    # what follows head and meters, and the line
    (
        expectation(""),
        "expect[0]: expects nothing; allowed: at least one of supply, balance_eur, clock, code, cuts, reason",
    ),
    (expectation('supply = "open"'), 'expect[0].supply: "open"; allowed: on, off, armed, limited'),
    (expectation('clock = "fine"'), 'expect[0].clock: "fine"; allowed: trusted, disputed, lost'),
    (expectation('reason = "date"'), f'expect[0].reason: "date"; allowed: {REASONS}'),
    (expectation("code = 8"), "expect[0].code: 8; allowed: a text on one line of at most 256 characters"),
    (expectation("cuts = -1"), "expect[0].cuts: -1; allowed: an integer from 0 to 1000000"),
    (expectation("cuts = true"), "expect[0].cuts: true; allowed: an integer from 0 to 1000000"),
    (
        expectation("balance_eur = 3"),
        f"expect[0].balance_eur: 3; allowed: {EUR.replace('most 6', 'most 12')}",
    ),
    (
        expectation('meters = ["g"]\nsupply = "limited"')
        + '[[meters]]\nid = "g"\nenergy = "gas"\nfirmware = "guarded"\nbalance_eur = "0"\n',
        'expect[0].supply: "limited" of g, a gas meter; allowed: on, off, armed for gas',
    ),
    (
        "[[expect]]\nat = 2020-07-04T12:00:01+02:00\ncuts = 0\n",
        (
            "expect[0].at: 2020-07-04T10:00:01Z; allowed: from scenario.start to scenario.end, "
            "2020-07-02T20:00:00Z to 2020-07-04T10:00:00Z"
        ),
    ),
    ('[[events]]\ndo = "rtc_lost"', f"events[0].at: missing; allowed: {OFFSET}"),
    ('[events]\ndo = "rtc_lost"', "events: a table; allowed: at most 20000 tables, [[events]]"),
    (
        "[[event]]",
        "event: unknown key; allowed: scenario, tariff, profile, meters, events, expect (perhaps events)",
    ),
    (
        "[tariff]\neur_per_kwh = 0.25",
        f"tariff.eur_per_kwh: 0.25; allowed: {EUR.replace('-400000 to 400000', '0 to 100')}",
    ),
    ("[tariff]\nvat = 1", "tariff.vat: unknown key; allowed: eur_per_kwh, fixed_eur_per_day"),
    (
        "[profile.wallonia-smrt]\nwarning_s = 1",
        (
            "profile.wallonia-smrt: unknown key; allowed: wallonia-card-2020, flanders-digital, smets2-like, "
            "wallonia-smart (perhaps wallonia-smart)"
        ),
    ),
    (
        "[profile.wallonia-card-2020]\nwarning_s = 1.5",
        "profile.wallonia-card-2020.warning_s: 1.5; allowed: an integer from 0 to 2678400",
    ),
    (
        '[profile.wallonia-card-2020]\nfriendly = "at night"',
        (
            'profile.wallonia-card-2020.friendly: part 1: "at"; allowed: weekdays, weekend, daily, '
            "mon to sun, a range such as mon-fri, several with commas"
        ),
    ),
    (
        '[profile.smets2-like]\nreconnect = "auto"',
        'profile.smets2-like.reconnect: "auto"; allowed: close, arm',
    ),
    (
        '[profile.smets2-like]\nemergency_credit_start = "auto"',
        'profile.smets2-like.emergency_credit_start: "auto"; allowed: button, automatic (perhaps automatic)',
    ),
    (
        "[profile.smets2-like]\ndebt_share_percent = 101",
        "profile.smets2-like.debt_share_percent: 101; allowed: an integer from 0 to 100",
    ),
    ("[profile]\nsmets2-like = 3", "profile.smets2-like: 3; allowed: a table, [profile.smets2-like]"),
]


@pytest.mark.parametrize(("text", "line"), REST)
def test_a_wrong_table_gets_its_line(text: str, line: str) -> None:
    assert problems_of(HEAD + METERS + text) == [line]


OFFSET_TOML = "a date-time such as 2020-07-02T22:00:00+02:00"
VALUE = (
    'line 2, column 8: Invalid value; allowed: a text in double quotes, such as "headend", a number, true, '
    f"false, [ … ], or {OFFSET_TOML}"
)
KEY = "line 2, column 8: Expected '=' after a key in a key/value pair; allowed: KEY = VALUE"
DATE = f"line 2, column 9: Invalid date or datetime; allowed: {OFFSET_TOML}"
OPEN = "line 1, column 13: Unterminated string; allowed: a text with its closing quotes, on one line"
TABLE = (
    "line 1, column 10: Expected ']' at the end of a table declaration; allowed: [table] or [[table]], with "
    "all brackets closed, alone on its line"
)


SYNTAX: list[tuple[str | bytes, str]] = [
    ("[scenario]\nname = \n", VALUE),
    (
        "[scenario]\n  name ? 3",
        KEY,
    ),
    (
        "[scenario]\nstart = 2020-02-30T00:00:00Z",
        DATE,
    ),
    ("[scenario\n", TABLE),
    (
        'name = "open',
        OPEN,
    ),
    (
        "[scenario]\nseed = 1\nseed = 2",
        "line 3, column 9: Cannot overwrite a value; allowed: each key once in a table",
    ),
    (b'[scenario]\nname = "caf\xe9"', "line 2, column 12: byte 0xe9; allowed: UTF-8 text"),
    (
        f"[scenario]\nseed = {'9' * 4_301}",
        "line 2, column 8: a number too long to be read; allowed: 64-bit integers",
    ),
    (f"x = {'[' * 100_000}", "arrays or tables nested too deeply; allowed: the tables of design §9"),
    ("\n" + "a." * 1_001 + "b = 1", "line 2: 1001 dots; allowed: at most 1000"),
    (b"#" * (4 * 1024 * 1024 + 1), "4194305 bytes; allowed: at most 4194304"),
]


@pytest.mark.parametrize(("text", "line"), SYNTAX, ids=[line for _, line in SYNTAX])
def test_wrong_toml_gets_its_line_and_column(text: str | bytes, line: str) -> None:
    assert told(text) == [line]


def test_every_problem_of_a_file_is_told_at_once_in_the_order_of_its_tables() -> None:
    text = (
        HEAD.replace("name", "nam")
        + METERS.replace('"guarded"', '"smart"')
        + event('do = "button"\nname = "green"')
        + event('do = "release"\nhours = 1')
        + expectation("cuts = 0.0")
    )
    assert [line.split(":")[0] for line in problems_of(text)] == [
        "scenario.name",
        "scenario.nam",
        "meters[0].firmware",
        "events[0].name",
        "events[1].hours",
        "expect[0].cuts",
    ]


def test_a_wrong_span_or_a_wrong_meter_does_not_make_right_events_wrong() -> None:
    text = (HEAD + METERS).replace("end = 2020", "end = 2019").replace('"guarded"', '"smart"')
    cut = event('do = "programmed_cut"\nmeters = ["m1"]\nid = "d"\ntime = 2020-07-03T23:01:00+02:00')
    assert len(problems_of(text + cut)) == 2


def test_a_calendar_may_run_31_days_to_the_second() -> None:
    assert read(HEAD + METERS + event(CALENDAR + "until = 2020-08-02T20:59:00Z")).events


def test_a_calendar_of_more_windows_than_an_order_holds_is_refused() -> None:
    hours = "; ".join(f"daily {hour:02}:00-{hour:02}:30" for hour in range(10, 23))
    calendar = CALENDAR.replace("daily 08:00-16:00", hours) + "until = 2020-08-02T20:59:00Z"
    line = "events[0].rule: 403 windows until 2020-08-02T20:59:00Z; allowed: at most 350"
    assert problems_of(HEAD + METERS + event(calendar)) == [line]


def test_a_calendar_without_an_end_gets_one_line() -> None:
    assert len(problems_of(HEAD + METERS + event(CALENDAR + "until = 2020-08-02"))) == 1


def test_a_second_amount_under_the_id_of_a_payment_is_refused() -> None:
    first = event('do = "top_up"\nmeters = ["m1"]\nid = "p"\neur = "20.00"\nchannel = "card"')
    other = first.replace("20.00", "30.00")
    line = "events[1].eur: another amount for payment p; allowed: the same id is the same payment"
    assert problems_of(HEAD + METERS + first + other) == [line]
    assert problems_of(HEAD + METERS + first.replace('meters = ["m1"]\n', "") + other) == [line]
    assert problems_of(HEAD + METERS + first + other.replace('meters = ["m1"]\n', "")) == [line]
    assert len(read(HEAD + METERS + first + other.replace('["m1"]', '["old1"]')).events) == 2


def test_a_file_without_meters_is_refused() -> None:
    line = "meters: none; allowed: at least one table, [[meters]]"
    assert problems_of(HEAD) == [line]
    assert problems_of("meters = []\n" + HEAD) == [line]


def test_reading_stops_after_the_maximum_of_problems() -> None:
    lines = problems_of(HEAD + METERS + event('do = "walk"') * 1_000)
    assert len(lines) == 101
    assert lines[-1] == "not read further after 100 problems"
