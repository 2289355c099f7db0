"""`relance meters import`: what a person sees of a file of households."""

import json
from pathlib import Path

import pytest

from controller.faces.cli import flag
from tests.controller.faces.cli.invocation import call
from tests.controller.households.households import ean


def written(folder: Path, text: str, encoding: str = "utf-8") -> str:
    file = folder / "fleet.csv"
    file.write_bytes(text.encode(encoding))
    return str(file)


def test_a_file_is_tried_then_stored_and_the_same_again_changes_nothing(home: Path, tmp_path: Path) -> None:
    file = written(tmp_path, f"EAN;area\r\n{ean(1)};Namur\r\n{ean(2)};Liège\r\n", "utf-8-sig")
    tried = call(home, "meters", "import", file, "--dry-run")
    assert tried.status == 0
    assert tried.out.splitlines() == [
        "2 rows: 2 new, 0 changed, 0 as before.",
        "area: so far no household had Liège, Namur",
        "A dry run: nothing is stored.",
    ]
    first = call(home, "meters", "import", file, "--json").found
    assert (first["new"], first["stored"], first["new_words"]) == (2, True, {"area": ["Liège", "Namur"]})
    again = call(home, "meters", "import", file)
    assert again.out == "2 rows: 0 new, 0 changed, 2 as before.\n"
    changed = written(tmp_path, f"ean,area\n{ean(1)},Liège\n")
    assert f"row 2, {ean(1)}: area: Namur becomes Liège" in call(home, "meters", "import", changed).out


def test_a_file_of_another_encoding_is_told_in_a_few_lines_with_every_row(home: Path, tmp_path: Path) -> None:
    rows = "".join(f"{ean(number)},Liège\n" for number in range(1, 31))
    ended = call(home, "meters", "import", written(tmp_path, f"ean,area\n{rows}", "latin-1"))
    *first, others, last = ended.err.splitlines()
    assert (ended.status, len(first), "30 wrong: nothing is stored" in last) == (2, 10, True)
    assert f"rows {', '.join(map(str, range(12, 32)))}, area: likewise; allowed: UTF-8" in others


def test_every_wrong_row_is_named_with_its_column_and_nothing_is_stored(home: Path, tmp_path: Path) -> None:
    file = written(tmp_path, f"ean,language\n{ean(1)},fr\n{ean(2)[:-1]}x,fr\n{ean(3)},xx\n")
    ended = call(home, "meters", "import", file)
    assert (ended.status, ended.out) == (2, "")
    assert [line.removeprefix(f"{file}: ").partition("; ")[0] for line in ended.err.splitlines()] == [
        f'row 3, ean: "{ean(2)[:-1]}x"',
        'row 4, language: "xx"',
        "2 wrong: nothing is stored.",
    ]
    shown = call(home, "meters", "import", file, "--json")
    assert (shown.status, shown.found["stored"], shown.found["wrong"]) == (2, False, 2)
    assert [each["row"] for each in shown.found["problems"]] == [3, 4]
    assert call(home, "meters", "import", written(tmp_path, f"ean\n{ean(1)}\n"), "--json").found["new"] == 1


def test_a_latin_1_file_is_read_where_that_is_said(home: Path, tmp_path: Path) -> None:
    file = written(tmp_path, f"ean;area\n{ean(1)};Liège\n", "latin-1")
    assert "--encoding latin-1" in call(home, "meters", "import", file).err
    declared = call(home, "meters", "import", file, "--encoding", "latin-1", "--json").found
    assert declared["new_words"] == {"area": ["Liège"]}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["none.csv"], "none.csv: No such file or directory"),
        (["--encoding", "utf-7"], "allowed: utf-8, latin-1"),
        (["--delimiter", ";"], "allowed: comma, semicolon"),
        (["--as", "nobody"], "allowed: anne, bart, carl"),
    ],
)
def test_a_wrong_argument_is_one_line(home: Path, tmp_path: Path, argv: list[str], words: str) -> None:
    file = [] if argv[0] == "none.csv" else [written(tmp_path, f"ean\n{ean(1)}\n")]
    ended = call(home, "meters", "import", *file, *argv)
    assert ended.status == 2
    assert words in ended.one_line()


def test_a_folder_is_no_file(home: Path, tmp_path: Path) -> None:
    ended = call(home, "meters", "import", str(tmp_path))
    assert (ended.status, ended.one_line()) == (2, f"{tmp_path}: Is a directory")


def test_a_file_that_breaks_off_while_it_is_read_is_named(home: Path) -> None:
    ended = call(home, "meters", "import", "/proc/self/mem")
    assert (ended.status, ended.one_line()) == (2, "/proc/self/mem: Input/output error")


# -- who is behind a meter ------------------------------------------------------------------------


@pytest.fixture
def peopled(home: Path, tmp_path: Path) -> Path:
    """A home of which a file names m00001 and a meter that has never spoken."""
    file = written(
        tmp_path,
        "ean,meter,area,dso,category,energy,link,groups,flags\n"
        f"{ean(1)},m00001,Namur,ORES,ordinary,gas,link-1,winter,medical\n"
        f"{ean(2)},,Namur,,,electricity,link-7,,\n",
    )
    assert call(home, "meters", "import", file).status == 0
    return home


def test_the_list_has_those_that_never_spoke_and_who_is_behind_them(peopled: Path) -> None:
    found = {each["id"]: each for each in call(peopled, "meters", "list", "--json").found["meters"]}
    assert list(found) == [ean(2), "m00001", "m00002", "m00003"]
    assert (found[ean(2)]["expected"], found[ean(2)]["supply"], found[ean(2)]["link"]) == (
        True,
        None,
        "link-7",
    )
    assert found["m00001"]["household"]["groups"] == ["winter"]
    assert (found["m00001"]["expected"], found["m00002"]["household"]) == (False, None)
    out = call(peopled, "meters", "list", "--who").out.splitlines()
    assert out[2].split() == ["m00001", ean(1), "Namur", "ORES", "ordinary", "electricity", "medical"]
    assert max(map(len, out)) <= 80
    wide = call(peopled, "meters", "list", "--who", "--wide", "--where", "group==winter").out
    assert wide.splitlines()[1].split()[-4:] == ["winter", "unknown", "unknown", "link-1"]


def test_a_meter_is_shown_with_its_household_and_where_they_differ(peopled: Path) -> None:
    out = call(peopled, "meters", "show", ean(1)).out
    assert out.startswith("meter ")
    assert "m00001, electricity" in out
    assert "differs from the DSO's file    energy electricity, not gas" in out
    assert "link link-1, not" not in out
    silent = call(peopled, "meters", "show", ean(2))
    assert silent.status == 0
    assert "link-7 (never heard)" in silent.out
    assert "unknown: no file of the DSO names this meter" in call(peopled, "meters", "show", "m00002").out


def test_nothing_is_delivered_to_a_meter_that_never_spoke_and_that_is_said(peopled: Path) -> None:
    for verb in (["meters", "why"], ["release"]):
        ended = call(peopled, *verb, ean(2))
        assert (ended.status, "has never spoken" in ended.one_line()) == (1, True)
    ended = call(peopled, "release", "--where", "area==Namur", "--json")
    assert [each["scope"]["meters"] for each in ended.found["orders"]] == [["m00001"]]
    assert "warning: 1 more match that have never spoken: they are not released" in ended.err


# -- a meter comes, a household leaves ------------------------------------------------------------


def test_a_meter_is_commissioned_with_a_file_of_what_goes_into_it(peopled: Path, tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    asked = ("meters", "commission", "m00099", "--ean", ean(2))
    made = call(peopled, *asked, "--secrets", str(file), "--json")
    assert made.found == {
        "meter": "m00099",
        "ean": ean(2),
        "link": "link-7",
        "new": True,
        "secrets": str(file),
    }
    assert json.loads(file.read_text())["meter"] == "m00099"
    assert call(peopled, *asked).out == f"m00099 was at EAN {ean(2)} before: nothing has changed.\n"
    again = call(peopled, *asked, "--secrets", str(file))
    assert (again.status, "exists already" in again.one_line()) == (2, True)
    wrong = call(peopled, "meters", "commission", "m00098", "--ean", ean(2)[:-1] + "9")
    right = f"allowed: a right check digit; after {ean(2)[:-1]} that is {ean(2)[-1]}"
    assert (wrong.status, right in wrong.one_line()) == (2, True)
    elsewhere = call(peopled, "meters", "commission", "m00001", "--ean", ean(2))
    assert (elsewhere.status, "allowed: one connection" in elsewhere.one_line()) == (1, True)


def test_a_move_tells_whose_the_money_is_and_what_a_second_person_must_sign(peopled: Path) -> None:
    assert call(peopled, "flag", "set", "m00001", "medical").status == 0
    moved = call(peopled, "meters", "move-out", ean(1), "--on", "2020-07-02T20:00Z", "--as", "anne")
    assert moved.status == 0
    assert "The household at EAN 541448860000000011, meter m00001, left on Thu 2020-07-02 22:00" in moved.out
    assert (
        "12.34 EUR on the purse by the report 59 min after the move are owed to who left; "
        "the purse still holds them." in moved.out
    )
    assert "relance orders sign o000002 --as bart" in moved.out
    assert "The connection stays in winter" in moved.out
    shown = call(peopled, "meters", "show", "m00001")
    assert "a household left" in shown.out
    found = call(peopled, "meters", "show", "m00001", "--json").found
    assert [(each["number"], each["balance_ueur"]) for each in found["left"]] == [(1, 12_340_000)]
    assert found["household"]["flags"] == []
    assert call(peopled, "orders", "sign", "o000002", "--as", "bart").status == 0


@pytest.mark.parametrize(
    ("on", "status", "words"),
    [
        ("2020-07-02T22:00", 2, "a date and time with its offset"),
        ("2099-01-01T00:00Z", 2, "is to come; allowed: up to now"),
    ],
)
def test_a_wrong_date_of_a_move_is_refused(peopled: Path, on: str, status: int, words: str) -> None:
    ended = call(peopled, "meters", "move-out", "m00001", "--on", on)
    assert (ended.status, words in ended.one_line()) == (status, True)


# -- flags of the file ----------------------------------------------------------------------------


def test_flags_of_the_file_are_due_until_somebody_orders_them(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flag, "FLAGS_AT_ONCE", 2)
    file = written(
        tmp_path,
        f"ean,meter,flags\n{ean(1)},m00001,medical dispute\n{ean(2)},m00002,protected\n{ean(3)},,medical\n",
    )
    imported = call(home, "meters", "import", file).out
    assert "3 households have flags in the file: `relance flag due` shows which" in imported
    listed = call(home, "flag", "due").out.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [ean(3), "m00001", "m00001", "m00002"]
    assert listed[1].endswith("its meter has never spoken")
    status = call(home, "status").out
    assert "Meters of the DSO's file that never spoke: 1; `relance meters list" in status
    assert "Flags of the file that no order sets: 3; `relance flag due`." in status
    ordered = call(home, "flag", "due", "--order", "--as", "anne")
    assert ordered.out.splitlines() == [
        "Flags ordered: 3, by orders o000001 to o000003.",
        "Flags that wait until their meter has spoken: 1.",
    ]
    counts = call(home, "status", "--json").found
    assert (counts["flags_due"], counts["meters_expected"]) == (0, 1)
    left = call(home, "flag", "due", "--json").found
    assert [(each["meter"], each["spoken"]) for each in left["due"]] == [(ean(3), False)]
    assert call(home, "flag", "due", "--order", "--json").found["ordered"] == []
    call(home, "meters", "import", written(tmp_path, f"ean,flags\n{ean(3)},\n"))
    assert call(home, "flag", "due").status == 1
