"""docs/bugs.md tells of every bug and hypothesis that a fault cites, and names the faults that repeat it."""

import re
from pathlib import Path

import pytest

from emulator.firmware.legacy.defects.catalogue import CATALOGUE

PAGE = (Path(__file__).parents[2] / "docs" / "bugs.md").read_text(encoding="utf-8")
ROWS = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if re.match(r"\| [BH][0-9]+ \|", line)}
CITED = {
    number: set[str]() for name, fault in CATALOGUE.items() for number in (*fault.bugs, *fault.hypotheses)
}
for _name, _fault in CATALOGUE.items():
    for _number in (*_fault.bugs, *_fault.hypotheses):
        CITED[_number].add(_name)


def test_every_number_that_a_fault_cites_is_told_of_once() -> None:
    assert len(CITED) > 30
    assert sorted(ROWS) == sorted(CITED)
    for number in CITED:
        assert PAGE.count(f"| {number} |") == 1


@pytest.mark.parametrize("number", sorted(number for number in CITED if number.startswith("B")))
def test_a_bug_names_the_faults_that_repeat_it_and_where_it_was_seen(number: str) -> None:
    _, _, wrong, seen, faults, _ = ROWS[number].split("|")
    assert set(re.findall(r"`([a-z0-9_]+)`", faults)) == CITED[number]
    assert wrong.strip()
    assert seen.strip()
