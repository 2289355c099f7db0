"""`relance-emulator library`, `faults` and `profiles`: what there is, whole, in a terminal's width."""

import os
import subprocess
from pathlib import Path

import pytest

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.scenario.shipped import library
from tests.emulator.cli.test_run import PROGRAM, lines, run


def test_the_faults_are_those_of_the_catalogue(tmp_path: Path) -> None:
    as_json = lines(run("faults", "--json", cwd=tmp_path).stdout)
    assert [entry["name"] for entry in as_json] == sorted(CATALOGUE)
    assert all(entry["does"] and entry["predicts"] and entry["bugs"] for entry in as_json)
    listed = run("faults", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in listed[:-1] if line[:1].isalpha()] == sorted(CATALOGUE)


@pytest.mark.parametrize("typed", ["faults", f"faults {' '.join(CATALOGUE)}", "profiles"])
def test_a_list_fits_80_columns_and_cuts_no_word(tmp_path: Path, typed: str) -> None:
    narrow, wide = (
        subprocess.run(
            [PROGRAM, *typed.split()],
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": columns},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for columns in ("80", "100")
    )
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.split() == wide.split()


def test_a_fault_that_is_named_is_told_whole(tmp_path: Path) -> None:
    told = run("faults", "leap_skip", cwd=tmp_path).stdout
    for part in (
        CATALOGUE["leap_skip"].does,
        CATALOGUE["leap_skip"].predicts,
        "B01, B06, B08, H1",
        "docs/bugs.md",
    ):
        assert part in told
    assert "relance-emulator run legacy/fault-leap_skip" in " ".join(told.split())
    (entry,) = lines(run("faults", "leap_skip", "--json", cwd=tmp_path).stdout)
    assert entry["name"] == "leap_skip"


def test_a_profile_is_told_with_its_values(tmp_path: Path) -> None:
    told = run("profiles", "wallonia-card-2020", cwd=tmp_path).stdout.splitlines()
    assert told[0] == "wallonia-card-2020"
    assert '    emergency_credit_eur    "12.00" (gas: "15.00")' in told
    as_json = lines(run("profiles", "--json", cwd=tmp_path).stdout)
    assert as_json[0]["name"] == "wallonia-card-2020"
    assert as_json[0]["gas"]["emergency_credit_eur"] == "15.00"  # type: ignore[index] # an object, as JSON has it


def test_a_scenario_of_the_library_is_played_by_its_name(tmp_path: Path) -> None:
    names = [entry["name"] for entry in lines(run("library", "--json", cwd=tmp_path).stdout)]
    assert names == list(library())
    for name in names[:1]:
        assert run("run", str(name), "--json", cwd=tmp_path).returncode in {0, 1}
