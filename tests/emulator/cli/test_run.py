"""`relance-emulator` as a person runs it: statuses, streams, and what bad input gets."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from protocols.instants import ms_from_iso
from protocols.limits import SCENARIO_BYTES_MAX

PROGRAM = Path(sys.executable).with_name("relance-emulator")

NAME = 'name = "a wrong date the evening before"'
NIGHT = f"""
[scenario]
{NAME}
start = 2020-07-02T22:00:00+02:00
end = 2020-07-04T12:00:00+02:00
seed = 7

[[meters]]
id = "m1"
firmware = "guarded"
balance_eur = "12.34"
load = "household"
drift_ppm = 20

[[meters]]
id = "old{{n}}"
count = 2
firmware = "legacy-2020"
faults = ["utc_as_local"]
balance_eur = "12.34"

[[events]]
at = 2020-07-02T22:10:00+02:00
do = "programmed_cut"
id = "c1"
time = 2020-07-04T08:01:00+02:00
not_before = 2020-07-04T08:01:00+02:00
not_after = 2020-07-10T00:00:00+02:00

[[events]]
at = 2020-07-02T22:20:00+02:00
do = "top_up"
id = "p1"
eur = "20.00"
channel = "card"

[[events]]
at = 2020-07-02T22:59:00+02:00
do = "witness"
source = "headend"
offset_s = 86400

[[events]]
at = 2020-07-03T22:59:00+02:00
meters = ["m1"]
do = "rtc_lost"

[[expect]]
at = 2020-07-03T05:00:00+02:00
supply = "on"
cuts = 0
"""
FAILING = NIGHT.replace('supply = "on"', 'supply = "armed"')

SUPPLY = {"enum": ["on", "off", "armed", "limited"]}
TEXT = {"type": "string"}
INTEGER = {"type": "integer"}
INSTANT = {"type": ["string", "null"]}
FIELDS: dict[str, dict[str, object]] = {
    "supply": {"from": SUPPLY, "to": SUPPLY, "reason": TEXT},
    "claim": {"source": TEXT, "verdict": TEXT, "offset_s": {"type": ["integer", "null"]}},
    "clock": {
        "status": {"enum": ["trusted", "disputed", "lost"]},
        "earliest": INSTANT,
        "latest": INSTANT,
    },
    "order": {
        "object": TEXT,
        "rev": INTEGER,
        "verdict": {"enum": ["accepted", "refused"]},
        "reason": TEXT,
    },
    "credit": {"balance_ueur": INTEGER},
    "warning": {},
    "screen": {"text": TEXT, "code": TEXT},
    "expect": {
        "ok": {"type": "boolean"},
        "key": TEXT,
        "expected": {"type": ["string", "integer"]},
        "found": {"type": ["string", "integer"]},
    },
}
LINE_SCHEMA = {
    "oneOf": [
        {
            "type": "object",
            "required": ["t", "meter", "event", *fields],
            "properties": {
                "t": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$"},
                "meter": {"enum": ["m1", "old1", "old2"]},
                "event": {"const": event},
                **fields,
            },
        }
        for event, fields in FIELDS.items()
    ]
}
END_SCHEMA = {
    "type": "object",
    "required": ["event", "failed", "decisions_sha256"],
    "properties": {
        "event": {"const": "end"},
        "failed": {"type": "integer", "minimum": 0},
        "decisions_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
}


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The program in a pipe, where nothing says how wide lines may be."""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


# ------------------------------------------------------------------ right files


def test_every_json_line_is_of_a_known_form_and_the_last_one_ends_the_file(tmp_path: Path) -> None:
    done = run("run", write(tmp_path, "night.toml", NIGHT), "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *items, end = lines(done.stdout)
    for item in items:
        jsonschema.validate(item, LINE_SCHEMA)
    jsonschema.validate(end, END_SCHEMA)
    assert end["failed"] == 0
    assert {item["event"] for item in items} >= {"supply", "claim", "clock", "order", "credit", "expect"}
    instants_ms = [ms_from_iso(str(item["t"])) for item in items]
    assert instants_ms == sorted(instants_ms)


def test_the_same_file_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path, "night.toml", NIGHT)
    first, second = (run("run", "night.toml", "--json", cwd=tmp_path) for _ in range(2))
    assert first.stdout == second.stdout


def test_another_seed_gives_other_households(tmp_path: Path) -> None:
    write(tmp_path, "one.toml", NIGHT)
    write(tmp_path, "two.toml", NIGHT.replace("seed = 7", "seed = 8"))
    one, two = (lines(run("run", name, "--json", cwd=tmp_path).stdout) for name in ("one.toml", "two.toml"))
    assert [item for item in one if item["event"] == "credit"] != [
        item for item in two if item["event"] == "credit"
    ]


def test_the_timeline_is_plain_text_if_the_output_is_no_terminal(tmp_path: Path) -> None:
    done = run("run", write(tmp_path, "night.toml", NIGHT), cwd=tmp_path)
    head, *timeline, end = done.stdout.splitlines()
    assert head == "a wrong date the evening before  night.toml · 3 meters · seed 7"
    assert all("\x1b" not in line for line in timeline)
    assert any(line.startswith("Thu 2020-07-02 22:59:00  m1    claim") for line in timeline)
    assert end.startswith("6 expectations: all held  decisions ")
    assert (done.returncode, done.stderr) == (0, "")


def test_each_of_several_files_ends_with_its_own_line(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", NIGHT)
    write(tmp_path, "b.toml", FAILING)
    done = run("run", "a.toml", "b.toml", "--json", cwd=tmp_path)
    ends = [line for line in lines(done.stdout) if line["event"] == "end"]
    assert [(end["file"], end["failed"]) for end in ends] == [("a.toml", 0), ("b.toml", 3)]
    assert done.returncode == 1


def test_a_failed_expectation_ends_with_1_and_is_explained_on_standard_error(tmp_path: Path) -> None:
    done = run("run", write(tmp_path, "night.toml", FAILING), cwd=tmp_path)
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert told[0] == ("night.toml: expect[0]: Fri 2020-07-03 05:00:00: m1: supply: expected armed, found on")
    assert told[1] == "  what led there:"
    assert any("m1    claim    headend says +86,400 s (+1 day): disagrees" in line for line in told[2:])


def test_of_many_failures_the_first_are_printed_and_the_others_counted(tmp_path: Path) -> None:
    write(tmp_path, "many.toml", FAILING.replace("count = 2", "count = 40"))
    done = run("run", "many.toml", cwd=tmp_path)
    assert done.stderr.count("expected armed") == 10
    assert done.stderr.splitlines()[-1] == "many.toml: 31 more expectations failed"


def test_what_led_there_is_told_once_for_a_meter_and_an_instant(tmp_path: Path) -> None:
    twice = FAILING.replace('supply = "armed"\ncuts = 0', 'supply = "armed"\ncuts = 7')
    done = run("run", write(tmp_path, "night.toml", twice), cwd=tmp_path)
    assert done.stderr.count(": expected ") == 6
    assert done.stderr.count("what led there") == 3


def test_a_run_ends_with_a_table_of_its_meters(tmp_path: Path) -> None:
    done = run("run", write(tmp_path, "night.toml", NIGHT), cwd=tmp_path)
    assert done.stdout.split("\n\n")[1].splitlines()[:-1] == [
        "meter  cuts  when                     why               at the end",
        "m1        0                                             on",
        "old1      1  Fri 2020-07-03 06:01:00  programmed_cut    off",
        "old2      1  Fri 2020-07-03 06:01:00  programmed_cut    off",
    ]


def test_lines_fit_the_columns_and_no_word_is_broken(tmp_path: Path) -> None:
    write(tmp_path, "night.toml", FAILING)
    wide, narrow = (
        subprocess.run(
            [PROGRAM, "run", "night.toml"],
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": columns},
            capture_output=True,
            text=True,
            check=False,
        )
        for columns in ("1000", "80")
    )
    assert max(map(len, wide.stdout.splitlines())) > 80
    for stream in ("stdout", "stderr"):
        assert max(map(len, getattr(narrow, stream).splitlines())) <= 80
        assert getattr(narrow, stream).split() == getattr(wide, stream).split()


@pytest.mark.parametrize("quiet", ["-q", "--quiet"])
def test_quiet_is_a_line_a_file_and_what_failed(tmp_path: Path, quiet: str) -> None:
    write(tmp_path, "a.toml", NIGHT)
    write(tmp_path, "b.toml", FAILING)
    done = run("run", quiet, "a.toml", "b.toml", cwd=tmp_path)
    held, failed = done.stdout.splitlines()
    assert held.startswith("a.toml: 6 expectations: all held  decisions ")
    assert failed.startswith("b.toml: 6 expectations: 3 failed  decisions ")
    assert done.stderr.startswith("b.toml: expect[0]: ")
    ends = lines(run("run", quiet, "--json", "a.toml", "b.toml", cwd=tmp_path).stdout)
    assert [(end["event"], end["failed"]) for end in ends] == [("end", 0), ("end", 3)]


def test_a_junit_report_has_a_case_for_each_expectation_and_key(tmp_path: Path) -> None:
    odd = FAILING.replace(NAME, "name = 'a \"b\" <c> & d'")
    write(tmp_path, "a.toml", NIGHT)
    write(tmp_path, "b.toml", odd)
    done = run("run", "a.toml", "b.toml", "--quiet", "--junit", "report.xml", "--trace", "m1", cwd=tmp_path)
    assert done.returncode == 1
    held, failed = ET.parse(tmp_path / "report.xml").getroot()  # noqa: S314 # our own
    assert (held.attrib["tests"], held.attrib["failures"]) == ("2", "0")
    assert (failed.attrib["tests"], failed.attrib["failures"]) == ("2", "1")
    assert failed.attrib["name"] == 'b.toml: a "b" <c> & d'
    supply, cuts = failed
    assert (supply.attrib["classname"], supply.attrib["name"]) == ("b.toml", "expect[0].supply of 3 meters")
    assert list(cuts) == []
    (told,) = supply
    assert told.attrib["message"].endswith("m1: supply: expected armed, found on")
    assert told.text is not None
    assert [meter for meter in ("m1", "old1", "old2") if f"{meter}: supply: expected" in told.text] == [
        "m1",
        "old1",
        "old2",
    ]


def test_a_hold_that_was_never_declared_is_warned_of_on_standard_error(tmp_path: Path) -> None:
    lifted = '\n[[events]]\nat = 2020-07-03T00:00:00Z\ndo = "lift_hold"\nid = "moratorum"\n'
    done = run("run", write(tmp_path, "night.toml", NIGHT + lifted), "--quiet", cwd=tmp_path)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        'warning: night.toml: line 56: events[4].id: "moratorum" is lifted, and no such hold'
    )


def test_a_trace_shows_one_meter_with_its_verdicts_and_faults(tmp_path: Path) -> None:
    write(tmp_path, "night.toml", NIGHT)
    guarded, legacy = (
        lines(run("run", "night.toml", "--json", "--trace", meter, cwd=tmp_path).stdout)[:-1]
        for meter in ("m1", "old2")
    )
    assert {item["meter"] for item in guarded} == {"m1"}
    assert {item["meter"] for item in legacy} == {"old2"}
    assert "verdict" in {item["event"] for item in guarded}
    assert "fault" in {item["event"] for item in legacy}


def test_a_journal_is_written_for_each_meter(tmp_path: Path) -> None:
    done = run("run", write(tmp_path, "night.toml", NIGHT), "--journal", "boxes", "--json", cwd=tmp_path)
    assert done.returncode == 0
    files = sorted((tmp_path / "boxes" / "night").iterdir())
    assert [file.name for file in files] == ["m1.jsonl", "old1.jsonl", "old2.jsonl"]
    for file in files:
        entries = lines(file.read_text(encoding="utf-8"))
        assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))


def test_a_meter_to_which_nothing_happens_has_an_empty_journal(tmp_path: Path) -> None:
    quiet = NIGHT.partition("[[events]]")[0].replace('balance_eur = "12.34"', 'balance_eur = "99.00"')
    run("run", write(tmp_path, "quiet.toml", quiet), "--journal", ".", cwd=tmp_path)
    assert (tmp_path / "quiet" / "m1.jsonl").read_bytes() == b""


# ------------------------------------------------------------------ bad input


def test_with_one_wrong_file_nothing_runs(tmp_path: Path) -> None:
    write(tmp_path, "right.toml", NIGHT)
    write(tmp_path, "wrong.toml", NIGHT.replace('source = "headend"', 'source = "gps"'))
    done = run("run", "right.toml", "wrong.toml", "absent.toml", "--journal", "boxes", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    wrong, absent = done.stderr.splitlines()
    place = 'wrong.toml: line 40: events[2].source: "gps"'
    assert wrong == f"{place}; allowed: headend, timeserver, card, technician"
    assert absent.startswith('"absent.toml": no such file; allowed: ')
    assert not (tmp_path / "boxes").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument"),
        (["run", "."], '".": cannot be read: Is a directory'),
        (["run", "a\x1b[31mb"], '"a\\u001b[31mb": no such file; allowed: '),
        (["run", "/dev/zero"], f"/dev/zero: {SCENARIO_BYTES_MAX + 1} bytes; allowed: at most"),
        (["run", "night.toml/x"], '"night.toml/x": cannot be read: Not a directory'),
        (["run", "night.toml", "--trace", "m9"], '--trace: "m9"; allowed: m1, old1, old2'),
        (["run", "night.toml", "--trace", "old3"], '--trace: "old3"; allowed: m1, old1, old2 (perhaps old2)'),
        (["run", "night.toml", "--junit", "x/y.xml"], "--junit: x/y.xml: cannot be written: No such file"),
        (["run", "night.toml", "--frobnicate"], "No such option: --frobnicate"),
        (["run", "night.toml", "night.toml", "--journal", "x"], "--journal: night.toml and night.toml would"),
        (["run", "night.toml", "--journal", "night.toml"], "--journal: night.toml/night: cannot be written"),
        (
            ["faults", "leap_skp"],
            'NAME: "leap_skp"; allowed: a name that `relance-emulator faults` lists (perhaps',
        ),
        (["profiles", "smart"], 'NAME: "smart"; allowed: wallonia-card-2020, flanders-digital'),
        (["fun"], "No such command 'fun'"),
    ],
)
def test_a_wrong_command_line_gets_one_line_and_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    write(tmp_path, "night.toml", NIGHT)
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert message in line


def test_no_argument_at_all_gets_the_help(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert done.returncode == 2
    assert "faults" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "verb",
    ["", "run", "library", "faults", "profiles", "fleet", "journal", "journal verify", "journal replay"],
)
def test_help_is_asked_for_and_given_with_an_example_of_every_verb(tmp_path: Path, verb: str) -> None:
    done = run(*verb.split(), "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: relance-emulator" in done.stdout
    assert verb == "journal" or f"• relance-emulator {verb}" in done.stdout


def test_a_file_that_cannot_be_read_gets_one_line(tmp_path: Path) -> None:
    write(tmp_path, "binary.toml", "x")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    done = run("run", "binary.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("binary.toml: line 1, column 1: byte 0xff; allowed: UTF-8")


# ------------------------------------------------------------------ going away


def test_ctrl_c_ends_quietly_with_130(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow.toml")
    program = [str(PROGRAM), "run", "slow.toml"]
    with (
        subprocess.Popen(program, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
        # Opening the pipe waits until the program has opened it too: then it is reading.
        (tmp_path / "slow.toml").open("wb"),
    ):
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert (process.returncode, stdout, stderr) == (130, b"", b"")


@pytest.mark.parametrize(("text", "status"), [(NIGHT, 0), (FAILING, 1)])
def test_a_reader_that_goes_away_ends_the_program_quietly(tmp_path: Path, text: str, status: int) -> None:
    write(tmp_path, "night.toml", text)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [PROGRAM, "run", "night.toml", "--json"],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (status, b"")


@pytest.mark.parametrize("typed", ["run night.toml", "run night.toml --json", "faults", "library --help"])
def test_a_full_disk_is_said_in_one_line(tmp_path: Path, typed: str) -> None:
    write(tmp_path, "night.toml", NIGHT)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, *typed.split()], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (2, b"No space left on device\n")


def test_a_terminal_of_few_characters_gets_escapes(tmp_path: Path) -> None:
    write(tmp_path, "night.toml", NIGHT)
    done = subprocess.run(
        [PROGRAM, "run", "night.toml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"on \u2192 off" in done.stdout


def test_a_terminal_gets_a_progress_bar_and_then_colours(tmp_path: Path) -> None:
    name = 'name = "no [/markup] of ours"'
    write(tmp_path, "many.toml", NIGHT.replace("count = 2", "count = 20").replace(NAME, name))
    master, slave = os.openpty()
    with subprocess.Popen(
        [str(PROGRAM), "run", "many.toml"],
        cwd=tmp_path,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "200"},
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        shown = read_until_closed(master)
    assert process.returncode == 0
    assert "100%" in shown
    assert "\x1b[1mno [/markup] of ours\x1b[0m" in shown
    assert "\x1b[1;31moff\x1b[0m" in shown


def read_until_closed(master: int) -> str:
    """All that is written to a terminal, until its last writer is gone."""
    found = b""
    with open(master, "rb", buffering=0) as terminal:
        while True:
            try:
                some = terminal.read(65_536)
            except OSError:  # Linux: EIO once the other side is closed
                some = b""
            if not some:
                return found.decode()
            found += some
