"""Rules that `make mutants` breaks on purpose: each still stands where it is looked for."""

from pathlib import Path

from tools.mutants import read_mutations

ROOT = Path(__file__).parents[2]


def test_every_line_to_be_broken_stands_once_in_its_file() -> None:
    mutations = read_mutations((ROOT / "tools" / "mutations.toml").read_text())
    assert mutations
    found = {
        f"{mutation.rule}: {change.old}": (ROOT / change.file).read_text().count(change.old)
        for mutation in mutations
        for change in mutation.changes
    }
    assert {line: count for line, count in found.items() if count != 1} == {}
