"""`relance-emulator journal verify|replay`, on the black boxes that `run --journal` writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("relance-emulator")

# A household without credit, warned on Sunday, cut on Monday at eight.
MONDAY = """
[scenario]
name = "a Monday morning"
start = 2020-07-05T22:00:00+02:00
end = 2020-07-06T12:00:00+02:00

[[meters]]
id = "m1"
firmware = "guarded"
balance_eur = "0.00"

[[events]]
at = 2020-07-05T22:10:00+02:00
do = "cut_calendar"
rule = "mon-thu 08:00-16:00"
zone = "Europe/Brussels"
holidays = "BE"
until = 2020-08-01T00:00:00+02:00

[[expect]]
at = 2020-07-06T12:00:00+02:00
supply = "off"
"""


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """The black box of m1."""
    (tmp_path / "monday.toml").write_text(MONDAY)
    assert run("run", "monday.toml", "--journal", ".", cwd=tmp_path).returncode == 0
    return tmp_path / "monday" / "m1.jsonl"


def forge(box: Path, old: str, new: str) -> None:
    text = box.read_text()
    assert old in text
    box.write_text(text.replace(old, new))


def test_a_whole_chain_is_said_to_be_whole(box: Path) -> None:
    done = run("journal", "verify", "monday/m1.jsonl", cwd=box.parent.parent)
    lines = box.read_text().splitlines()
    head = json.loads(lines[-1])["hash"]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"monday/m1.jsonl: whole: entries 1 to {len(lines)}, head {head}\n"


def test_a_changed_entry_breaks_the_chain_at_its_number(box: Path) -> None:
    forge(box, "supply may stop", "all is well....")
    done = run("journal", "verify", "m1.jsonl", cwd=box.parent)
    lines = [json.loads(line) for line in box.read_text().splitlines()]
    number = next(line["number"] for line in lines if "all is well" in line["body"])
    assert (done.returncode, done.stdout) == (1, f"m1.jsonl: broken at entry {number}\n")
    assert run("journal", "replay", "m1.jsonl", cwd=box.parent).returncode == 1


def test_json_says_of_each_chain_whether_it_is_whole(box: Path) -> None:
    whole = box.read_text()
    (box.parent / "cut.jsonl").write_text(whole.replace("supply may stop", "all is well...."))
    (box.parent / "empty.jsonl").write_text("")
    done = run("journal", "verify", "m1.jsonl", "cut.jsonl", "empty.jsonl", "--json", cwd=box.parent)
    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert (done.returncode, done.stderr) == (1, "")
    assert first == {
        "file": "m1.jsonl",
        "whole": True,
        "broken_at": None,
        "first": 1,
        "last": len(whole.splitlines()),
        "head": json.loads(whole.splitlines()[-1])["hash"],
    }
    assert (second["whole"], second["head"], second["broken_at"] > 1) == (False, None, True)
    assert (third["whole"], third["first"], third["head"]) == (True, None, None)


def test_a_ring_that_has_forgotten_its_oldest_is_still_whole_and_a_gap_is_not(box: Path) -> None:
    lines = box.read_text().splitlines(keepends=True)
    box.write_text("".join(lines[3:]))
    assert run("journal", "verify", "m1.jsonl", cwd=box.parent).returncode == 0
    box.write_text("".join(lines[:3] + lines[4:]))
    assert run("journal", "verify", "m1.jsonl", cwd=box.parent).stdout == "m1.jsonl: broken at entry 4\n"


def test_an_opening_is_explained_in_a_sentence_and_its_verdict_agrees(box: Path) -> None:
    done = run("journal", "replay", "m1.jsonl", cwd=box.parent)
    assert (done.returncode, done.stderr) == (0, "")
    *_, opening, summary = done.stdout.splitlines()
    assert "opened for credit: no credit was left; the clock was trusted and said 2020-07-06T0" in opening
    assert "inside the window 2020-07-06T06:00:00Z to 2020-07-06T14:00:00Z" in opening
    assert "all that it names was stored; no hold was known" in opening
    assert summary.endswith(" verdicts asked again, all agree")


def test_a_verdict_that_does_not_come_out_again_is_said_with_its_number(box: Path) -> None:
    forge(box, r"\"nothing_left\":true", r"\"nothing_left\":false")
    done = run("journal", "replay", "m1.jsonl", cwd=box.parent)
    assert done.returncode == 1
    assert "broken at entry" in done.stderr
    assert "DISAGREES: recorded open (permitted), asked again shut (no_evidence)" in done.stdout


def test_json_gives_every_verdict_with_its_question(box: Path) -> None:
    done = run("journal", "replay", "m1.jsonl", "--json", cwd=box.parent)
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert all(verdict["agrees"] for verdict in verdicts)
    opened = verdicts[-1]
    assert (opened["file"], opened["recorded"]) == ("m1.jsonl", {"open": True, "reason": "permitted"})
    assert opened["question"]["cause"] == "credit"
    assert opened["why"].startswith("opened for credit: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}\n", "m1.jsonl: line 1: Object missing required field"),
        ("no json\n", "m1.jsonl: line 1: JSON is malformed"),
        (
            '{"number":1,"previous_hash":"zz","hash":"","body":""}\n',
            "m1.jsonl: line 1: a hash that is no hex",
        ),
    ],
)
def test_what_is_no_journal_gets_one_line_and_2(box: Path, content: str, message: str) -> None:
    box.write_text(content)
    for verb in ("verify", "replay"):
        done = run("journal", verb, "m1.jsonl", cwd=box.parent)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(message)


def test_a_file_that_is_not_there_gets_one_line_and_2(tmp_path: Path) -> None:
    done = run("journal", "verify", "none.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "none.jsonl: cannot be read: No such file or directory\n")
