"""Bench files: what is read, and what each wrong one is told."""

import pytest

from hil.bench_spec import ByConsole, ModemLine
from hil.benches.form import read_bench
from protocols.errors import InputError

DESK = """
[bench]
name = "desk-1"
[dut]
serial = "M-0042"
[console]
port = "/dev/ttyUSB0"
does = ["clock", "buttons"]
[optical]
port = "rfc2217://127.0.0.1:2217"
password = "12345678"
[p1]
port = "/dev/ttyUSB1"
[relay]
port = "/dev/ttyUSB2"
mains_channel = 2
energised_is_on = false
[supply]
port = "/dev/ttyUSB3"
line = "dsr"
[card]
[[instruments]]
name = "reference clock"
calibrated = 2026-05-01
valid_until = 2027-05-01
"""


def read(text: str) -> str:
    """What a wrong file is told, without its name."""
    with pytest.raises(InputError) as refusal:
        read_bench(text, "desk.toml", {"wallonia-card-2020"}, {"leap_skip"})
    return str(refusal.value).replace("desk.toml: ", "")


def test_what_is_wired_is_read_with_its_defaults() -> None:
    spec = read_bench(DESK, "desk.toml", {"wallonia-card-2020"}, {"leap_skip"})
    assert (spec.name, spec.serial, spec.card_by_operator) == ("desk-1", "M-0042", True)
    assert spec.console is not None
    assert (spec.console.port, spec.console.baud) == ("/dev/ttyUSB0", 9600)
    assert spec.by_console == {ByConsole.CLOCK, ByConsole.BUTTONS}
    assert spec.customer_port is not None
    assert spec.customer_port.baud == 115_200
    assert spec.relay is not None
    assert (spec.relay.mains_channel, spec.relay.energised_is_on) == (2, False)
    assert spec.supply_line is not None
    assert (spec.supply_line.line, spec.supply_line.high_is_supplied) == (ModemLine.DSR, True)
    assert [each.valid_until for each in spec.instruments] == ["2027-05-01"]


def test_a_virtual_bench_needs_its_name_alone() -> None:
    spec = read_bench('[bench]\nname = "v"\n[virtual]\n', "v.toml", {"wallonia-card-2020"}, ())
    assert spec.virtual is not None
    assert (spec.virtual.firmware, spec.virtual.profile, spec.virtual.seed) == (
        "guarded",
        "wallonia-card-2020",
        1,
    )


NAMED = '[bench]\nname = "d"\n'
INSTRUMENT = NAMED + '[card]\n[[instruments]]\nname = "c"\ncalibrated = '
WRONG = [
    ("", "bench: missing; allowed: a table, [bench]"),
    ("[bench\n", "line 1"),
    ('[bench]\nname = "a b"\n[card]', 'line 2: bench.name: "a b"; allowed: 1 to'),
    (NAMED, "virtual: missing; allowed: a table [virtual], or what is wired: console"),
    (NAMED + "[virtual]\n[card]", "card: a table beside [virtual]; allowed: what is wired, or"),
    (NAMED + '[virtual]\nfirmware = "garded"', '"garded"; allowed: guarded, legacy-2020 (perhaps guarded)'),
    (
        NAMED + '[virtual]\nfaults = ["leap_skip"]',
        "faults of a guarded meter; allowed: faults of legacy-2020",
    ),
    (NAMED + '[console]\nport = ""', 'console.port: ""; allowed: a device such as'),
    (NAMED + '[console]\nport = "x"\nbaud = 9601', "line 5: console.baud: 9601; allowed: 300, 600"),
    (NAMED + '[console]\nport = "x"\ndoes = ["mains", "fly"]', 'console.does[1]: "fly"; allowed: mains'),
    (NAMED + '[optical]\nport = "x"\npassword = "a)b"', 'optical.password: "a)b"; allowed: 1 to 32'),
    (NAMED + '[relay]\nport = "x"\nmains_channel = 9', "relay.mains_channel: 9; allowed: an integer from 1"),
    (NAMED + '[supply]\nport = "x"\nline = "rts"', 'supply.line: "rts"; allowed: cts, dsr, cd, ri'),
    (NAMED + '[card]\nmoved_by = "robot"', 'card.moved_by: "robot"; allowed: operator'),
    (
        NAMED + '[reader]\nname = "virtual:"',
        'reader.name: "virtual:"; allowed: any, the name of a PC/SC reader',
    ),
    (
        NAMED + '[reader]\nfleet_key = "f"\npractice = "p"',
        'reader.practice: "p"; allowed: a seed',
    ),
    (NAMED + "[card]\n[valve]", "valve: unknown key; allowed:"),
    (
        NAMED + '[console]\nport = "x"\ndoes = ["mains"]\n[relay]\nport = "y"',
        "relay: a device for what console.does has too: mains; allowed: one of both",
    ),
    (INSTRUMENT + "2026-05-01", "valid_until: missing"),
    (
        INSTRUMENT + "2026-05-02\nvalid_until = 2026-05-01",
        "instruments[0].valid_until: 2026-05-01; allowed: a date from 2026-05-02 on",
    ),
    (
        INSTRUMENT + "2026-05-01T00:00:00Z\nvalid_until = 2026-06-01",
        "calibrated: 2026-05-01T00:00:00+00:00; allowed: a date, such as 2026-05-01",
    ),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_a_wrong_file_is_told_where_and_what_is_allowed(text: str, told: str) -> None:
    assert told in read(text)


def test_all_problems_come_at_once() -> None:
    text = '[bench]\nname = "d"\n[console]\nport = ""\nbaud = 1\n[relay]\nport = ""\nmains_channel = 0\n'
    assert len(read(text).splitlines()) == 4
